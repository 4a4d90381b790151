#!/bin/sh
# Run once by the image of PostgreSQL, on an empty data directory: the three login roles of Docket and its database. What each may do
# is granted by the migrations.
set -eu

password_in() {
  sed --quiet 's#^postgres://[^:]*:\([0-9a-f]*\)@.*#\1#p' "/run/secrets/$1"
}

psql --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname=postgres \
  --set=owner="$(password_in migration-database-url)" \
  --set=api="$(password_in database-url)" \
  --set=projector="$(password_in projector-database-url)" <<'SQL'
create role docket_api login password :'api';
create role docket_projector login password :'projector';
create role docket_owner login createrole password :'owner';
-- Migrations set the timeouts of the two others; that takes the right to administer them, though not to be them.
grant docket_api, docket_projector to docket_owner with admin true, inherit false, set false;
create database docket owner docket_owner;
SQL
