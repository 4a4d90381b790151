-- What accounts may have and do, counted where it must be right: who made an organization, and what an account appended in a day.

-- Null: nobody did, because it is the namespace of an account or is reserved.
alter table directory.namespaces add column made_by uuid;
update directory.namespaces n set made_by = (e.metadata #>> '{actor,id}')::uuid
  from es.events e
  where n.is_organization and e.stream_id = 'organization-' || n.id and e.version = 1;
create index namespaces_made_by on directory.namespaces (made_by) where made_by is not null;

-- Added up by each API process and written every second or so; a day is one of UTC. Without a reference to the account, so that adding to
-- it locks nothing else.
create table directory.usage (
  account_id uuid not null,
  day date not null,
  events bigint not null,
  bytes bigint not null,
  primary key (account_id, day)
);
create index usage_day on directory.usage (day);
