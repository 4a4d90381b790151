/**
 * A push, pulls and a deletion in the words of each generation of docker, with what the registry asks the index meanwhile: the facts
 * are those of rows 20 to 36 of the protocol, read from the sources of these programs.
 */
import type { Header } from '../conformance/contract.ts';

import { docker06, docker10, docker16, docker19, plainGo, registry } from './clients.ts';
import { anyError, anything } from './script.ts';
import type { Speaker, Step } from './script.ts';

export const registries = ['registry-1.docker.io', 'registry-2.docker.io'];

export interface Generation {
  readonly client: Speaker;
  /** How its library repositories are addressed: bare up to 1.4, spelled out since. */
  readonly library: 'bare' | 'spelled';
  readonly steps: readonly Step[];
}

const json: Header = ['Content-Type', 'application/json'];
/** docker 1.4 to 1.9 write this header past Go's own spelling of it. */
const oddJson: Header = ['Content-type', 'application/json'];
const asOwner: Header = ['Authorization', '{basic}'];
const asHolder: Header = ['Authorization', '{token}'];
const wish: Header = ['X-Docker-Token', 'true'];
const pushedTo: readonly Header[] = registries.map((host) => ['X-Docker-Endpoints', `https://${host}/v1/`]);

const endpoints = [['X-Docker-Endpoints', registries]] as const;
const bareImages = [
  { id: '{parent}', checksum: '' },
  { id: '{child}', checksum: '' },
];

function ping(by: Speaker): Step {
  return {
    by,
    says: 'GET /v1/_ping',
    status: 200,
    answer: true,
    finds: [['X-Docker-Registry-Standalone', ['false']]],
  };
}

/** docker 1.6 and later ask for the second version first, and must not find it here. */
function noSecondVersion(by: Speaker): Step {
  return {
    by,
    says: 'GET /v2/',
    status: 404,
    answer: anything,
    finds: [
      ['Docker-Distribution-Api-Version', []],
      ['WWW-Authenticate', []],
    ],
  };
}

/** POST first; the account is known, so its password is tried. */
function login(by: Speaker): Step[] {
  return [
    {
      by,
      says: 'POST /v1/users/',
      headers: [['Content-Type', 'application/json; charset=utf-8']],
      body: '{"username":"{username}","password":"{password}","auth":"","email":"{email}"}',
      status: 400,
      answer: 'Username or email already exists',
    },
    { by, says: 'GET /v1/users/', headers: [asOwner], status: 200, answer: 'OK' },
  ];
}

/** What a registry asks for each image that a client brings: who is this, and may they use the parent? */
function proofs(images: readonly object[]): Step[] {
  const names = '/v1/repositories/{fullName}';
  const prove: Step = { by: registry, says: `GET ${names}/images`, headers: [asHolder], status: 200, answer: images };
  const parent: Step = {
    by: registry,
    says: `GET ${names}/layer/{parent}/access`,
    headers: [asHolder],
    status: 200,
    answer: { access: true },
  };
  return [prove, prove, parent, prove, prove];
}

/** With a password and without: the token of the answer is what the registry proves then. */
function pulls(by: Speaker, images: readonly object[]): Step[] {
  const says = 'GET /v1/repositories/{path}/images';
  const proof: Step = {
    by: registry,
    says: 'GET /v1/repositories/{fullName}/images',
    headers: [asHolder],
    status: 200,
    answer: images,
  };
  const pull = { by, says, status: 200, answer: images, token: 'read', finds: endpoints } as const;
  return [{ ...pull, headers: [asOwner, wish] }, proof, { ...pull, headers: [wish] }, proof];
}

