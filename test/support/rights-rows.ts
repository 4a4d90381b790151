/**
 * The answer of every route to every kind of caller, for a repository in every state: written by hand, beside the function that decides,
 * so that the one proves the other. `docs/rights.md` is made of it.
 */
export const states = [
  'public',
  'private',
  'deleting',
  /** Still being deleted, its delete token spent by the registry's proof. */
  'spent',
  'deleted',
  'taken down',
  'never',
] as const;
export type State = (typeof states)[number];

/** What somebody may do there; each includes the ones before it. */
const ranks = ['nothing', 'read', 'write', 'admin', 'owner', 'index admin'] as const;
export type Rank = (typeof ranks)[number];

export type Kind =
  | { readonly kind: 'nobody' }
  /** Credentials that are wrong, whatever is asked. */
  | { readonly kind: 'wrong' }
  | { readonly kind: 'inactive' }
  /** `grant`: by a grant on the repository, which ends with it. */
  | { readonly kind: 'person'; readonly rank: Rank; readonly by: 'password' | 'session'; readonly grant?: true }
  /** A token of the owner. `fits` means that it is for this repository and this life of it. */
  | { readonly kind: 'token'; readonly access: 'read' | 'write' | 'delete'; readonly fits: boolean };

export interface Row {
  readonly method: 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE';
  /** The path as it is documented. */
  readonly path: string;
  /** What is asked for, of the repository `$` (`namespace/name`). */
  readonly target: string;
  readonly body?: unknown;
  /** Repositories are listed, and this one only to those who may read it. */
  readonly lists?: true;
  /** There is no such operation, and everybody is told so. */
  readonly isNone?: true;
  readonly status: (caller: Kind, state: State) => number;
}

function rankIn(caller: Kind, state: State): number {
  if (caller.kind !== 'person') return 0;
  return caller.grant && state === 'deleted' ? 0 : ranks.indexOf(caller.rank);
}

/** Tells who may read by a password or a session; a token opens only what it is for, and no list. */
export function mayRead(caller: Kind, state: State): boolean {
  return isReadable(state, rankIn(caller, state));
}

function isReadable(state: State, rank: number): boolean {
  return state === 'public' || (state === 'private' && rank >= ranks.indexOf('read'));
}

type Outcomes = Readonly<Record<State, number>>;
const all = (status: number): Outcomes => ({
  public: status,
  private: status,
  deleting: status,
  spent: status,
  deleted: status,
  'taken down': status,
  never: 404,
});

/** 401 for wrong credentials, and for access tokens, which open nothing here; 403 before the account is confirmed. */
function onV2(caller: Kind, judged: (rank: number) => number): number {
  switch (caller.kind) {
    case 'wrong':
    case 'token':
      return 401;
    case 'inactive':
      return 403;
    case 'nobody':
    case 'person':
      return judged(0);
  }
}

function reads(anonymous: 200 | 401, taken: 200 | 404, status: number) {
  return (caller: Kind, state: State): number =>
    onV2(caller, () => {
      if (caller.kind === 'nobody' && anonymous === 401) return 401;
      const rank = rankIn(caller, state);
      if (state === 'taken down' && taken === 200 && rank >= ranks.indexOf('admin')) return status;
      return isReadable(state, rank) ? status : 404;
    });
}

function needs(rank: Rank, outcomes: Outcomes) {
  return (caller: Kind, state: State): number =>
    onV2(caller, () => {
      if (caller.kind === 'nobody') return 401;
      const has = rankIn(caller, state);
      const sees = state !== 'never' && (isReadable(state, has) || has >= ranks.indexOf('admin'));
      if (!sees) return 404;
      return has >= ranks.indexOf(rank) ? outcomes[state] : 403;
    });
}

const living = (status: number): Outcomes => ({ ...all(status), deleting: 404, spent: 404, deleted: 404 });

/** The answers of a route that asks only for an account and looks at no repository. */
function persons(status: number, { nobody = 401, tokens = 401 }: { nobody?: number; tokens?: number } = {}) {
  return (caller: Kind): number => {
    if (caller.kind === 'nobody') return nobody;
    if (caller.kind === 'token') return tokens;
    return onV2(caller, () => status);
  };
}

