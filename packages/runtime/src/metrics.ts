/**
 * What a process tells Prometheus of itself. Metrics are made where the process is wired and handed down as functions: whoever measures
 * does not know who counts, and two processes in one test do not count into each other.
 */
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

/** The buckets reach from a fifth of a millisecond to the longest that a client waits. */
const secondsBuckets = [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const batchBuckets = [1, 2, 4, 8, 16, 32, 64, 128, 200];

/** A registry that holds what every process has: CPU, memory, garbage collection, event-loop delay. */
export function createRegistry(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}

/** The counts of a pool of `pg`: connections that are open, those of them that are idle, and callers that wait for one. */
export interface ConnectionPool {
  readonly totalCount: number;
  readonly idleCount: number;
  readonly waitingCount: number;
}

export function measurePools(registry: Registry, pools: Readonly<Record<string, ConnectionPool>>): void {
  const connections = new Gauge({
    name: 'docket_database_connections',
    help: 'Connections to PostgreSQL by pool and state; "waiting" are callers that have none.',
    labelNames: ['pool', 'state'],
    registers: [registry],
    collect: () => {
      for (const [pool, { totalCount, idleCount, waitingCount }] of Object.entries(pools)) {
        connections.set({ pool, state: 'used' }, totalCount - idleCount);
        connections.set({ pool, state: 'idle' }, idleCount);
        connections.set({ pool, state: 'waiting' }, waitingCount);
      }
    },
  });
}

export function measurePrimary(registry: Registry, isThere: () => boolean): void {
  const primary: Gauge = new Gauge({
    name: 'docket_database_primary',
    help: '1 while there is a database that takes writes; 0 while requests are refused because there is none.',
    registers: [registry],
    collect: () => primary.set(isThere() ? 1 : 0),
  });
}

export function measureWaiting(registry: Registry, waiting: () => number): void {
  const commands: Gauge = new Gauge({
    name: 'docket_commands_waiting',
    help: 'Changes of repositories that wait in this process for others of the same repository.',
    registers: [registry],
    collect: () => commands.set(waiting()),
  });
}

export interface ProjectionStanding {
  readonly projection: string;
  readonly lagEvents: number;
  readonly lagSeconds: number;
  readonly halted: boolean;
  readonly failing: boolean;
  readonly failures: number;
}

/** How long the gauges of one scrape share one reading. */
const sharedMs = 500;

/** Read at every scrape. Without an answer the projections are missing from it: a lag of some minutes ago would look like one. */
export function measureProjections(registry: Registry, read: () => Promise<readonly ProjectionStanding[]>): void {
  let readAt = -Infinity;
  let reading: Promise<readonly ProjectionStanding[]> = Promise.resolve([]);
  const shared = () => {
    if (performance.now() - readAt > sharedMs) {
      readAt = performance.now();
      reading = read().catch(() => []);
    }
    return reading;
  };
  const gauges: readonly { name: string; help: string; value: (standing: ProjectionStanding) => number }[] = [
    {
      name: 'docket_projection_lag_events',
      help: 'How many positions of the log lie between the checkpoint of a projection and the end.',
      value: ({ lagEvents }) => lagEvents,
    },
    {
      name: 'docket_projection_lag_seconds',
      help: 'How long ago the oldest event was recorded that a projection does not have yet.',
      value: ({ lagSeconds }) => lagSeconds,
    },
    {
      name: 'docket_projection_halted',
      help: '1 where a follower stands still until somebody looks.',
      value: ({ halted }) => (halted ? 1 : 0),
    },
    {
      name: 'docket_projection_failing',
      help: '1 where a follower has failed at one position of the log again and again, and is trying on.',
      value: ({ failing }) => (failing ? 1 : 0),
    },
    {
      name: 'docket_projection_failures',
      help: 'What a projection could not deliver: it is tried again or was set aside (docket projections failures).',
      value: ({ failures }) => failures,
    },
  ];
  for (const { name, help, value } of gauges) {
    const gauge = new Gauge({
      name,
      help,
      labelNames: ['projection'],
      registers: [registry],
      collect: async () => {
        const standings = await shared();
        gauge.reset();
        for (const standing of standings) gauge.set({ projection: standing.projection }, value(standing));
      },
    });
  }
}

export interface HttpRequestMeasured {
  /** One of a few, whatever clients send. */
  readonly method: string;
  /** The pattern, never the path: there are as many paths as repositories. */
  readonly route: string;
  readonly status: number;
  readonly seconds: number;
}

export function measureHttp(registry: Registry): (request: HttpRequestMeasured) => void {
  const requests = new Histogram({
    name: 'docket_http_request_seconds',
    help: 'From the head of a request, or the end of the answer before it on its connection, to the end of its answer.',
    labelNames: ['method', 'route', 'status'],
    buckets: secondsBuckets,
    registers: [registry],
  });
  return ({ method, route, status, seconds }) => requests.observe({ method, route, status }, seconds);
}

export interface AppendMeasured {
  /** The append went through group commit, or in a transaction of its own. */
  readonly way: 'group' | 'transaction';
  readonly seconds: number;
  readonly outcomes: readonly ('appended' | 'duplicate' | 'conflict')[];
}

export function measureAppends(registry: Registry): (append: AppendMeasured) => void {
  const registers = [registry];
  const duration = new Histogram({
    name: 'docket_append_seconds',
    help: 'One call of the append function, with its commit where it is a transaction of its own.',
    labelNames: ['way'],
    buckets: secondsBuckets,
    registers,
  });
  const batch = new Histogram({
    name: 'docket_append_batch_commands',
    help: 'Commands that went into the log with one call of group commit.',
    buckets: batchBuckets,
    registers,
  });
  const commands = new Counter({
    name: 'docket_commands_total',
    help: 'Commands by the verdict of the log: appended, duplicate of one that is in it, conflict with another writer.',
    labelNames: ['outcome'],
    registers,
  });
  for (const outcome of ['appended', 'duplicate', 'conflict']) commands.inc({ outcome }, 0);
  return ({ way, seconds, outcomes }) => {
    duration.observe({ way }, seconds);
    if (way === 'group') batch.observe(outcomes.length);
    for (const outcome of outcomes) commands.inc({ outcome });
  };
}

const loginOutcomes = ['success', 'remembered', 'inactive', 'failure', 'repeated', 'limited', 'busy'] as const;
export type LoginOutcome = (typeof loginOutcomes)[number];

export function measureLogins(registry: Registry): (outcome: LoginOutcome) => void {
  const logins = new Counter({
    name: 'docket_logins_total',
    help:
      'Passwords that were shown: right (success, remembered, inactive), wrong (failure, the same again: repeated), ' +
      'refused without being compared because of failures before or a full line (limited) or a full queue (busy).',
    labelNames: ['outcome'],
    registers: [registry],
  });
  for (const outcome of loginOutcomes) logins.inc({ outcome }, 0);
  return (outcome) => logins.inc({ outcome });
}

export interface SearchTaskMeasured {
  readonly status: string;
  /** The time from the sending of the task to its end. */
  readonly seconds: number;
}

export function measureSearchTasks(registry: Registry): (task: SearchTaskMeasured) => void {
  const tasks = new Histogram({
    name: 'docket_search_task_seconds',
    help: 'From the sending of a payload until Meilisearch says how its task ended.',
    labelNames: ['status'],
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    registers: [registry],
  });
  return ({ status, seconds }) => tasks.observe({ status }, seconds);
}

/** Events and pages that a projection of this process applied. */
export function measurePages(registry: Registry): (projection: string, events: number) => void {
  const applied = new Counter({
    name: 'docket_projected_events_total',
    help: 'Events of the log that this process went past in a projection.',
    labelNames: ['projection'],
    registers: [registry],
  });
  return (projection, events) => applied.inc({ projection }, events);
}
