-- How often things happened that may not happen too often: wrong passwords, registrations, mails, searches. Counted for all API processes
-- together. Unlogged: a count is worth no wait for the disk, and after a crash or a failover it begins anew. The names and the order of
-- the columns are those that rate-limiter-flexible writes.
create unlogged table directory.rate_limits (
  key text primary key,
  points int not null,
  -- In milliseconds since 1970. Rows whose time is over are deleted by the API processes.
  expire bigint
);
create index rate_limits_expire on directory.rate_limits (expire);

-- An address keeps others out once it is confirmed, and not before: who confirms it first has it.
alter table directory.addresses drop constraint addresses_address_key_key;
create unique index addresses_confirmed on directory.addresses (address_key) where confirmed;
create unique index addresses_of_account on directory.addresses (account_id, address_key);
drop index directory.addresses_account;
