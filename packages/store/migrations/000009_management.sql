-- Organizations, stars and takedowns: what must be unique or true at once.

-- Who belongs to a namespace beside its owner: an organization's namespace has no account, its owners are members.
create table directory.members (
  namespace_id uuid not null references directory.namespaces (id),
  account_id uuid not null references directory.accounts (id),
  role text not null check (role in ('owner', 'member')),
  primary key (namespace_id, account_id)
);
create index members_account on directory.members (account_id);

alter table directory.namespaces add column is_organization boolean not null default false;

-- One star of an account for a life of a repository.
create table directory.stars (
  repository_id uuid not null,
  account_id uuid not null references directory.accounts (id),
  life int not null,
  starred_at timestamptz not null default clock_timestamp(),
  primary key (repository_id, account_id)
);

-- Images that are taken down everywhere.
create table directory.blocked_images (
  image_id text primary key,
  reason text not null,
  blocked_at timestamptz not null default clock_timestamp()
);

-- Which repositories an account was let into, for lists; the right itself stands in the state of the repository.
create table read.grants (
  repository_id uuid not null,
  account_id uuid not null,
  role text not null,
  primary key (account_id, repository_id)
);
create index grants_repository on read.grants (repository_id);

-- How many a namespace holds, so that a list need not count them.
create table read.namespaces (
  namespace_id uuid primary key,
  public_count bigint not null,
  private_count bigint not null
);

-- Lists of a namespace by name and by date: what is skipped on the way to a page is read from the index alone.
create index repositories_by_date on read.repositories (namespace_id, last_updated, name collate "C")
  include (repository_id, is_private) where status = 'active';
create index repositories_by_name on read.repositories (namespace_id, name collate "C")
  include (repository_id, is_private) where status = 'active';
create index repositories_taken_down on read.repositories (repository_id) where status = 'taken_down';

-- For people with psql: organizations and images have a history too.
create or replace view directory.history as
  select e.position, e.recorded_at as at, e.type, e.stream_id, e.version,
    coalesce(n.name || '/' || r.name, subject.name, o.name,
      case when e.stream_id like 'image-%' then substr(e.stream_id, length('image-') + 1) end) as subject,
    actor.name as actor, e.metadata #>> '{actor,via}' as via, e.metadata #>> '{actor,token_id}' as token_id,
    c.ip, c.user_agent, e.metadata ->> 'request_id' as request_id, e.data
  from es.events e
  left join directory.repository_names r on e.stream_id = 'repository-' || r.repository_id
  left join directory.namespaces n on n.id = r.namespace_id
  left join directory.namespaces o on e.stream_id = 'organization-' || o.id
  left join directory.accounts subject on e.stream_id = 'account-' || subject.id
  left join directory.accounts actor on actor.id = (e.metadata #>> '{actor,id}')::uuid
  left join es.request_contexts c on c.command_id = e.command_id;

insert into read.namespaces (namespace_id, public_count, private_count)
  select namespace_id, count(*) filter (where not is_private), count(*) filter (where is_private)
  from read.repositories where status = 'active' group by namespace_id;

-- States that were written before they had these fields, and that events go on from until the tables of the next version are there,
-- which hold what deleted repositories had as well.
update read.repositories
  set state = '{"grants": {}, "taken_down": null, "stars": 0}'::jsonb || state
  where status in ('active', 'deleting') and not state ? 'grants';
update read.repositories
  set state = state || jsonb_build_object('contents', '{"is_private": false, "is_automated": false, "description": "",
    "full_description": "", "grants": {}, "taken_down": null, "star_count": null, "pull_count": null, "last_updated": null, "stars": 0,
    "images": [], "tags": {}, "pushes": 0, "announced": null}'::jsonb
    || jsonb_build_object('namespace_id', state -> 'namespace_id', 'name', state -> 'name', 'life', state -> 'life'))
  where status = 'deleted' and not state ? 'contents';
-- Tables that are being built by an older version have neither.
select es.discard_rebuild();
delete from es.projections where name = 'tables_next';
-- The third version of the tables; where nothing was projected yet, there is nothing to build anew.
update es.projections set version = 3 where name = 'tables' and version < 3 and position = 0;
