-- Several commands of one stream in one call: a chain, in which each was decided on what the one before it leaves.
--
-- The first of a chain is judged against the stream as it is; each that follows expects the version that those before it lead to, and
-- counts only when all of those were appended by this call. So a conflict or a duplicate in the middle is a conflict for everything
-- behind it, although its expected version may by chance be the one at which the stream stands: it was decided on something else. The
-- gate, the locks and the settings of the plan are those of the first version (000001_log.sql), which gives their reasons.
--
-- Where no stream is there twice the statement is the one of the first version: what tells chains apart would cost a command that is
-- alone a fifth of its call. How many locks were taken tells which it is; two streams whose locks are the same are judged as chains, each
-- of one command.
create or replace function es.append(
  stream text[], expected int[], command uuid[], ip text[], user_agent text[], fingerprint text[],
  command_no int[], seq int[], type text[], schema_version smallint[], data text[], metadata text[]
) returns table (no int, outcome text, at_position bigint, at_version int)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
declare
  locks int;
begin
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
