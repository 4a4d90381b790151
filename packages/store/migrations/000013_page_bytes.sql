-- A page of the log ends at a number of events or of bytes, whichever comes first, and has one event at least. What is counted is the data
-- as it is unpacked, because that is what a reader parses and folds: what is stored may be a tenth of it. `data || '{}'` is the data
-- itself, unpacked; nothing is written out as text for it. Events behind the end of the page are not unpacked.
--
-- The function without a number of bytes stays for processes of the version before this one.
create function es.read_after(after bigint, events int, bytes bigint) returns setof es.events
language plpgsql volatile set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan as $$
declare
  safe bigint := es.safe_position();
  event es.events;
  size int;
  before bigint := 0;
begin
  for event in
    select * from es.events e where e.position > read_after.after and e.position <= safe order by e.position limit read_after.events
  loop
    size := pg_column_size(event.data || '{}');
    exit when before > 0 and before + size > read_after.bytes;
    before := before + size;
    return next event;
  end loop;
end $$;

-- 'failing': the same page failed several times, whatever the reason; it is tried again all the same.
alter table es.projections
  drop constraint projections_trouble_check,
  add constraint projections_trouble_check check (trouble in ('halted', 'waiting', 'failing')),
  -- Of 'failing': the event that the page begins with, null at the end of the log; and how often it failed.
  add column trouble_position bigint,
  add column trouble_failures int;
