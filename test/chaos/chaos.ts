/**
 * Clients write while parts are killed, frozen, cut off, restarted and wiped; then what the clients were told is compared with what is
 * stored. The judge believes the clients' notes and the log, never a read model.
 */
import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as elapsed } from 'node:timers/promises';

import { verify } from '@docket/projector/verify/verify';
import { connectMeilisearch } from '@docket/runtime/meilisearch';
import { connect } from '@docket/store/connect';
import pg from 'pg';

import type { Patch } from '../support/patch.ts';
import { until } from '../support/until.ts';
import { startParts } from './parts.ts';
import type { Parts } from './parts.ts';

const writers = 6;
const hotRepositories = 3;
const coldRepositories = 60;
const requestMsMax = 4_000;
const triesMax = 4;
/** Answers that get lost on the way: the client, none the wiser, sends the command again. */
const lostAnswersShare = 0.15;
const blowEveryMs = 1_500;
/** Fewer than these commands prove nothing: the run goes on until they were acknowledged, for a while. */
const acknowledgedMin = 120;
const slowMsMax = 20_000;
/** Longer than a lease is held without being renewed, and than another process needs to see it. */
const leaseLostMs = 4_500;
const healMsMax = 60_000;
/** What is broken on purpose does not heal. */
const mutatedHealMsMax = 3_000;

export interface ChaosOptions {
  /** The root of the checkout. */
  readonly root: URL;
  readonly seed: number;
  readonly seconds: number;
  readonly say: (line: string) => void;
  readonly mutation?: Mutation;
}

/** A rule that is taken out, to see whether it is noticed. */
export interface Mutation {
  /** In the database. */
  readonly statements?: string;
  /** In the processes. */
  readonly patches?: readonly Patch[];
  /** Where it shows after blows of one kind alone: the names of those. */
  readonly blows?: RegExp;
}

interface Command {
  readonly repository: string;
  /** The id of an image that only this command names, by which the judge finds the command in the log. */
  readonly image: string;
  outcome: 'in flight' | 'acknowledged' | 'refused' | 'unknown';
}

export interface Report {
  readonly commands: number;
  readonly acknowledged: number;
  readonly refused: number;
  readonly unknown: number;
  readonly reads: number;
  readonly blows: readonly { readonly blow: string; readonly inFlight: number }[];
  /** One sentence each; none is what is wanted. */
  readonly violations: readonly string[];
}

export async function chaos(options: ChaosOptions): Promise<Report> {
  const { statements, patches = [] } = options.mutation ?? {};
  const parts = await startParts(options.root, patches);
  try {
    await asOwner(parts, witness);
    if (statements !== undefined) await asOwner(parts, statements);
    return await run(parts, options);
  } finally {
    await parts.stop();
  }
}

/** Notes who moves the checkpoint of a projection that another process holds: a lease that was lost must be of no use. */
const witness = `
  create schema witness;
  create table witness.strangers (projection text, holder text, mover text);
  create function witness.note() returns trigger language plpgsql security definer as $$ begin
    if split_part(new.holder, ' ', 2) <> split_part(current_setting('application_name'), ' ', 3) then
      insert into witness.strangers values (new.name, new.holder, current_setting('application_name'));
    end if;
    return null; end $$;
  create trigger witnessed after update of position on es.projections for each row
    when (new.holder is not null and new.position is distinct from old.position) execute function witness.note();`;

/** The same sequence for the same seed, whatever the machine does in between. */
function randomOf(seed: number): () => number {
  let turn = 0;
  return () => {
    turn += 1;
    return createHash('sha256').update(`${seed} ${turn}`).digest().readUInt32BE() / 2 ** 32;
  };
}

