import { EventEmitter } from 'node:events';

import { expect, it } from 'vitest';

import { runUntilSignal } from './lifecycle.ts';
import type { Lifecycle } from './lifecycle.ts';

function recorded() {
  const happened: string[] = [];
  const log = {
    info: () => undefined,
    error: (...line: unknown[]) => void happened.push(`error: ${String(line.at(-1))}`),
  };
  const step = (name: string, stop: () => Promise<void> = () => Promise.resolve()) => ({
    name,
    start: () => Promise.resolve(happened.push(`start ${name}`)),
    stop: () => {
      happened.push(`stop ${name}`);
      return stop();
    },
  });
  return { happened, log, step, source: new EventEmitter() };
}

it('starts in order and stops in reverse, once, however often it is signalled', async () => {
  const { happened, log, step, source } = recorded();
  const start = async (lifecycle: Lifecycle) => {
    await lifecycle.run(step('database'));
    await lifecycle.run(step('api'));
    source.emit('SIGINT');
    source.emit('SIGINT');
    source.emit('SIGTERM');
  };
  expect(await runUntilSignal({ log, start, source })).toBe(0);
  expect(happened).toEqual(['start database', 'start api', 'stop api', 'stop database']);
  expect(source.eventNames()).toEqual([]);
});

it('stops what had started when it is signalled while starting', async () => {
  const { happened, log, step, source } = recorded();
  const start = async (lifecycle: Lifecycle) => {
    await lifecycle.run(step('database'));
    source.emit('SIGTERM');
    await lifecycle.run(step('api'));
  };
  expect(await runUntilSignal({ log, start, source })).toBe(0);
  expect(happened).toEqual(['start database', 'stop database']);
});

it('stops what had started when a later step cannot start, and says why', async () => {
  const { happened, log, step, source } = recorded();
  const start = async (lifecycle: Lifecycle) => {
    await lifecycle.run(step('database'));
    await lifecycle.run({ ...step('api'), start: () => Promise.reject(new Error('the port is taken')) });
  };
  await expect(runUntilSignal({ log, start, source })).rejects.toThrow('the port is taken');
  expect(happened).toEqual(['start database', 'stop database']);
});

it('fails when a step says that it ended', async () => {
  const { happened, log, step, source } = recorded();
  const start = async (lifecycle: Lifecycle) => {
    await lifecycle.run(step('database'));
    lifecycle.fail(new Error('the database is gone'));
  };
  expect(await runUntilSignal({ log, start, source })).toBe(1);
  expect(happened).toEqual(['start database', 'stop database', 'error: the database is gone']);
});

it('names what hangs, and goes', async () => {
  const { happened, log, step, source } = recorded();
  const never = () => new Promise<void>(() => undefined);
  const start = async (lifecycle: Lifecycle) => {
    await lifecycle.run(step('database'));
    await lifecycle.run(step('api', never));
    source.emit('SIGTERM');
  };
  expect(await runUntilSignal({ log, start, source, deadlineMs: 20 })).toBe(1);
  expect(happened).toEqual(['start database', 'start api', 'stop api', 'error: api did not stop within 20 ms']);
});

it('goes on stopping when one step stops badly', async () => {
  const { happened, log, step, source } = recorded();
  const start = async (lifecycle: Lifecycle) => {
    await lifecycle.run(step('database'));
    await lifecycle.run(step('api', () => Promise.reject(new Error('half open'))));
    source.emit('SIGTERM');
  };
  expect(await runUntilSignal({ log, start, source })).toBe(0);
  expect(happened).toEqual([
    'start database',
    'start api',
    'stop api',
    'error: api did not stop well',
    'stop database',
  ]);
});
