-- Where each follower of the log stands, and what it builds.

create table es.projections (
  name text not null,
  version int not null,
  position bigint not null default 0,
  -- The command of the event at that position: an older log restored under a newer checkpoint does not have it.
  command_id uuid,
  moved_at timestamptz not null default clock_timestamp(),
  -- For followers that write outside of Postgres (search, mail): who holds it, until when, and how often it changed hands.
  holder text,
  fence bigint not null default 0,
  held_until timestamptz not null default '-infinity',
  primary key (name, version)
);

-- What a follower could not deliver and went past: never silently.
create table es.projection_failures (
  id bigint generated always as identity primary key,
  projection text not null,
  position bigint not null,
  subject text not null,
  reason text not null,
  failed_at timestamptz not null default clock_timestamp()
);

insert into es.projections (name, version) values ('tables', 1), ('search', 1), ('mail', 1);

create schema read;

create table read.repositories (
  repository_id uuid primary key,
  -- Position of the event that created it: an integer for the search index.
  number bigint not null unique,
  namespace_id uuid not null,
  name text not null,
  status text not null,
  is_private boolean not null,
  description text not null,
  star_count bigint,
  pull_count bigint,
  last_updated timestamptz not null,
  -- The stream version that `state` stands at; the reader folds what came after.
  version int not null,
  state jsonb not null
);
create index repositories_namespace on read.repositories (namespace_id, name);

create table read.images (
  repository_id uuid not null,
  image_id text not null,
  checksum text,
  primary key (image_id, repository_id)
);
create index images_repository on read.images (repository_id);