async function run(parts: Parts, { seed, seconds, say, mutation }: ChaosOptions): Promise<Report> {
  const commands: Command[] = [];
  const violations: string[] = [];
  const blows: { blow: string; inFlight: number }[] = [];
  const deadline = performance.now() + seconds * 1_000;
  let reads = 0;
  let acknowledged = 0;
  // A busy machine does little in a second, so the run goes on until enough was acknowledged.
  const over = () => performance.now() > deadline + (acknowledged < acknowledgedMin ? slowMsMax : 0);

  const writing = Array.from({ length: writers }, async (_, writer) => {
    const random = randomOf(seed * 1_000 + writer);
    while (!over()) {
      const hot = random() < 0.4;
      const index = Math.floor(random() * (hot ? hotRepositories : coldRepositories));
      const command: Command = {
        repository: `library/${hot ? 'hot' : `cold-${writer}`}-${index}`,
        image: `${seed}-${writer}-${commands.length}-${randomUUID().slice(0, 8)}`,
        outcome: 'in flight',
      };
      commands.push(command);
      const api = random() < 0.5 ? 0 : 1;
      const kind = random() < 0.6 ? '/' : '/images';
      command.outcome = await send(parts, command, kind, { api, losesAnswer: random() < lostAnswersShare });
      if (command.outcome === 'acknowledged') {
        acknowledged += 1;
        const seen = await shows(parts, command, 1 - api);
        if (seen === false) violations.push(`${command.image} was acknowledged and a read after it does not show it`);
        if (seen !== undefined) reads += 1;
      }
    }
  });

  const random = randomOf(seed);
  while (!over()) {
    await elapsed(blowEveryMs * (0.5 + random()));
    const [name, strike] = chosen(parts, random, mutation?.blows);
    const inFlight = commands.filter(({ outcome }) => outcome === 'in flight').length;
    blows.push({ blow: name, inFlight });
    say(`${name}, with ${inFlight} commands in flight`);
    await strike();
  }
  await Promise.all(writing);
  say('all parts are well again; comparing');
  violations.push(...(await judged(parts, commands, mutation === undefined ? healMsMax : mutatedHealMsMax)));
  const count = (outcome: Command['outcome']) => commands.filter((command) => command.outcome === outcome).length;
  return {
    commands: commands.length,
    acknowledged,
    refused: count('refused'),
    unknown: count('unknown'),
    reads,
    blows,
    violations,
  };
}

type Blow = readonly [name: string, strike: () => Promise<unknown>];

function chosen(parts: Parts, random: () => number, wanted = /./): Blow {
  const pick = <Thing>(things: readonly Thing[]): Thing => {
    const thing = things[Math.floor(random() * things.length)];
    if (thing === undefined) throw new Error('nothing to choose from');
    return thing;
  };
  const api = pick(parts.apis);
  const projector = pick(parts.projectors);
  const frozen = pick([api, projector]);
  const frozenMs = 500 + random() * 3_000;
  const cutMs = random() * 1_000;
  const blows: readonly Blow[] = [
    [`${api.name} killed`, () => api.kill().then(() => api.start())],
    [`${projector.name} killed`, () => projector.kill().then(() => projector.start())],
    [`${projector.name} killed`, () => projector.kill().then(() => projector.start())],
    [
      `${frozen.name} frozen for ${frozenMs.toFixed(0)} ms`,
      async () => {
        frozen.signal('SIGSTOP');
        await elapsed(frozenMs);
        frozen.signal('SIGCONT');
      },
    ],
    [
      `all lines to the database cut for ${cutMs.toFixed(0)} ms`,
      () =>
        parts.database
          .stop()
          .then(() => elapsed(cutMs))
          .then(() => parts.database.start()),
    ],
    [
      `the line to the search engine cut for ${cutMs.toFixed(0)} ms`,
      () =>
        parts.meilisearch
          .stop()
          .then(() => elapsed(cutMs))
          .then(() => parts.meilisearch.start()),
    ],
    ['PostgreSQL killed', parts.restartPostgres],
    ['Meilisearch killed', () => parts.restartMeilisearch('with its data')],
    ['Meilisearch wiped', () => parts.restartMeilisearch('empty')],
    [
      'the projector that holds the search index frozen until it holds it no more',
      async () => {
        const holding = await holderOf(parts);
        holding?.signal('SIGSTOP');
        await elapsed(leaseLostMs);
        holding?.signal('SIGCONT');
      },
    ],
  ];
  return pick(blows.filter(([name]) => wanted.test(name)));
}

async function holderOf(parts: Parts): Promise<Parts['projectors'][number] | undefined> {
  const client = new pg.Client({ connectionString: parts.ownerUrl() });
  await client.connect();
  try {
    const { rows } = await client.query<{ pid: string }>(
      `select split_part(holder, ' ', 2) as pid from es.projections where name = 'search' and holder is not null`,
    );
    return parts.projectors.find(({ pid }) => String(pid) === rows[0]?.pid);
  } finally {
    await client.end();
  }
}

