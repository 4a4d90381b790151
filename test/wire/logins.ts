/**
 * `docker login` and `podman login` in the words of each generation (rows 9 and 20 to 24): up to 1.10 a registration that may find the
 * name known, then up to 18.09 the first version's own question, then the second version's challenge.
 */
import type { Header } from '../support/exchange.ts';
import {
  docker053,
  docker067,
  docker091,
  docker10,
  docker112,
  docker13,
  docker16,
  docker1809,
  docker19,
  docker2010,
  docker28,
  plainGo,
  podman4,
} from './clients.ts';
import { anyError, anything } from './script.ts';
import type { Speaker, Step } from './script.ts';

/** The outcome of a login. */
export const branches = [
  'new',
  'known',
  'inactive',
  'wrong password',
  'inactive and wrong',
  'registration closed',
] as const;
export type Branch = (typeof branches)[number];

export interface Login {
  readonly client: Speaker;
  readonly steps: Partial<Record<Branch, readonly Step[]>>;
}

const asOwner: Header = ['Authorization', '{basic}'];
const known = 'Username or email already exists';
const notActive = 'Account is not Active';
const challenge = ['WWW-Authenticate', ['Basic realm="auth required",Token']] as const;

function registration(by: Speaker): Pick<Step, 'by' | 'says' | 'headers' | 'body'> {
  return {
    by,
    says: 'POST /v1/users/',
    headers: [['Content-Type', 'application/json; charset=utf-8']],
    body: '{"username":"{username}","password":"{password}","auth":"","email":"{email}"}',
  };
}

function asked(by: Speaker, status: 200 | 401 | 403): Step {
  const answer = { 200: 'OK', 401: anyError, 403: notActive }[status];
  return {
    by,
    says: 'GET /v1/users/',
    headers: [asOwner],
    status,
    answer,
    ...(status === 401 ? { finds: [challenge] } : {}),
  };
}

/** The client knows by these very bytes that it has to try the password. */
export function knownName(by: Speaker): Step {
  return { ...registration(by), status: 400, answer: known, bytes: `"${known}"` };
}

/** Up to 1.10. The older ones log in through Go's own client. */
function registering(client: Speaker, by = client): Login {
  const tried = (status: 200 | 401 | 403) => [knownName(by), asked(by, status)];
  const created: Step = { ...registration(by), status: 201, answer: 'User Created' };
  const closed: Step = { ...registration(by), status: 401, answer: anyError, finds: [challenge] };
  return {
    client,
    steps: {
      new: [created, asked(by, 403), ...tried(403)],
      known: tried(200),
      inactive: tried(403),
      'wrong password': tried(401),
      'inactive and wrong': tried(401),
      'registration closed': [closed, asked(by, 200)],
    },
  };
}

/** 1.11 and 1.12: nobody registers with the command line any more. */
function asking(by: Speaker): Login {
  const hidden: Step = { by, says: 'GET /v2/', status: 404, answer: anything, finds: [['WWW-Authenticate', []]] };
  const tried = (status: 200 | 401 | 403) => [hidden, asked(by, status)];
  return { client: by, steps: branchesOf(tried) };
}

/** The second version's way: a challenge, and the same again with the answer to it. */
function challenged(by: Speaker, more: (status: 200 | 401 | 403) => readonly Step[] = () => []): Login {
  const version = ['Docker-Distribution-Api-Version', ['registry/2.0']] as const;
  const basic = ['WWW-Authenticate', ['Basic realm="docket"']] as const;
  const first: Step = { by, says: 'GET /v2/', status: 401, answer: anything, finds: [version, basic] };
  const tried = (status: 200 | 401 | 403): readonly Step[] => [
    first,
    {
      by,
      says: 'GET /v2/',
      headers: [asOwner],
      status,
      answer: status === 200 ? {} : anything,
      finds: [version, ...(status === 401 ? [basic] : [])],
    },
    ...more(status),
  ];
  return { client: by, steps: branchesOf(tried) };
}

function branchesOf(tried: (status: 200 | 401 | 403) => readonly Step[]): Login['steps'] {
  return {
    known: tried(200),
    inactive: tried(403),
    'wrong password': tried(401),
    'inactive and wrong': tried(401),
    'registration closed': tried(200),
  };
}

export const logins: readonly Login[] = [
  registering(docker053, plainGo),
  registering(docker067, plainGo),
  registering(docker091, plainGo),
  registering(docker10),
  registering(docker13),
  registering(docker16),
  registering(docker19),
  asking(docker112),
  // The last that may still ask the first version.
  challenged(docker1809, (status) => [asked(docker1809, status)]),
  challenged(docker2010),
  challenged(docker28),
  challenged(podman4),
];
