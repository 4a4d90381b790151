-- On a standby the log is neither read to its end nor written: both functions say so themselves, with the code of a server that takes no
-- writes, by which clients know that they are connected to the wrong one.
--
-- Advisory locks are not replicated, so es.safe_position knows nothing there of appends in flight: a reader would go past one that commits
-- late and never see its events. es.append would answer about a log that is behind. Their bodies are those of 000001_log.sql and
-- 000010_hot_streams.sql otherwise, which give the reasons.
create or replace function es.safe_position() returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  handed_out bigint;
  in_flight bigint;
begin
  if pg_is_in_recovery() then
    raise exception 'es.safe_position needs the primary, and this server is a standby'
      using errcode = 'read_only_sql_transaction', hint = 'advisory locks are not replicated: appends in flight are not seen here';
  end if;
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

create or replace function es.append(
  stream text[], expected int[], command uuid[], ip text[], user_agent text[], fingerprint text[],
  command_no int[], seq int[], type text[], schema_version smallint[], data text[], metadata text[]
) returns table (no int, outcome text, at_position bigint, at_version int)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
declare
  locks int;
begin
  if pg_is_in_recovery() then
    raise exception 'es.append needs the primary, and this server is a standby' using errcode = 'read_only_sql_transaction';
  end if;
  perform pg_advisory_xact_lock(1163087698, k)
    from (select distinct hashtext(s) as k from unnest(append.stream) s order by 1) q;
  get diagnostics locks = row_count;
  perform pg_advisory_xact_lock_shared((7::bigint << 48) | coalesce(pg_sequence_last_value('es.events_position_seq'), 0));
  if locks = cardinality(append.stream) then
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
  else
    return query
    with found as (
      select c.ord::int as no, c.stream, c.expected, c.command, c.ip, c.user_agent, c.fingerprint,
        (select x.position from es.events x where x.command_id = c.command and x.command_seq = 1) as done_at,
        coalesce((select x.version from es.events x where x.stream_id = c.stream order by x.version desc limit 1), 0) as head
      from unnest(append.stream, append.expected, append.command, append.ip, append.user_agent, append.fingerprint)
        with ordinality as c(stream, expected, command, ip, user_agent, fingerprint, ord)
    ), placed as (
      select f.*, f.head + coalesce(sum(n.events) over (
          partition by f.stream order by f.no rows between unbounded preceding and 1 preceding), 0) as place
      from found f
      join (select e.no, count(*)::int as events from unnest(append.command_no) as e(no) group by 1) n on n.no = f.no
    ), judged as (
      select p.*, bool_and(p.done_at is null and p.expected = p.place) over (partition by p.stream order by p.no) as counts
      from placed p
    ), appended as (
      insert into es.events (stream_id, version, type, schema_version, command_id, command_seq, data, metadata)
      select j.stream, j.expected + e.seq, e.type, e.schema_version, j.command, e.seq, e.data::jsonb, e.metadata::jsonb
      from unnest(append.command_no, append.seq, append.type, append.schema_version, append.data, append.metadata)
        with ordinality as e(no, seq, type, schema_version, data, metadata, ord)
      join judged j on j.no = e.no
      where j.counts
      order by e.ord
      returning es.events.position, es.events.stream_id, es.events.version, es.events.command_id
    ), context as (
      insert into es.request_contexts (command_id, ip, user_agent, fingerprint)
      select j.command, j.ip, j.user_agent, j.fingerprint from judged j
      where j.counts and (j.ip is not null or j.user_agent is not null or j.fingerprint is not null)
    )
    select j.no,
      case when j.done_at is not null then 'duplicate' when j.counts then 'appended' else 'conflict' end,
      coalesce(a.position, j.done_at),
      case when j.counts then a.version
        else coalesce((select max(x.version) from appended x where x.stream_id = j.stream), j.head) end
    from judged j
    left join (
      select x.command_id, max(x.position) as position, max(x.version) as version from appended x group by 1
    ) a on a.command_id = j.command;
  end if;
end $$;
