/**
 * How the programs of the time put a request on the wire. Go writes Host, User-Agent and the length, then the headers of the program
 * in alphabetical order, then those of its transport; python-requests writes its own first.
 */
import type { Header } from '../support/exchange.ts';
import type { Speaker } from './script.ts';

type Written = Parameters<Speaker['frame']>[0];

function asGo(agent: string, { headers, length, host }: Written): Header[] {
  return [
    ['Host', host],
    ['User-Agent', agent],
    ...(length === null ? [] : [['Content-Length', String(length)] as const]),
    ...headers.toSorted(([left], [right]) => (left < right ? -1 : 1)),
    ['Accept-Encoding', 'gzip'],
    ['Connection', 'close'],
  ];
}

interface Habits {
  /** 0.5 and 0.6 write the whole address into the request line. */
  readonly target?: 'path' | 'url';
}

function docker(version: string, agent: string, { target = 'path' }: Habits = {}): Speaker {
  return {
    name: `docker ${version}`,
    connection: 'close',
    frame: (request) => {
      const { line, host } = request;
      return {
        line: target === 'path' ? line : line.replace(' ', ` https://${host}`),
        headers: asGo(agent, request),
      };
    },
  };
}

export const docker053 = docker('0.5.3', 'docker/0.5.3 go/go1.1 git-commit/17fe6ef kernel/3.8.0-25-generic', {
  target: 'url',
});
/** Sends whole URLs as targets, and no type with a body. */
export const docker06 = docker('0.6', 'docker/0.6.0 go/go1.1.1 git-commit/f4a00cd kernel/3.8.0-29-generic ', {
  target: 'url',
});
export const docker067 = docker('0.6.7', 'docker/0.6.7 go/go1.1.2 git-commit/cb48ecc kernel/3.8.0-33-generic', {
  target: 'url',
});
export const docker091 = docker(
  '0.9.1',
  'docker/0.9.1 go/go1.2 git-commit/3600720 kernel/3.11.0-15-generic os/linux arch/amd64',
);
export const docker10 = docker(
  '1.0',
  'docker/1.0.0 go/go1.2.1 git-commit/63fe64c kernel/3.13.0-24-generic os/linux arch/amd64',
);
export const docker13 = docker(
  '1.3',
  'docker/1.3.0 go/go1.3.3 git-commit/c78088f kernel/3.13.0-37-generic os/linux arch/amd64',
);
export const docker16 = docker(
  '1.6',
  'docker/1.6.2 go/go1.4.2 git-commit/7c8fca2 kernel/3.19.0-15-generic os/linux arch/amd64',
);
export const docker19 = docker(
  '1.9',
  'docker/1.9.1 go/go1.4.3 git-commit/a34a1d5 kernel/4.2.0-16-generic os/linux arch/amd64',
);

/** The daemon speaks for its client, and says for which one. */
function daemon(version: string, agent: string): Speaker {
  const [full = ''] = /\d[\d.]*/.exec(agent) ?? [];
  return docker(version, `${agent} UpstreamClient(Docker-Client/${full} \\(linux\\))`);
}

export const docker112 = daemon(
  '1.12',
  'docker/1.12.6 go/go1.6.4 git-commit/78d1802 kernel/4.4.0-59-generic os/linux arch/amd64',
);
export const docker1809 = daemon(
  '18.09',
  'docker/18.09.1 go/go1.10.6 git-commit/4c52b90 kernel/4.19.0-6-amd64 os/linux arch/amd64',
);
export const docker2010 = daemon(
  '20.10',
  'docker/20.10.24+dfsg1 go/go1.19.8 git-commit/5d6db84 kernel/6.1.0-13-amd64 os/linux arch/amd64',
);
export const docker28 = daemon(
  '28',
  'docker/28.0.1 go/go1.23.6 git-commit/bbd0a17 kernel/6.8.0-54-generic os/linux arch/amd64',
);

/** Keeps its connections, and says with every request which protocol it hopes for. */
export const podman4: Speaker = {
  name: 'podman 4',
  connection: 'keep-alive',
  frame: ({ line, headers, length, host }) => ({
    line,
    headers: [
      ['Host', host],
      ['User-Agent', 'containers/5.24.1 (github.com/containers/image)'],
      ...(length === null ? [] : [['Content-Length', String(length)] as const]),
      ...headers,
      ['Docker-Distribution-Api-Version', 'registry/2.0'],
      ['Accept-Encoding', 'gzip'],
    ],
  }),
};

/** The ping and the login of the older ones go through Go's own client, which nobody taught a name. */
export const plainGo: Speaker = {
  name: 'docker through plain Go',
  connection: 'close',
  frame: (request) => ({ line: request.line, headers: asGo('Go 1.1 package http', request) }),
};

/** docker-registry 0.6 to 0.9, which keeps its connections when it has a pool for them. */
export const registry: Speaker = {
  name: 'docker-registry',
  connection: 'keep-alive',
  frame: ({ line, headers, length, host }) => ({
    line,
    headers: [
      ['Host', host],
      ...(length === null ? [] : [['Content-Length', String(length)] as const]),
      ['Accept-Encoding', 'gzip, deflate, compress'],
      ['Accept', '*/*'],
      ['User-Agent', 'python-requests/2.2.1 CPython/2.7.6 Linux/3.13.0-24-generic'],
      ...headers,
    ],
  }),
};
