/**
 * `docket projections rebuild tables` over a million events, beside a projector that has nothing to do: how fast, from the start of the
 * process to its end, and how much memory the process takes at its peak.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as elapsed } from 'node:timers/promises';

import { checksum, imageId, repositoryName } from '@docket/shared/names';
import { repositoryStream } from '@docket/shared/stored-event';
import type { DomainEvent } from '@docket/shared/stored-event';
import { connect } from '@docket/store/connect';
import { appendAll } from '@docket/store/log/append';
import type { AppendCommand } from '@docket/store/log/append';
import pg from 'pg';
import { v7 as uuidv7 } from 'uuid';

import { median, printMachine, printTable } from './harness.ts';
import { startInstance } from './instance.ts';

const events = Number(process.env['BENCH_EVENTS'] ?? 1_000_000);
const rounds = Number(process.env['BENCH_ROUNDS'] ?? 3);
const commandsOfACall = 200;
const pushesOfARepository = 4;
const peakPollMs = 20;
const caughtUpMsMax = 300_000;

const actorId = uuidv7();
const namespaceId = uuidv7();
const layers = ['1', '2', '3'].map((digit) => imageId.parse(digit.repeat(64)));
const layerChecksum = checksum.parse(`sha256:${'a'.repeat(64)}`);

const instance = await startInstance();
const database = new pg.Client({ connectionString: instance.databaseUrl });
await database.connect();
try {
  await printMachine(instance.databaseUrl);
  const appended = await fill();
  await caughtUp();
  const before = await tables();
  const rebuilds = [];
  for (let round = 0; round < rounds; round++) rebuilds.push(await rebuild(appended));
  const after = await tables();
  if (before !== after) throw new Error(`before: ${before}; after: ${after}`);
  console.log(`\nrebuild of the tables from ${appended} events: ${after}`);
  printTable(
    ['', 'events per second', 'peak memory, MB'],
    [
      ...rebuilds.map(({ perSecond, peakMb }, round) => [String(round + 1), perSecond, peakMb]),
      [
        'median, largest',
        median(rebuilds.map(({ perSecond }) => perSecond)),
        Math.max(...rebuilds.map(({ peakMb }) => peakMb)),
      ],
    ],
  );
} finally {
  await database.end();
  await instance.stop();
}

/** A repository that was made, described, and pushed to a few times. */
function repository(index: number): AppendCommand {
  const history: DomainEvent[] = [
    {
      type: 'RepositoryCreated',
      data: { namespace_id: namespaceId, name: repositoryName.parse(`rebuilt-${index}`), life: 1 },
    },
    { type: 'DescriptionChanged', data: { description: `The repository of number ${index}, to be built anew` } },
  ];
  for (let push = 1; push <= pushesOfARepository; push++) {
    const images = layers.map((id) => ({ id, checksum: layerChecksum }));
    history.push(
      { type: 'PushOpened', data: { push, images, endpoints: [] } },
      { type: 'PushCompleted', data: { push } },
    );
  }
  const requestId = uuidv7();
  return {
    streamId: repositoryStream(uuidv7()),
    expectedVersion: 0,
    commandId: uuidv7(),
    events: history,
    metadata: {
      actor: { id: actorId, via: 'basic' },
      request_id: requestId,
      correlation_id: requestId,
      causation_id: requestId,
    },
    context: { ip: null, userAgent: null, fingerprint: null },
  };
}

async function fill(): Promise<number> {
  const store = connect({
    url: instance.apiDatabaseUrl,
    applicationName: 'docket bench',
    pooler: 'none',
    connectionsMax: 1,
    onIdleError: () => undefined,
  });
  try {
    let appended = 0;
    for (let index = 0; appended < events; index += commandsOfACall) {
      const commands = Array.from({ length: commandsOfACall }, (_, command) => repository(index + command));
      const verdicts = await appendAll(store.database, commands);
      if (verdicts.some(({ outcome }) => outcome !== 'appended')) throw new Error('a command was not appended');
      appended += commands.reduce((sum, command) => sum + command.events.length, 0);
    }
    return appended;
  } finally {
    await store.stop();
  }
}

/** The followers must not be at work too when the rebuild is measured. */
async function caughtUp(): Promise<void> {
  const deadline = performance.now() + caughtUpMsMax;
  for (;;) {
    const { rows } = await database.query<{ done: boolean }>(
      'select min(position) = (select max(position) from es.events) as done from es.projections',
    );
    if (rows[0]?.done) return;
    if (performance.now() > deadline) throw new Error(`the followers have not caught up after ${caughtUpMsMax} ms`);
    await elapsed(200);
  }
}

/** What a rebuild must leave as it found it. */
async function tables(): Promise<string> {
  const { rows } = await database.query<{ repositories: string; images: string; versions: string }>(
    `select count(*) as repositories, sum(version) as versions, (select count(*) from read.images) as images
     from read.repositories`,
  );
  const [row] = rows;
  return `${row?.repositories} repositories, ${row?.images} images, versions of ${row?.versions} in all`;
}

async function rebuild(appended: number): Promise<{ perSecond: number; peakMb: number }> {
  let peakKb = 0;
  let poll: NodeJS.Timeout | undefined;
  const started = performance.now();
  await instance.verb(['projections', 'rebuild', 'tables'], {
    onStarted: (pid) => {
      poll = setInterval(() => {
        peakKb = Math.max(peakKb, residentPeakKb(pid));
      }, peakPollMs);
    },
  });
  const seconds = (performance.now() - started) / 1_000;
  clearInterval(poll);
  if (peakKb === 0) throw new Error('the memory of the process was not seen: this bench needs /proc');
  return { perSecond: appended / seconds, peakMb: (peakKb * 1_024) / 1e6 };
}

/** As the kernel has kept it since the process began; 0 when the process is no more. */
function residentPeakKb(pid: number): number {
  try {
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
