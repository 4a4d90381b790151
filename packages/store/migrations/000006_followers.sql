-- Followers say why they stand, are built anew beside the running one, and come back to what they could not deliver.

alter table es.projections
  -- Of a projection outside of Postgres: the search index that it fills. Null is the first one, which is named after the installation.
  add column target text,
  -- Why it does not go on: 'halted' needs a person, 'waiting' a process of a newer version. Gone with the next page.
  add column trouble text check (trouble in ('halted', 'waiting')),
  add column trouble_reason text,
  add column trouble_since timestamptz;

-- One line for each thing that could not be delivered, however often it was tried.
delete from es.projection_failures older using es.projection_failures newer
  where older.projection = newer.projection and older.subject = newer.subject and older.id < newer.id;
alter table es.projection_failures
  add column attempts int not null default 1,
  -- Null: set aside, until somebody asks for another try.
  add column retry_at timestamptz,
  add unique (projection, subject);
create index projection_failures_due on es.projection_failures (projection, retry_at) where retry_at is not null;

-- Search indexes that were switched away from: dropped when nobody can be asking them any more.
create table es.superseded_indexes (
  uid text primary key,
  since timestamptz not null default clock_timestamp()
);

-- The one step of a rebuild that others see: `read_next` becomes `read`, in the transaction of the caller. Renaming takes no lock on the
-- tables: statements that run go on with those that they began with, the next ones find the new. A migration that changes the tables of
-- `read` drops `read_next` and the checkpoint `tables_next` as well.
create function es.switch_read_models() returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  drop schema if exists read_old cascade;
  alter schema read rename to read_old;
  alter schema read_next rename to read;
end $$;

-- Waits for readers of the old tables; who cannot wait longer than its lock timeout comes again.
create function es.drop_superseded_read_models() returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  drop schema if exists read_old cascade;
end $$;

create function es.discard_rebuild() returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  drop schema if exists read_next cascade;
end $$;

revoke all on function es.switch_read_models(), es.drop_superseded_read_models(), es.discard_rebuild() from public;