function ranked(rank: Rank, status: number, less: number) {
  return (caller: Kind): number =>
    onV2(caller, () => {
      if (caller.kind !== 'person') return 401;
      // A grant on a repository is none on its namespace.
      const has = caller.grant ? 0 : ranks.indexOf(caller.rank);
      return has >= ranks.indexOf(rank) ? status : less;
    });
}

/** The answers of a route of an organization, which is hidden from everybody but its members. */
function member(owners: number) {
  return (caller: Kind): number => {
    const sees = ranked('read', 200, 404)(caller);
    return sees === 200 ? ranked('owner', owners, 403)(caller) : sees;
  };
}

const everybody = (status: number) => () => status;

const forms = [
  '/v2/repositories/{namespace}/{repo_name}',
  '/v2/namespaces/{namespace}/repositories/{repo_name}',
] as const;

function targetOf(form: (typeof forms)[number]): string {
  return form === forms[0] ? '/v2/repositories/$' : '/v2/namespaces/$namespace/repositories/$name';
}

const ofRepository = forms.flatMap((path): Row[] => {
  const target = targetOf(path);
  return [
    { method: 'GET', path, target, status: reads(200, 200, 200) },
    {
      method: 'PATCH',
      path,
      target,
      body: { description: 'changed' },
      status: needs('admin', living(200)),
    },
    { method: 'DELETE', path, target, status: needs('admin', all(202)) },
    {
      method: 'POST',
      path: `${path}/restore`,
      target: `${target}/restore`,
      status: needs('owner', { ...all(409), deleted: 200 }),
    },
    { method: 'GET', path: `${path}/tags`, target: `${target}/tags`, status: reads(200, 404, 200) },
    {
      method: 'GET',
      path: `${path}/tags/{tag}`,
      target: `${target}/tags/latest`,
      status: reads(200, 404, 200),
    },
    { method: 'GET', path: `${path}/stars`, target: `${target}/stars`, status: reads(200, 404, 200) },
    {
      method: 'POST',
      path: `${path}/stars`,
      target: `${target}/stars`,
      status: reads(401, 404, 204),
    },
    {
      method: 'DELETE',
      path: `${path}/stars`,
      target: `${target}/stars`,
      status: reads(401, 404, 204),
    },
    {
      method: 'GET',
      path: `${path}/collaborators`,
      target: `${target}/collaborators`,
      status: needs('admin', living(200)),
    },
    {
      method: 'PUT',
      path: `${path}/collaborators/{username}`,
      target: `${target}/collaborators/$stranger`,
      body: { permission: 'read' },
      status: needs('admin', living(200)),
    },
    {
      method: 'DELETE',
      path: `${path}/collaborators/{username}`,
      target: `${target}/collaborators/$reader`,
      status: needs('admin', living(204)),
    },
  ];
});

/** What the first protocol makes of the same rights: its tokens count, and sessions do not. */
function onV1(
  caller: Kind,
  answers: {
    readonly nobody: number;
    readonly person: (rank: number) => number;
    readonly token: (token: Extract<Kind, { kind: 'token' }>) => number;
  },
): number {
  switch (caller.kind) {
    case 'wrong':
      return 401;
    case 'inactive':
      return 403;
    case 'nobody':
      return answers.nobody;
    case 'person':
      return caller.by === 'session' ? 401 : answers.person(ranks.indexOf(caller.rank));
    case 'token':
      return answers.token(caller);
  }
}

const images = (nobody: 'as the public' | 401) => (caller: Kind, state: State) => {
  const read = (rank: number) => (isReadable(state, rank) ? 200 : 404);
  return onV1(caller, {
    nobody: nobody === 401 ? 401 : read(0),
    person: () => read(rankIn(caller, state)),
    token: ({ access, fits }) => {
      if (state === 'deleting' || state === 'spent') return fits && access === 'delete' ? 200 : 404;
      if (state !== 'public' && state !== 'private') return 404;
      return fits ? 200 : 403;
    },
  });
};