/** As a client does it: the same command again, under the same key, at either process, until somebody answers or patience ends. */
async function send(
  { apis, admin }: Parts,
  { repository, image }: Command,
  kind: '/' | '/images',
  { api: first, losesAnswer }: { readonly api: number; readonly losesAnswer: boolean },
): Promise<Command['outcome']> {
  const key = randomUUID();
  for (let attempt = 0; attempt < triesMax; attempt++) {
    try {
      const answer = await fetch(`${apis[(first + attempt) % apis.length]?.url}/v1/repositories/${repository}${kind}`, {
        method: 'PUT',
        headers: {
          Authorization: `Basic ${Buffer.from(`${admin.name}:${admin.password}`).toString('base64')}`,
          'Content-Type': 'application/json',
          'Idempotency-Key': key,
        },
        body: JSON.stringify([{ id: image }]),
        signal: AbortSignal.timeout(requestMsMax),
      });
      await answer.arrayBuffer();
      if (answer.status < 300 && !(losesAnswer && attempt === 0)) return 'acknowledged';
      if (answer.status >= 400 && answer.status < 500) return 'refused';
    } catch {
      // No answer: written or not.
    }
    await elapsed(100);
  }
  return 'unknown';
}

/** Undefined: nobody answered. */
async function shows({ apis }: Parts, { repository, image }: Command, api: number): Promise<boolean | undefined> {
  try {
    const answer = await fetch(`${apis[api]?.url}/v1/repositories/${repository}/images`, {
      signal: AbortSignal.timeout(requestMsMax),
    });
    const text = await answer.text();
    if (answer.status >= 500) return undefined;
    return answer.status === 200 && text.includes(`"${image}"`);
  } catch {
    return undefined;
  }
}

async function judged(parts: Parts, commands: readonly Command[], healMs: number): Promise<string[]> {
  const violations: string[] = [];
  const client = new pg.Client({ connectionString: parts.ownerUrl() });
  await client.connect();
  try {
    const { rows } = await client.query<{ image: string; times: number }>(
      `select i ->> 'id' as image, count(distinct e.command_id)::int as times
       from es.events e, jsonb_array_elements(e.data -> 'images') i where e.data ? 'images' group by 1`,
    );
    const times = new Map(rows.map((row) => [row.image, row.times]));
    for (const { image, outcome } of commands) {
      const found = times.get(image) ?? 0;
      if (outcome === 'acknowledged' && found !== 1)
        violations.push(`${image} was acknowledged and is in the log ${found} times`);
      if (outcome === 'unknown' && found > 1)
        violations.push(`${image}, of unknown fate, is in the log ${found} times`);
      if (outcome === 'refused' && found > 0) violations.push(`${image} was refused and is in the log`);
    }
    const strangers = await client.query<{ projection: string; holder: string; mover: string }>(
      'select distinct projection, holder, mover from witness.strangers',
    );
    for (const { projection, holder, mover } of strangers.rows)
      violations.push(`${mover} moved the checkpoint of ${projection} while ${holder} held it`);
    const behind = await until(
      'the followers are at the end of the log',
      async () => {
        const { rows: late } = await client.query(
          `select from es.projections where name in ('tables', 'search') and position < (select max(position) from es.events)`,
        );
        return late.length === 0;
      },
      healMs,
    ).then(
      () => false,
      () => true,
    );
    if (behind) {
      const { rows: standing } = await client.query<{ name: string; position: string; why: string | null }>(
        `select name, position, trouble_reason as why from es.projections order by name`,
      );
      for (const { name, position, why } of standing) {
        violations.push(`${name} does not come to the end of the log: at ${position}${why === null ? '' : `, ${why}`}`);
      }
      return violations;
    }
  } finally {
    await client.end();
  }
  violations.push(...(await differences(parts)));
  return violations;
}

/** Versions without gaps, tables equal to the fold of the log, documents equal to their rows. */
async function differences({ projectorUrl, search }: Parts): Promise<string[]> {
  const found: string[] = [];
  const { database, stop: disconnect } = connect({
    url: projectorUrl,
    applicationName: 'chaos',
    pooler: 'none',
    connectionsMax: 2,
    onIdleError: () => undefined,
  });
  const { client, stop } = connectMeilisearch({
    url: search.url,
    apiKey: search.key,
    connectionsMax: 2,
    requestMsMax: 30_000,
  });
  try {
    const onDifference = (sentence: string) => void found.push(sentence);
    await verify({ database, meilisearch: client, onDifference });
  } finally {
    await Promise.all([disconnect(), stop()]);
  }
  return found;
}

async function asOwner(parts: Parts, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: parts.ownerUrl() });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

export function summary({ commands, acknowledged, refused, unknown, reads, blows, violations }: Report): string {
  const struck = blows.filter(({ inFlight }) => inFlight > 0).length;
  return (
    `${commands} commands: ${acknowledged} acknowledged, ${refused} refused, ${unknown} of unknown fate; ` +
    `${reads} reads after writes; ${blows.length} blows, ${struck} of them with commands in flight ` +
    `(${blows.map(({ inFlight }) => inFlight).join(', ')}); ${violations.length} violations`
  );
}
