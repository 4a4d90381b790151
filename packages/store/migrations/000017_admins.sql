-- An admin of the index is made by the role that owns the tables (`docket user create --admin`) and not by the API, whatever it is made to
-- execute. A trigger and not a grant on the column: an API process of the version before names the column in every registration, with
-- false in it, and goes on working. That nobody but the owner changes the column later is a matter of the grants.
create function directory.refuse_admin() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if not pg_has_role(current_user, (select relowner from pg_class where oid = tg_relid), 'usage') then
    raise exception 'an admin is made with the role that owns the tables (MIGRATION_DATABASE_URL), and this is %', current_user
      using errcode = 'insufficient_privilege';
  end if;
  return new;
end $$;

create trigger admins_are_made_by_the_owner before insert or update of is_admin on directory.accounts
  for each row when (new.is_admin) execute function directory.refuse_admin();