/** A push, or a part of one: `outcomes` are for who may. */
const pushes = (outcomes: Outcomes) => (caller: Kind, state: State) => {
  const rank: Rank = state === 'deleted' || state === 'never' ? 'owner' : 'write';
  const has = state === 'never' && caller.kind === 'person' && caller.grant ? 0 : rankIn(caller, state);
  return onV1(caller, {
    nobody: 401,
    person: () => (has >= ranks.indexOf(rank) ? outcomes[state] : 403),
    token: ({ access, fits }) => (fits && access === 'write' && state !== 'never' ? outcomes[state] : 403),
  });
};

const deletes = (caller: Kind, state: State) => {
  const has = state === 'never' && caller.kind === 'person' && caller.grant ? 0 : rankIn(caller, state);
  return onV1(caller, {
    nobody: 401,
    person: () => {
      if (has < ranks.indexOf('admin')) return 403;
      return { ...all(202), spent: 200, deleted: 200 }[state];
    },
    // The delete token itself is the end of a deletion that was begun.
    token: ({ access, fits }) =>
      fits && access === 'delete' && ['deleting', 'spent', 'deleted'].includes(state) ? 200 : 403,
  });
};

/** No 401 here, and 404 only to a good token. */
const proves = (caller: Kind, state: State) => {
  if (caller.kind !== 'token') return 403;
  if (state === 'never') return 404;
  if (caller.fits && caller.access === 'delete') return state === 'deleting' ? 200 : 403;
  if (state !== 'public' && state !== 'private') return 404;
  return caller.fits ? 200 : 403;
};

const history = (caller: Kind, state: State) => {
  const seen = (rank: number) =>
    state !== 'never' && (isReadable(state, rank) || rank >= ranks.indexOf('admin')) ? 200 : 404;
  switch (caller.kind) {
    case 'wrong':
      return 401;
    case 'inactive':
      return 403;
    case 'nobody':
    case 'person':
      return seen(rankIn(caller, state));
    case 'token':
      return seen(ranks.indexOf('owner')) === 404 ? 404 : caller.fits ? 200 : 403;
  }
};

const v1 = '/v1/repositories/{namespace}/{repo_name}';
const push = [{ id: 'layer', Tag: 'latest' }];

