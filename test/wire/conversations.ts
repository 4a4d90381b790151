/**
 * A push, pulls and a deletion in the words of each generation of docker, with what the registry asks the index meanwhile: the facts
 * are those of rows 20 to 36 of the protocol, read from the sources of these programs.
 */
import type { Header } from '../support/exchange.ts';
import {
  docker053,
  docker06,
  docker067,
  docker091,
  docker10,
  docker112,
  docker13,
  docker16,
  docker19,
  plainGo,
  registry,
} from './clients.ts';
import { knownName } from './logins.ts';
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

/** Each stands on the one before it; the top has the tags. */
const layers = ['base', 'middle', 'top'] as const;
const bareImages = layers.map((layer) => ({ id: `{${layer}}`, checksum: '' }));

function ping(by: Speaker): Step {
  return {
    by,
    says: 'GET /v1/_ping',
    status: 200,
    answer: true,
    // 0.6 to 0.9 demand the one; from 0.7.6 on nobody asks for a token without the other.
    finds: [
      ['X-Docker-Registry-Version', ['0.9.1']],
      ['X-Docker-Registry-Standalone', ['false']],
    ],
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
  return [knownName(by), { by, says: 'GET /v1/users/', headers: [asOwner], status: 200, answer: 'OK' }];
}

/** What a registry asks for a layer that a client brings: who is this (twice: the image and its bytes), and may they use the parent? */
function proofs(layer: (typeof layers)[number], images: readonly object[]): Step[] {
  const names = '/v1/repositories/{fullName}';
  const prove: Step = { by: registry, says: `GET ${names}/images`, headers: [asHolder], status: 200, answer: images };
  const parent = { base: undefined, middle: 'base', top: 'middle' }[layer];
  const access: Step = {
    by: registry,
    says: `GET ${names}/layer/{${parent}}/access`,
    headers: [asHolder],
    status: 200,
    answer: { access: true },
  };
  return [prove, ...(parent === undefined ? [] : [access]), prove];
}

/** An image that nobody ever named is nobody's. */
const stranger: Step = {
  by: registry,
  says: 'GET /v1/repositories/{fullName}/layer/{stranger}/access',
  headers: [asHolder],
  status: 200,
  answer: { access: false },
};

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

interface Push {
  readonly by: Speaker;
  readonly headers: readonly Header[];
  readonly announces: string;
  readonly completes: string;
}

/** Without credentials, which the command line then asks for; and with them, in a push that dies behind its first layer. */
function abortedPush({ by, headers, announces: body }: Push): Step[] {
  const says = 'PUT /v1/repositories/{path}/';
  const anonymous = headers.filter(([name]) => name !== 'Authorization');
  return [
    { by, says, headers: anonymous, body, status: 401, answer: anyError },
    { by, says, headers, body, status: 200, answer: '', token: 'write', finds: endpoints },
    ...proofs('base', bareImages),
    // A pull meanwhile sees what was announced.
    {
      by,
      says: 'GET /v1/repositories/{path}/images',
      headers: [wish],
      status: 200,
      answer: bareImages,
      token: 'read',
      finds: endpoints,
    },
  ];
}

/** The same again at once, and to its end. */
function push({ by, headers, announces, completes }: Push): Step[] {
  return [
    {
      by,
      says: 'PUT /v1/repositories/{path}/',
      headers,
      body: announces,
      status: 200,
      answer: '',
      token: 'write',
      finds: endpoints,
    },
    ...layers.flatMap((layer) => proofs(layer, bareImages)),
    stranger,
    {
      by,
      says: 'PUT /v1/repositories/{path}/images',
      headers: [...headers, ...pushedTo],
      body: completes,
      status: 204,
    },
  ];
}

interface Habits {
  readonly client: Speaker;
  readonly library: Generation['library'];
  /** Requests that come before the login and before the push. */
  readonly greets: readonly Step[];
  /** Who logs in, where that is another part of the program. */
  readonly login: readonly Step[];
  readonly headers: readonly Header[];
  readonly announces: string;
  readonly completes: string;
  /** As GET images tells them at the end. */
  readonly images: readonly object[];
}

function generation({ client, library, greets, login: loggingIn, images, ...told }: Habits): Generation {
  const pushing: Push = { by: client, ...told };
  return {
    client,
    library,
    steps: [
      ...greets,
      ...loggingIn,
      ...greets,
      ...abortedPush(pushing),
      ...greets,
      ...push(pushing),
      ...pulls(client, images),
      ...deletion(client, images),
    ],
  };
}

const tagged = '[{"id":"{base}"},{"id":"{middle}"},{"id":"{top}","Tag":"1.0"},{"id":"{top}","Tag":"latest"}]';
const finished = '[]';
const summed = [
  { id: '{base}', checksum: 'tarsum+sha256:{sum}' },
  { id: '{middle}', checksum: 'tarsum+sha256:{sum}' },
  { id: '{top}', checksum: 'sha256:{sum}' },
];
const sums =
  '{"id":"{base}","checksum":"tarsum+sha256:{sum}"},{"id":"{middle}","checksum":"tarsum+sha256:{sum}"},{"id":"{top}","checksum":"sha256:{sum}"';

/** With the sums at the end, and with the tags from 0.6 on. */
const old = { library: 'bare', images: summed } as const;
const bare = { library: 'bare', announces: tagged, completes: finished, images: bareImages } as const;
const spelled = { ...bare, library: 'spelled' } as const;

export const generations: readonly Generation[] = [
  generation({
    ...old,
    client: docker053,
    greets: [],
    login: login(plainGo),
    // Once for itself and once for the redirection that it follows by hand.
    headers: [asOwner, wish, wish],
    announces: '[{"id":"{base}"},{"id":"{middle}"},{"id":"{top}"}]',
    completes: `[${sums}}]`,
  }),
  generation({
    ...old,
    client: docker06,
    greets: [ping(plainGo)],
    login: login(plainGo),
    headers: [asOwner, wish],
    announces: tagged,
    completes: `[${sums},"Tag":"latest"}]`,
  }),
  generation({
    ...old,
    client: docker067,
    greets: [ping(plainGo)],
    login: login(plainGo),
    headers: [asOwner, json, wish],
    announces: tagged,
    completes: `[${sums},"Tag":"1.0"},{"id":"{top}","Tag":"latest"}]`,
  }),
  generation({
    ...bare,
    client: docker091,
    greets: [ping(plainGo)],
    login: login(plainGo),
    headers: [asOwner, json, wish],
  }),
  generation({
    ...bare,
    client: docker10,
    greets: [ping(plainGo)],
    login: login(docker10),
    headers: [asOwner, json, wish],
  }),
  generation({
    ...bare,
    client: docker13,
    greets: [ping(docker13)],
    login: login(docker13),
    headers: [asOwner, json, wish],
  }),
  generation({
    ...spelled,
    client: docker16,
    greets: [noSecondVersion(docker16), ping(docker16)],
    login: login(docker16),
    headers: [asOwner, oddJson, wish],
  }),
  generation({
    ...spelled,
    client: docker19,
    greets: [noSecondVersion(docker19), ping(docker19)],
    login: login(docker19),
    headers: [asOwner, oddJson, wish],
  }),
  generation({
    ...spelled,
    client: docker112,
    greets: [noSecondVersion(docker112), ping(docker112)],
    login: [{ by: docker112, says: 'GET /v1/users/', headers: [asOwner], status: 200, answer: 'OK' }],
    headers: [asOwner, oddJson, wish],
  }),
];
