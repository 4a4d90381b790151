/** The API and projector processes of `up`, and the port in front of several. */
import { freePort } from '@docket/infra/free-port';
import type { ProcessIdentity } from '@docket/infra/process-identity';

import { listenInFront } from './round-robin.ts';
import { startServiceProcess } from './service-process.ts';
import type { ServiceProcess } from './service-process.ts';
import { supervise } from './supervisor.ts';
import type { Supervised } from './supervisor.ts';

/** By name: "api-1", "api-2", …, "projector-1". */
export type Services = Map<string, Supervised<ServiceProcess>>;

/** Each service gets the one role that it needs. */
export function apiEnvironment(env: NodeJS.ProcessEnv, port: number, apis: number): NodeJS.ProcessEnv {
  return {
    ...without(env, ['PROJECTOR_DATABASE_URL', 'MIGRATION_DATABASE_URL', 'DOCKET_ADMIN_PASSWORD']),
    PORT: apis === 1 ? String(port) : '0',
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

interface Launch {
  readonly services: Services;
  readonly verb: 'api' | 'projector';
  readonly count: number;
  readonly env: NodeJS.ProcessEnv;
  readonly spawned: (identity: ProcessIdentity) => void;
  readonly changed: () => void;
  readonly say: (line: string) => void;
}

/** All at once; when one cannot start, none is left running. */
export async function startServices({ services, verb, count, env, spawned, changed, say }: Launch): Promise<Services> {
  say(count === 1 ? `starting the ${verb}` : `starting the ${verb}, ${count} processes`);
  const started: Services = new Map();
  const results = await Promise.allSettled(
    Array.from({ length: count }, async (_, index) => {
      const name = `${verb}-${index + 1}`;
      const start = async (before: ServiceProcess | undefined) => {
        // Started again it must be found where it was, also when it had chosen its port itself.
        const port = before?.url === undefined ? undefined : new URL(before.url).port;
        const setting = verb === 'projector' ? 'HEALTH_PORT' : 'PORT';
        const chosen = port ?? (verb === 'projector' ? String(await freePort()) : undefined);
        const place = chosen === undefined ? {} : { [setting]: chosen };
        return startServiceProcess({ verb, env: { ...env, ...place }, spawned });
      };
      started.set(name, await supervise<ServiceProcess>({ name, start, say, changed }));
    }),
  );
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) {
    await stopServices(started);
    throw new Error(`the ${verb} does not start`, { cause: failed.reason });
  }
  for (const name of [...started.keys()].toSorted()) {
    const service = started.get(name);
    if (service !== undefined) services.set(name, service);
  }
  return started;
}

export async function stopServices(services: Services): Promise<void> {
  await Promise.all([...services.values()].map((service) => service.stop()));
}

/** The API itself is on the port when there is one of it. */
export async function inFront(
  port: number,
  apis: readonly Supervised<ServiceProcess>[],
): Promise<{ readonly port: number; stop(): void }> {
  const ports = () => apis.flatMap((api) => api.current().url ?? []).map((url) => Number(new URL(url).port));
  const [only, ...others] = ports();
  if (only !== undefined && others.length === 0) return { port: only, stop: () => undefined };
  return listenInFront(port, ports);
}