export const rows: readonly Row[] = [
  { method: 'GET', path: '/v1/_ping', target: '/v1/_ping', status: everybody(200) },
  { method: 'GET', path: '/_ping', target: '/_ping', status: everybody(200) },
  { method: 'GET', path: '/openapi.json', target: '/openapi.json', status: everybody(200) },
  {
    method: 'GET',
    path: '/v1/users',
    target: '/v1/users',
    status: (caller) => onV1(caller, { nobody: 401, person: () => 200, token: () => 401 }),
  },
  {
    method: 'POST',
    path: '/v1/users',
    target: '/v1/users',
    body: { username: '$stranger', password: 'another', email: 'a@example.org' },
    status: everybody(400),
  },
  {
    method: 'GET',
    path: '/v1/users/confirm/{token}',
    target: '/v1/users/confirm/none',
    status: everybody(404),
  },
  {
    method: 'PUT',
    path: '/v1/users/{username}',
    target: '/v1/users/nobody_is_here',
    body: { password: 'another' },
    status: (caller) =>
      onV1(caller, {
        nobody: 401,
        person: (rank) => (rank === ranks.indexOf('index admin') ? 404 : 403),
        token: () => 401,
      }),
  },
  {
    method: 'PUT',
    path: `${v1}/`,
    target: '/v1/repositories/$/',
    body: push,
    status: pushes({ ...all(200), 'taken down': 403, never: 200 }),
  },
  { method: 'DELETE', path: `${v1}/`, target: '/v1/repositories/$/', status: deletes },
  {
    method: 'GET',
    path: `${v1}/images`,
    target: '/v1/repositories/$/images',
    status: images('as the public'),
  },
  {
    method: 'PUT',
    path: `${v1}/images`,
    target: '/v1/repositories/$/images',
    body: [],
    status: pushes({ ...living(204), 'taken down': 403 }),
  },
  { method: 'PUT', path: `${v1}/auth`, target: '/v1/repositories/$/auth', status: proves },
  {
    method: 'GET',
    path: `${v1}/layer/{image_id}/access`,
    target: '/v1/repositories/$/layer/layer/access',
    status: images(401),
  },
  { method: 'POST', path: `${v1}/`, target: '/v1/repositories/$/', body: push, isNone: true, status: everybody(405) },
  {
    method: 'PATCH',
    path: `${v1}/`,
    target: '/v1/repositories/$/',
    body: push,
    isNone: true,
    status: everybody(405),
  },
  {
    method: 'GET',
    path: '/v1/search',
    target: '/v1/search?q=$',
    lists: true,
    status: persons(200, { nobody: 200, tokens: 200 }),
  },
  { method: 'GET', path: '/v2/', target: '/v2/', status: persons(200) },
  {
    method: 'GET',
    path: '/v2/_catalog',
    target: '/v2/_catalog?n=1000',
    lists: true,
    status: persons(200, { nobody: 200, tokens: 200 }),
  },
  {
    method: 'POST',
    path: '/v2/users/login',
    target: '/v2/users/login',
    body: { username: '$stranger', password: 'wrong' },
    status: everybody(401),
  },
  {
    method: 'POST',
    path: '/v2/auth/token',
    target: '/v2/auth/token',
    body: { identifier: '$stranger', secret: 'wrong' },
    status: everybody(401),
  },
  { method: 'GET', path: '/v2/namespaces', target: '/v2/namespaces', status: persons(200) },
  {
    method: 'GET',
    path: '/v2/namespaces/{namespace}',
    target: '/v2/namespaces/$namespace',
    status: persons(200, { nobody: 200 }),
  },
  ...['/v2/repositories/{namespace}', '/v2/namespaces/{namespace}/repositories'].flatMap((path): Row[] => {
    const target = path.replace('{namespace}', '$namespace');
    return [
      {
        method: 'GET',
        path,
        target: `${target}?page_size=100`,
        lists: true,
        status: persons(200, { nobody: 200 }),
      },
      {
        method: 'POST',
        path,
        target,
        body: { name: '$fresh' },
        status: ranked('owner', 201, 403),
      },
    ];
  }),
  ...ofRepository,
  {
    method: 'GET',
    path: `${forms[0]}/history`,
    target: '/v2/repositories/$/history',
    status: history,
  },
  {
    method: 'POST',
    path: '/v2/orgs',
    target: '/v2/orgs',
    body: { orgname: '$namespace' },
    status: persons(409),
  },
  {
    method: 'GET',
    path: '/v2/orgs/{orgname}',
    target: '/v2/orgs/$namespace',
    status: ranked('read', 200, 404),
  },
  {
    method: 'GET',
    path: '/v2/orgs/{orgname}/members',
    target: '/v2/orgs/$namespace/members',
    status: ranked('read', 200, 404),
  },
  {
    method: 'PUT',
    path: '/v2/orgs/{orgname}/members/{username}',
    target: '/v2/orgs/$namespace/members/$member',
    body: { role: 'member' },
    status: member(200),
  },
  {
    method: 'DELETE',
    path: '/v2/orgs/{orgname}/members/{username}',
    target: '/v2/orgs/$namespace/members/nobody_is_here',
    status: member(404),
  },
  {
    method: 'GET',
    path: '/v2/takedowns',
    target: '/v2/takedowns',
    status: ranked('index admin', 200, 403),
  },
  {
    method: 'PUT',
    path: '/v2/takedowns/repositories/{namespace}/{repo_name}',
    target: '/v2/takedowns/repositories/$',
    body: { reason: 'another' },
    status: needs('index admin', all(200)),
  },
  {
    method: 'DELETE',
    path: '/v2/takedowns/repositories/{namespace}/{repo_name}',
    target: '/v2/takedowns/repositories/$',
    status: needs('index admin', all(204)),
  },
  {
    method: 'PUT',
    path: '/v2/takedowns/images/{image_id}',
    target: '/v2/takedowns/images/some-image',
    body: { reason: 'it mines coins' },
    status: ranked('index admin', 200, 403),
  },
  {
    method: 'DELETE',
    path: '/v2/takedowns/images/{image_id}',
    target: '/v2/takedowns/images/some-image',
    status: ranked('index admin', 204, 403),
  },
];
