-- Applied after every migration, for the two login roles that the processes use. :api and :projector are replaced by their names. What
-- they had is taken first, in the same transaction: what stands here is all that they have. A new table of `es` or `directory` is
-- nobody's until it stands here; test/integration/roles.test.ts says the same once more, column by column.

revoke all on all tables in schema es, directory, read from :api, :projector;
revoke all on all sequences in schema es, directory, read from :api, :projector;
revoke all on all functions in schema es, directory from :api, :projector;
grant usage on schema es, directory, read to :api, :projector;

-- The log is read by both and written by nobody: `es.append` does it.
grant select on es.events, es.projections to :api, :projector;
grant execute on function es.safe_position(), es.read_after(bigint, int), es.read_after(bigint, int, bigint) to :api, :projector;
revoke all on function es.append(text[], int[], uuid[], text[], text[], text[], int[], int[], text[], smallint[], text[], text[]) from public;
grant execute on function es.append(text[], int[], uuid[], text[], text[], text[], int[], int[], text[], smallint[], text[], text[]) to :api;

-- The API. A retry is told from another request by its fingerprint; where a request came from is for people with psql alone.
grant select (command_id, fingerprint) on es.request_contexts to :api;
-- For its metrics. What could not be delivered may name an address.
grant select (projection) on es.projection_failures to :api;
grant select (id) on directory.installation to :api;
grant select, insert, update (account_id), delete on directory.namespaces to :api;
-- No account is ever deleted: a registration that nobody confirms lapses. See 000017_admins.sql for `is_admin`.
grant select, insert (id, namespace_id, name, is_admin, status, password_hash),
  update (name, status, password_hash, credential_version) on directory.accounts to :api;
grant select (id, account_id, address_key, confirmed, added_at), insert (id, account_id, address, address_key, confirmed),
  update (confirmed), delete on directory.addresses to :api;
grant insert (link_id) on directory.spent_links to :api;
-- A name keeps its repository for ever.
grant select, insert on directory.repository_names to :api;
grant select, insert, update (role), delete on directory.members to :api;
grant select, insert (repository_id, account_id, life), update (life, starred_at), delete on directory.stars to :api;
grant select (image_id, reason), insert (image_id, reason), update (reason), delete on directory.blocked_images to :api;
grant select, insert, update (events, bytes), delete on directory.usage to :api;
grant select, insert, update (points, expire), delete on directory.rate_limits to :api;
-- What an import is of, so that it goes on with nothing else.
grant select, insert on directory.imports to :api;

-- The projector: names for the search index, addresses for the mail, and what `docket verify` compares with the log. No password.
grant insert, update, delete on es.projections to :projector;
grant select, insert, update, delete on es.projection_failures, es.superseded_indexes to :projector;
grant execute on function es.begin_rebuild(), es.switch_read_models(), es.drop_superseded_read_models(), es.discard_rebuild() to :projector;
grant select (id) on directory.installation to :projector;
grant select (id, name) on directory.namespaces to :projector;
grant select (id, namespace_id, name, is_admin, status, credential_version) on directory.accounts to :projector;
grant select (id, account_id, address, address_key, confirmed) on directory.addresses to :projector;
grant select on directory.repository_names, directory.members to :projector;
grant select (repository_id, account_id, life) on directory.stars to :projector;
grant select (image_id, reason) on directory.blocked_images to :projector;

-- All of `read` is made of the log, which both read, and `es.begin_rebuild` gives what is built beside it the same grants.
grant select on all tables in schema read to :api, :projector;
grant insert, update, delete, truncate on all tables in schema read to :projector;

-- On the role, because a pooler in transaction mode lets no start-up option through.
alter role :api set statement_timeout = '10s';
alter role :api set lock_timeout = '5s';
alter role :api set idle_in_transaction_session_timeout = '5s';
alter role :projector set statement_timeout = '60s';
alter role :projector set lock_timeout = '5s';
alter role :projector set idle_in_transaction_session_timeout = '1500ms';