/** The two steps of the specification; the registry proves the token and then spends it. */
function deletion(by: Speaker, images: readonly object[]): Step[] {
  const target = '/v1/repositories/{path}/';
  const gone: Step = {
    by,
    says: 'GET /v1/repositories/{path}/images',
    headers: [asOwner, wish],
    status: 404,
    answer: anyError,
  };
  return [
    { by, says: `DELETE ${target}`, headers: [asOwner, wish], body: '""', status: 202, answer: '', token: 'delete' },
    gone,
    {
      by: registry,
      says: 'GET /v1/repositories/{fullName}/images',
      headers: [asHolder],
      status: 200,
      answer: images,
    },
    { by: registry, says: 'PUT /v1/repositories/{fullName}/auth', headers: [asHolder], status: 200, answer: 'OK' },
    { by: registry, says: 'PUT /v1/repositories/{fullName}/auth', headers: [asHolder], status: 403, answer: anyError },
    { by, says: `DELETE ${target}`, headers: [asOwner], body: '""', status: 200, answer: '' },
    { by, says: `DELETE ${target}`, headers: [asOwner], body: '""', status: 200, answer: '' },
    gone,
  ];
}

function opening(by: Speaker, headers: readonly Header[], body: string): Step[] {
  const says = 'PUT /v1/repositories/{path}/';
  return [
    { by, says, headers: headers.filter(([name]) => name !== 'Authorization'), body, status: 401, answer: anyError },
    { by, says, headers, body, status: 200, answer: '', token: 'write', finds: endpoints },
  ];
}

function closing(by: Speaker, headers: readonly Header[], body: string): Step {
  return { by, says: 'PUT /v1/repositories/{path}/images', headers: [...headers, ...pushedTo], body, status: 204 };
}

const images06 = [
  { id: '{parent}', checksum: 'tarsum+sha256:{sum}' },
  { id: '{child}', checksum: 'sha256:{sum}' },
];

export const generations: readonly Generation[] = [
  {
    client: docker06,
    library: 'bare',
    steps: [
      ...login(plainGo),
      ...opening(docker06, [asOwner, wish], '[{"id":"{parent}"},{"id":"{child}","Tag":"latest"}]'),
      ...proofs(bareImages),
      closing(
        docker06,
        [asOwner, wish],
        '[{"id":"{parent}","checksum":"tarsum+sha256:{sum}"},{"id":"{child}","checksum":"sha256:{sum}","Tag":"latest"}]',
      ),
      ...pulls(docker06, images06),
      ...deletion(docker06, images06),
    ],
  },
  {
    client: docker10,
    library: 'bare',
    steps: [
      ping(plainGo),
      ...login(docker10),
      ping(plainGo),
      ...opening(
        docker10,
        [asOwner, json, wish],
        '[{"id":"{parent}"},{"id":"{child}","Tag":"1.0"},{"id":"{child}","Tag":"latest"}]',
      ),
      ...proofs(bareImages),
      closing(docker10, [asOwner, json, wish], '[]'),
      ...pulls(docker10, bareImages),
      ...deletion(docker10, bareImages),
    ],
  },
  {
    client: docker16,
    library: 'spelled',
    steps: [
      noSecondVersion(docker16),
      ping(docker16),
      ...login(docker16),
      noSecondVersion(docker16),
      ping(docker16),
      ...opening(
        docker16,
        [asOwner, oddJson, wish],
        '[{"id":"{parent}"},{"id":"{child}","Tag":"1.0"},{"id":"{child}","Tag":"latest"}]',
      ),
      ...proofs(bareImages),
      closing(docker16, [asOwner, oddJson, wish], '[]'),
      ...pulls(docker16, bareImages),
      ...deletion(docker16, bareImages),
    ],
  },
  {
    client: docker19,
    library: 'spelled',
    steps: [
      noSecondVersion(docker19),
      ping(docker19),
      ...login(docker19),
      noSecondVersion(docker19),
      ping(docker19),
      ...opening(
        docker19,
        [asOwner, oddJson, wish],
        '[{"id":"{parent}"},{"id":"{child}","Tag":"1.0"},{"id":"{child}","Tag":"latest"}]',
      ),
      ...proofs(bareImages),
      closing(docker19, [asOwner, oddJson, wish], '[]'),
      ...pulls(docker19, bareImages),
      ...deletion(docker19, bareImages),
    ],
  },
];
