-- Applied after every migration, for the two login roles that the processes use. :api and :projector are replaced by their names.

grant usage on schema es, directory, read to :api, :projector;
grant select on all tables in schema es, directory, read to :api, :projector;
grant execute on function es.safe_position(), es.read_after(bigint, int), es.read_after(bigint, int, bigint) to :api, :projector;

revoke all on function es.append(text[], int[], uuid[], text[], text[], text[], int[], int[], text[], smallint[], text[], text[]) from public;
grant execute on function es.append(text[], int[], uuid[], text[], text[], text[], int[], int[], text[], smallint[], text[], text[]) to :api;
grant insert, update, delete on directory.namespaces, directory.accounts, directory.addresses, directory.spent_links, directory.repository_names,
  directory.members, directory.stars, directory.blocked_images, directory.usage, directory.rate_limits to :api;
grant insert on directory.imports to :api;

grant insert, update, delete on es.projections, es.projection_failures, es.superseded_indexes to :projector;
grant execute on function es.begin_rebuild(), es.switch_read_models(), es.drop_superseded_read_models(), es.discard_rebuild() to :projector;
grant insert, update, delete, truncate on all tables in schema read to :projector;

-- On the role, because a pooler in transaction mode lets no start-up option through.
alter role :api set statement_timeout = '10s';
alter role :api set lock_timeout = '5s';
alter role :api set idle_in_transaction_session_timeout = '5s';
alter role :projector set statement_timeout = '60s';
alter role :projector set lock_timeout = '5s';
alter role :projector set idle_in_transaction_session_timeout = '1500ms';
