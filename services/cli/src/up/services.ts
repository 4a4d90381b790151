/** The API and projector processes of `up`, and the port in front of several. */
import { freePort } from '@docket/infra/free-port';
import type { ProcessIdentity } from '@docket/infra/process-identity';

import { behindFront, listenInFront } from './round-robin.ts';
import type { Place, RoundRobin } from './round-robin.ts';
import { startServiceProcess } from './service-process.ts';
import type { ServiceProcess } from './service-process.ts';
import { supervise } from './supervisor.ts';
import type { Supervised } from './supervisor.ts';

/** The services by their names: "api-1", "api-2", …, "projector-1". */
export type Services = Map<string, Supervised<ServiceProcess>>;

/** Each service gets the one role that it needs. Only what others are to reach listens where they do. */
export function apiEnvironment(env: NodeJS.ProcessEnv, port: number, apis: number): NodeJS.ProcessEnv {
  return {
    ...without(env, ['PROJECTOR_DATABASE_URL', 'MIGRATION_DATABASE_URL', 'DOCKET_ADMIN_PASSWORD']),
    ...(apis === 1 ? { PORT: String(port) } : { HOST: behindFront, PORT: '0' }),
  };
}

export function projectorEnvironment(env: NodeJS.ProcessEnv, url: string): NodeJS.ProcessEnv {
  return {
    // It serves nobody, so it has no request whose host could stand in the links of its mails.
    PUBLIC_URL: url,
    ...without(env, ['MIGRATION_DATABASE_URL', 'DOCKET_ADMIN_PASSWORD']),
    DATABASE_URL: env['PROJECTOR_DATABASE_URL'],
  };
}

function without(env: NodeJS.ProcessEnv, names: readonly string[]): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !names.includes(name)));
}

interface Kind {
  readonly verb: 'api' | 'projector';
  readonly count: number;
  readonly env: NodeJS.ProcessEnv;
}

interface Launch {
  readonly kinds: readonly Kind[];
  /** Gets them, once all are ready. */
  readonly services: Services;
  /** Where the health ports listen. */
  readonly host: string;
  readonly spawned: (identity: ProcessIdentity) => void;
  readonly changed: () => void;
  readonly say: (line: string) => void;
}

/** All at once, of every kind; when one cannot start, none is left running. */
export async function startServices({ kinds, services, host, spawned, changed, say }: Launch): Promise<Services> {
  const planned = kinds.flatMap(({ verb, count, env }) => {
    say(count === 1 ? `starting the ${verb}` : `starting the ${verb}, ${count} processes`);
    return Array.from({ length: count }, (_, index) => ({ name: `${verb}-${index + 1}`, verb, env }));
  });
  const results = await Promise.allSettled(
    planned.map(async ({ name, verb, env }) => {
      const start = async (before: ServiceProcess | undefined) => {
        // Started again it must be found where it was, also when it had chosen its port itself.
        const port = before?.url === undefined ? undefined : new URL(before.url).port;
        const setting = verb === 'projector' ? 'HEALTH_PORT' : 'PORT';
        const chosen = port ?? (verb === 'projector' ? String(await freePort(host)) : undefined);
        const place = chosen === undefined ? {} : { [setting]: chosen };
        return startServiceProcess({ verb, env: { ...env, ...place }, spawned });
      };
      return supervise<ServiceProcess>({ name, start, say, changed });
    }),
  );
  const started: Services = new Map();
  let failure: Error | undefined;
  for (const [index, { name, verb }] of planned.entries()) {
    const result = results[index];
    if (result?.status === 'fulfilled') started.set(name, result.value);
    if (result?.status === 'rejected') failure ??= new Error(`the ${verb} does not start`, { cause: result.reason });
  }
  if (failure !== undefined) {
    await stopServices(started);
    throw failure;
  }
  for (const [name, service] of started) services.set(name, service);
  changed();
  return started;
}

export async function stopServices(services: Services): Promise<void> {
  await Promise.all([...services.values()].map((service) => service.stop()));
}

/** Several API processes share the place of `up` behind a round robin; a single one listens there itself. */
export async function inFront(place: Place, apis: number, services: Services): Promise<RoundRobin | undefined> {
  if (apis === 1) return undefined;
  const ports = () =>
    [...services]
      .filter(([name]) => name.startsWith('api-'))
      .flatMap(([, api]) => api.current().url ?? [])
      .map((url) => Number(new URL(url).port));
  return listenInFront(place, ports);
}
