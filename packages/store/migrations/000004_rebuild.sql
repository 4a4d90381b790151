-- A second read model beside the one that is read, to be filled from the log and then take its place.

-- Security definer: the projector fills tables, it does not own schemas. Whoever may use the tables of `read` may use these the same.
create function es.begin_rebuild() returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  source record;
begin
  drop schema if exists read_next cascade;
  create schema read_next;
  for source in
    select a.grantee, a.privilege_type
    from pg_namespace n, aclexplode(n.nspacl) a where n.nspname = 'read' and a.grantee <> n.nspowner
  loop
    execute format('grant %s on schema read_next to %s', source.privilege_type, source.grantee::regrole);
  end loop;
  for source in select relname from pg_class where relnamespace = 'read'::regnamespace and relkind = 'r'
  loop
    execute format('create table read_next.%1$I (like read.%1$I including all)', source.relname);
  end loop;
  for source in
    select c.relname, a.grantee, a.privilege_type
    from pg_class c, aclexplode(c.relacl) a
    where c.relnamespace = 'read'::regnamespace and c.relkind = 'r' and a.grantee <> c.relowner
  loop
    execute format('grant %s on read_next.%I to %s', source.privilege_type, source.relname, source.grantee::regrole);
  end loop;
end $$;

revoke all on function es.begin_rebuild() from public;
