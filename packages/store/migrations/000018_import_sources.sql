-- What an import read, so that nobody goes on with it with another file: its events would belong to the same import, and go with it.
create table directory.imports (
  id uuid primary key,
  contents_sha256 text not null,
  format text not null,
  namespace text not null,
  begun_at timestamptz not null default clock_timestamp()
);
