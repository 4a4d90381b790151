/** The running system with its cast, and the steps that examples and scenarios are arranged with. */
import { randomBytes } from 'node:crypto';

import { expect } from 'vitest';

import { exchange, valuesOf } from './exchange.ts';
import type { Answer, Header, Request } from './exchange.ts';
import type { Account, Credentials, World } from './world.ts';

export interface Stage {
  readonly world: World;
  readonly admin: Credentials;
  readonly owner: Account;
  readonly stranger: Account;
  readonly inactive: Account;
  /** Sends to the API processes in turn, so that nothing can rest on what one process remembers. */
  send(request: Request): Promise<Answer>;
}

export async function staged(world: World): Promise<Stage> {
  return {
    world,
    admin: world.admin,
    owner: await world.createAccount(fresh('owner_')),
    stranger: await world.createAccount(fresh('stranger_')),
    inactive: await world.createAccount(fresh('inactive_'), { active: false }),
    send: inTurn(world.urls),
  };
}

export function inTurn(urls: readonly string[]): Stage['send'] {
  let requests = 0;
  return (request) => {
    requests += 1;
    const url = urls[requests % urls.length];
    if (url === undefined) throw new Error('the world has no API process');
    return exchange(url, request);
  };
}

/** A name that no test has used before, so that one test does not meet what another left behind. */
export function fresh(prefix: string): string {
  return `${prefix}${randomBytes(5).toString('hex')}`;
}

export interface Image {
  readonly id: string;
  readonly checksum: string;
}

/** The two images of the examples. */
export const firstImage: Image = {
  id: '9e89cc6f0bc3c38722009fe6857087b486531f9a779a0c17e3ed29dae8f12c4f',
  checksum: 'b486531f9a779a0c17e3ed29dae8f12c4f9e89cc6f0bc3c38722009fe6857087',
};
export const secondImage: Image = {
  id: 'ertwetewtwe38722009fe6857087b486531f9a779a0c1dfddgfgsdgdsgds',
  checksum: '34t23f23fc17e3ed29dae8f12c4f9e89cc6f0bsdfgfsdgdsgdsgerwgew',
};

export function basic({ name, password }: Credentials): string {
  return `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;
}

export function headersWith(authorization: string | null, ...more: readonly Header[]): Header[] {
  return [
    ['Host', 'index.docker.io'],
    ['Accept', 'application/json'],
    ['Content-Type', 'application/json'],
    ...(authorization === null ? [] : [['Authorization', authorization] as const]),
    ...more,
  ];
}

export const wantsToken: Header = ['X-Docker-Token', 'true'];

export function get(stage: Pick<Stage, 'send'>, target: string, authorization: string | null = null): Promise<Answer> {
  return stage.send({ method: 'GET', target, headers: headersWith(authorization), body: null });
}

export function login(stage: Pick<Stage, 'send'>, credentials: Credentials): Promise<Answer> {
  return get(stage, '/v1/users', basic(credentials));
}

/** The step before the one that is tested went well; otherwise its answer is the failure to look at. */
export function arranged(answer: Answer, status: number): Answer {
  if (answer.status !== status) throw new Error(`arranging needs ${status}, not ${JSON.stringify(answer)}`);
  return answer;
}

/** The token as a client sends it back: with the scheme in front. */
export function tokenOf(answer: Answer): string {
  const [token] = valuesOf(answer, 'X-Docker-Token');
  if (token === undefined) throw new Error(`an answer without a token: ${JSON.stringify(answer)}`);
  return `Token ${token}`;
}

export type Access = 'read' | 'write' | 'delete';

/** A token for this repository and access and for nothing else. */
export function tokenPattern(repository: string, access: Access): RegExp {
  const name = repository.replaceAll('.', String.raw`\.`);
  return new RegExp(String.raw`^signature=[\w-]+\.[\w-]+\.[\w-]+,repository="${name}",access=${access}$`);
}

/** The same token in both headers, as the examples of PUT and DELETE show it. */
export function expectToken(answer: Answer, repository: string, access: 'write' | 'delete'): void {
  const [token = ''] = valuesOf(answer, 'X-Docker-Token');
  expect(token).toMatch(tokenPattern(repository, access));
  expect(valuesOf(answer, 'X-Docker-Token')).toEqual([token]);
  expect(valuesOf(answer, 'WWW-Authenticate')).toEqual([`Token ${token}`]);
}

/** Undefined where there is no body at all; everything else must be JSON. */
export function bodyOf(answer: Answer): unknown {
  return answer.body === '' ? undefined : JSON.parse(answer.body);
}
