/** Over a real connection: how often it is asked who sends a body, and when. */
import { connect } from 'node:net';
import type { Socket } from 'node:net';

import { createLog } from '@docket/runtime/log';
import { refuse } from '@docket/shared/refusal';
import express from 'express';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { z } from 'zod';

import { answer } from './answer.ts';
import { bodyBudget } from './body-budget.ts';
import { mount } from './endpoint.ts';
import { listen } from './listener.ts';
import type { Listener } from './listener.ts';
import { operation } from './operation.ts';
import { requestOf } from './request.testing.ts';
import type { Credentials } from './operation.ts';

const nobody = refuse('unauthorized', 'nobody');
let asked: (string | undefined)[] = [];
let listener: Listener;
const sockets: Socket[] = [];

const whoever: Credentials<unknown, string> = {
  wanted: 'needed',
  authenticate: (_using, request) => {
    const name = request.header('authorization');
    asked.push(name);
    return Promise.resolve(name ?? nobody);
  },
};

beforeAll(async () => {
  const app = express();
  const put = operation({
    method: 'PUT',
    path: '/v1/things',
    summary: 'Takes it.',
    needs: 'a name',
    credentials: whoever,
    body: z.array(z.string()),
    bodyBytesMax: 1_000_000,
    answers: {},
    handle: (_using, { body }) => answer(200, body.length),
  });
  const { address } = requestOf();
  const bodies = bodyBudget({ bytesMax: 3_000_000, clientBytesMax: 1_500_000, waitMsMax: 200, cutAfterMs: 10_000 });
  mount(app, [put], undefined, { log: createLog({ name: 'api', level: 'silent' }), addressOf: () => address, bodies });
  listener = await listen({
    host: '127.0.0.1',
    port: 0,
    operations: { handle: () => false, drain: () => undefined },
    onRequest: () => undefined,
    app,
  });
});

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  asked = [];
});

afterAll(() => listener.drain());

/** Sends these one after the other, each when the condition before it holds, and resolves with the status of the answer. */
async function sent(...parts: readonly (string | (() => boolean))[]): Promise<number> {
  const socket = connect({ port: Number(new URL(listener.url).port), host: '127.0.0.1', noDelay: true });
  sockets.push(socket);
  const answered = new Promise<number>((resolve, reject) => {
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString();
      const [, status] = /^HTTP\/1\.1 (\d{3}) .*\r\n\r\n/s.exec(text) ?? [];
      if (status !== undefined) resolve(Number(status));
    });
    socket.once('error', reject);
  });
  for (const part of parts) {
    if (typeof part === 'string') socket.write(part);
    else await vi.waitUntil(part, { timeout: 10_000, interval: 5 });
  }
  return answered;
}

const head = (header: string, name = 'Authorization: sam\r\n') =>
  `PUT /v1/things HTTP/1.1\r\nHost: index.example\r\n${name}${header}\r\n\r\n`;
const small = JSON.stringify(['a', 'b']);
const large = JSON.stringify(Array.from({ length: 20_000 }, (_, index) => `image${index}`));
const askedOnce = () => asked.length === 1;

it('once, of one that comes with its head', async () => {
  expect(await sent(`${head(`Content-Length: ${small.length}`)}${small}`)).toBe(200);
  expect(asked).toEqual(['sam']);
});

it('twice, of one whose last byte comes after the first time', async () => {
  const length = `Content-Length: ${small.length}`;
  expect(await sent(head(length) + small.slice(0, -1), askedOnce, small.slice(-1))).toBe(200);
  expect(asked).toEqual(['sam', 'sam']);
});

it('twice, of one in chunks, whose length nobody knows before', async () => {
  const chunk = `${small.length.toString(16)}\r\n${small}\r\n`;
  expect(await sent(head('Transfer-Encoding: chunked') + chunk, askedOnce, '0\r\n\r\n')).toBe(200);
  expect(asked).toEqual(['sam', 'sam']);
});

it('twice, of one that is larger than what anybody may send', async () => {
  expect(await sent(head(`Content-Length: ${large.length}`) + large)).toBe(200);
  expect(asked).toEqual(['sam', 'sam']);
});

it('once, of one that nobody sends: it is refused while the body is still to come', async () => {
  expect(await sent(head(`Content-Length: ${large.length}`, ''))).toBe(401);
  expect(await sent(head(`Content-Length: ${small.length}`, ''))).toBe(401);
  expect(await sent(head('Transfer-Encoding: chunked', ''))).toBe(401);
  expect(asked).toEqual([undefined, undefined, undefined]);
});

it('not read while other bodies of the same client hold what they may, refused after a while, and read when those are done', async () => {
  const list = `["a"${' '.repeat(999_990)}]`;
  const length = head(`Content-Length: ${list.length}`);
  let isRefused = false;
  const first = sent(length + list.slice(0, -1), () => isRefused, list.slice(-1));
  await vi.waitUntil(askedOnce, { timeout: 10_000, interval: 5 });
  expect(await sent(length + list)).toBe(503);
  isRefused = true;
  expect(await first).toBe(200);
  expect(await sent(length + list)).toBe(200);
});
