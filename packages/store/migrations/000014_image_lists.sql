-- What a command needs to know of a repository and what only a list shows are two things: the images and tags of a repository are rows
-- of their own, in their order, and its state no longer holds them.

-- Which version of the tables wrote the row. One of another version is not believed: readers fold the repository from the log until the
-- tables were built anew (readers ask for the version of their program, `tablesProjection`).
alter table read.repositories add column tables_version int not null default 3;
alter table read.repositories add column image_count int not null default 0;
alter table read.repositories add column tag_count int not null default 0;

-- From 0, in the order in which the images were first named.
alter table read.images add column ordinal int not null default 0;
drop index read.images_repository;
create index images_repository on read.images (repository_id, ordinal);

create table read.tags (
  repository_id uuid not null,
  tag text not null,
  image_id text not null,
  -- Of the event of a push that named it last; null where it came back with an import that was taken back.
  position bigint,
  primary key (repository_id, tag)
);

-- Where nothing was projected yet there is nothing to build anew.
update es.projections set version = 4 where name = 'tables' and version < 4 and position = 0;
