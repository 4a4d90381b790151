-- Imports: found by their id to be taken back, and what they tell of a repository beyond its short description.

-- One entry for each command of an operator: events of everybody else cost the look at who acted, and no more.
create index events_import on es.events ((metadata ->> 'correlation_id'), position)
  where command_seq = 1 and metadata #>> '{actor,via}' = 'operator';

-- States that were written before they had these fields, and that events go on from.
update read.repositories set state = '{"full_description": "", "last_updated": null}'::jsonb || state
  where status in ('active', 'deleting') and not state ?& array['full_description', 'last_updated'];
-- A rebuild that an older version began would go on from states without them.
select es.discard_rebuild();
delete from es.projections where name = 'tables_next';
