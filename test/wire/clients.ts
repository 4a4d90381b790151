/**
 * How the programs of the time put a request on the wire. Go writes Host, User-Agent and the length, then the headers of the program
 * in alphabetical order, then those of its transport; python-requests writes its own first.
 */
import type { Header } from '../conformance/contract.ts';

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

function docker(version: string, agent: string, target: 'path' | 'url' = 'path'): Speaker {
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

/** Sends whole URLs as targets, and no type with a body. */
export const docker06 = docker('0.6', 'docker/0.6.0 go/go1.1.1 git-commit/f4a00cd kernel/3.8.0-29-generic ', 'url');
export const docker10 = docker(
  '1.0',
  'docker/1.0.0 go/go1.2.1 git-commit/63fe64c kernel/3.13.0-24-generic os/linux arch/amd64',
);
export const docker16 = docker(
  '1.6',
  'docker/1.6.2 go/go1.4.2 git-commit/7c8fca2 kernel/3.19.0-15-generic os/linux arch/amd64',
);
export const docker19 = docker(
  '1.9',
  'docker/1.9.1 go/go1.4.3 git-commit/a34a1d5 kernel/4.2.0-16-generic os/linux arch/amd64',
);

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
