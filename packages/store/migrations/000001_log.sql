-- The log: one table, one order, one way in.

create schema es;

create table es.events (
  position bigint generated always as identity primary key,  -- the cache of the sequence must stay 1: the gate relies on it
  stream_id text not null,
  version int not null check (version > 0),
  type text not null,
  schema_version smallint not null,
  command_id uuid not null,
  command_seq int not null,
  data jsonb not null,
  metadata jsonb not null,
  recorded_at timestamptz not null default clock_timestamp(),
  unique (stream_id, version)
);

-- A command is known by its first event; a second append of the same command finds it here.
create unique index events_command on es.events (command_id) where command_seq = 1;

-- Personal, and so outside the log: it may be erased, one command or all of an address, while the log stays.
create table es.request_contexts (
  command_id uuid primary key,
  ip text,
  user_agent text,
  fingerprint text,  -- keyed hash of the request that named this command, to tell a retry from another request
  recorded_at timestamptz not null default clock_timestamp()
);

create function es.refuse_rewrite() returns trigger language plpgsql as $$
begin
  raise exception 'the log is only ever added to: % on es.events is refused', tg_op using errcode = 'insufficient_privilege';
end $$;

create trigger events_are_facts before update or delete or truncate on es.events
  for each statement execute function es.refuse_rewrite();

-- Appends a batch of commands, each judged alone: appended, duplicate (of a command that is in the log) or conflict (the stream is
-- not at the expected version). One element per command in the first six arrays, one per event in the others; `command_no` counts
-- commands from 1 and says whose event it is.
--
-- The gate: an append takes a shared advisory lock on the last position that was handed out before it began, and only then takes
-- positions. A reader never goes beyond the lowest such lock (es.safe_position). Lock keys: 7 << 48 | position; the locks of streams
-- are (1163087698, hash of the stream), taken in one global order.
--
-- The generic plan is forced because Postgres, which knows the lengths of the arrays, would plan anew at every call: more than half of
-- the time of a call with one command. It holds for as long as nobody analyzes the table, so it must not depend on how large the log
-- was at the first call: an empty log that had been vacuumed was scanned for every command when it was no longer empty.
create function es.append(
  stream text[], expected int[], command uuid[], ip text[], user_agent text[], fingerprint text[],
  command_no int[], seq int[], type text[], schema_version smallint[], data text[], metadata text[]
) returns table (no int, outcome text, at_position bigint, at_version int)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
begin
  perform pg_advisory_xact_lock(1163087698, k)
    from (select distinct hashtext(s) as k from unnest(append.stream) s order by 1) q;
  perform pg_advisory_xact_lock_shared((7::bigint << 48) | coalesce(pg_sequence_last_value('es.events_position_seq'), 0));
  return query
  with judged as (
    select c.ord::int as no, c.stream, c.expected, c.command, c.ip, c.user_agent, c.fingerprint,
      (select x.position from es.events x where x.command_id = c.command and x.command_seq = 1) as done_at,
      coalesce((select x.version from es.events x where x.stream_id = c.stream order by x.version desc limit 1), 0) as head
    from unnest(append.stream, append.expected, append.command, append.ip, append.user_agent, append.fingerprint)
      with ordinality as c(stream, expected, command, ip, user_agent, fingerprint, ord)
  ), appended as (
    insert into es.events (stream_id, version, type, schema_version, command_id, command_seq, data, metadata)
    select j.stream, j.expected + e.seq, e.type, e.schema_version, j.command, e.seq, e.data::jsonb, e.metadata::jsonb
    from unnest(append.command_no, append.seq, append.type, append.schema_version, append.data, append.metadata)
      with ordinality as e(no, seq, type, schema_version, data, metadata, ord)
    join judged j on j.no = e.no
    where j.done_at is null and j.head = j.expected
    order by e.ord
    returning es.events.position, es.events.version, es.events.command_id
  ), context as (
    insert into es.request_contexts (command_id, ip, user_agent, fingerprint)
    select j.command, j.ip, j.user_agent, j.fingerprint from judged j
    where j.done_at is null and j.head = j.expected
      and (j.ip is not null or j.user_agent is not null or j.fingerprint is not null)
  )
  select j.no,
    case when j.done_at is not null then 'duplicate' when j.head <> j.expected then 'conflict' else 'appended' end,
    coalesce(a.position, j.done_at), coalesce(a.version, j.head)
  from judged j
  left join (
    select x.command_id, max(x.position) as position, max(x.version) as version from appended x group by 1
  ) a on a.command_id = j.command;
end $$;

-- The last position that no append in flight can still go below. First the sequence, then the locks; the rows are read by a later
-- statement, with a younger snapshot. Only on the primary, and only READ COMMITTED, where that order holds.
create function es.safe_position() returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  handed_out bigint;
  in_flight bigint;
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'es.safe_position needs read committed, not %', current_setting('transaction_isolation');
  end if;
  handed_out := coalesce(pg_sequence_last_value('es.events_position_seq'), 0);
  select min(((classid::bigint << 32) | objid::bigint) & ((1::bigint << 48) - 1)) into in_flight
    from pg_locks
    where locktype = 'advisory' and objsubid = 1 and classid::bigint >> 16 = 7
      and database = (select oid from pg_database where datname = current_database());
  return least(handed_out, in_flight);
end $$;

-- Not security definer: it reads with the rights of the caller. Planned at every call, for the table as it is then: a plan made while
-- the log was empty would read all of it.
create function es.read_after(after bigint, page int) returns setof es.events
language plpgsql volatile set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan as $$
declare
  safe bigint := es.safe_position();
begin
  return query
    select * from es.events e where e.position > read_after.after and e.position <= safe order by e.position limit read_after.page;
end $$;
