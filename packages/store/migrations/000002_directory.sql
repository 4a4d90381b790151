-- What must be unique or true at once: names, addresses, credentials. Written in the transaction that appends the event.

create schema directory;

-- Tells one installation from another where several share a Meilisearch.
create table directory.installation (
  singleton boolean primary key default true check (singleton),
  id uuid not null default gen_random_uuid()
);
insert into directory.installation default values;

create table directory.namespaces (
  id uuid primary key,
  name text not null unique,
  -- Null: reserved. Repositories may stand in it, nobody owns it but the admins of the index.
  account_id uuid
);
insert into directory.namespaces (id, name) values (gen_random_uuid(), 'library');

create table directory.accounts (
  id uuid primary key,
  namespace_id uuid not null,
  -- Null when the registration lapsed: the name is free again.
  name text unique,
  is_admin boolean not null,
  status text not null check (status in ('inactive', 'active', 'lapsed')),
  password_hash text not null,
  credential_version int not null default 1,
  registered_at timestamptz not null default clock_timestamp()
);
create index accounts_namespace on directory.accounts (namespace_id);

create table directory.addresses (
  id uuid primary key,
  account_id uuid not null references directory.accounts (id),
  address text not null,
  -- In lower case: one mailbox, one account.
  address_key text not null unique,
  confirmed boolean not null default false,
  added_at timestamptz not null default clock_timestamp()
);
create index addresses_account on directory.addresses (account_id);

-- Links that were followed: each is good once.
create table directory.spent_links (
  link_id text primary key,
  spent_at timestamptz not null default clock_timestamp()
);

create table directory.repository_names (
  namespace_id uuid not null references directory.namespaces (id),
  name text not null,
  repository_id uuid not null unique,
  primary key (namespace_id, name)
);

-- For people with psql: who did what, when, from where.
create view directory.history as
  select e.position, e.recorded_at as at, e.type, e.stream_id, e.version,
    coalesce(n.name || '/' || r.name, subject.name) as subject,
    actor.name as actor, e.metadata #>> '{actor,via}' as via, e.metadata #>> '{actor,token_id}' as token_id,
    c.ip, c.user_agent, e.metadata ->> 'request_id' as request_id, e.data
  from es.events e
  left join directory.repository_names r on e.stream_id = 'repository-' || r.repository_id
  left join directory.namespaces n on n.id = r.namespace_id
  left join directory.accounts subject on e.stream_id = 'account-' || subject.id
  left join directory.accounts actor on actor.id = (e.metadata #>> '{actor,id}')::uuid
  left join es.request_contexts c on c.command_id = e.command_id;
