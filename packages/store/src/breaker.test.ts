import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { NoPrimary, circuitBreaker } from './breaker.ts';
import type { Breaker, ServerAnswer, Way } from './breaker.ts';

interface Question {
  readonly way: Way;
  readonly answer: (answer: ServerAnswer) => Promise<void>;
}

const silenceMsMax = 250;
const serves: ServerAnswer = { is: 'serves' };
const readOnly = { is: 'refuses', why: 'the server is read-only' } as const;
const nobody = { is: 'unreachable', why: 'connect ECONNREFUSED' } as const;

let breaker: Breaker;
let questions: Question[];
let awaited: boolean;
let received: number;
let changes: string[];

beforeEach(() => {
  vi.useFakeTimers();
  questions = [];
  awaited = false;
  received = 0;
  changes = [];
  breaker = circuitBreaker({
    ask: (way) =>
      new Promise((resolve) => {
        questions.push({
          way,
          answer: async (answer) => {
            resolve(answer);
            await passed(0);
          },
        });
      }),
    isAwaited: () => awaited,
    receivedBytes: () => received,
    silenceMsMax,
    onOpen: (why) => changes.push(why),
    onClose: (openMs) => changes.push(`back after ${openMs} ms`),
  });
});

afterEach(() => {
  breaker.stop();
  vi.useRealTimers();
});

async function passed(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}

function question(number: number): Question {
  const found = questions[number];
  if (!found) throw new Error(`there were ${questions.length} questions`);
  return found;
}

/** Somebody waits for a server that answered before. */
function somebodyWaits(): void {
  answered();
  awaited = true;
  breaker.begins();
}

function answered(): void {
  received += 100;
  breaker.heard();
}

it('one lost connection makes it ask, as somebody who comes now; the server is there, and nobody notices', async () => {
  breaker.suspect();
  expect(questions).toMatchObject([{ way: 'anew' }]);
  expect(breaker.refusal()).toBeUndefined();
  await question(0).answer(serves);
  expect(breaker.refusal()).toBeUndefined();
  expect(changes).toEqual([]);
});

it('however many connections are lost, one question is asked at a time', async () => {
  for (let lost = 0; lost < 100; lost++) breaker.suspect();
  expect(questions).toHaveLength(1);
  await question(0).answer(serves);
  breaker.suspect();
  expect(questions).toHaveLength(2);
});

it.each([
  ['the server takes no writes', readOnly],
  ['nobody is there', nobody],
])('a lost connection and %s: it opens, and everybody is refused with an error of his own', async (_what, answer) => {
  breaker.suspect();
  await question(0).answer(answer);
  const [first, second] = [breaker.refusal(), breaker.refusal()];
  expect(first).toBeInstanceOf(NoPrimary);
  expect(first).not.toBe(second);
  expect(changes).toEqual([answer.why]);
});

it('while it is open it asks again and again, and closes as soon as the server takes writes', async () => {
  breaker.suspect();
  await question(0).answer(nobody);
  for (let asked = 1; asked < 20; asked++) {
    await passed(150);
    expect(questions).toHaveLength(asked + 1);
    expect(question(asked).way).toBe('anew');
    await question(asked).answer(asked % 2 === 0 ? nobody : readOnly);
    expect(breaker.refusal()).toBeDefined();
  }
  await passed(150);
  await question(20).answer(serves);
  expect(breaker.refusal()).toBeUndefined();
  expect(changes).toEqual([nobody.why, 'back after 3000 ms']);
  await passed(10_000);
  expect(questions).toHaveLength(21);
});

it('what is the matter is said as it is now', async () => {
  breaker.suspect();
  await question(0).answer(nobody);
  expect(breaker.refusal()?.message).toBe('connect ECONNREFUSED');
  await passed(150);
  await question(1).answer(readOnly);
  expect(breaker.refusal()?.message).toBe('the server is read-only');
});

it('who is refused while others are answered over connections that they have does not open it; it asks again', async () => {
  somebodyWaits();
  breaker.suspect();
  answered();
  await question(0).answer(nobody);
  expect(breaker.refusal()).toBeUndefined();
  await passed(150);
  await question(1).answer(nobody);
  expect(breaker.refusal()).toBeDefined();
});

it('a server that says that it takes no writes is believed, whoever else is answered', async () => {
  breaker.suspect();
  breaker.heard();
  await question(0).answer(readOnly);
  expect(breaker.refusal()).toBeDefined();
});

it('a slow statement makes it ask over the connection that it has, for as long as the statement takes, and no more', async () => {
  somebodyWaits();
  for (let asked = 0; asked < 50; asked++) {
    await passed(100);
    received += 100;
    expect(questions).toHaveLength(asked + 1);
    expect(question(asked).way).toBe('kept');
    await question(asked).answer(serves);
  }
  expect(breaker.refusal()).toBeUndefined();
  awaited = false;
  await passed(10_000);
  expect(questions).toHaveLength(50);
});

it('a server that answers anybody is never asked', async () => {
  somebodyWaits();
  for (let answer = 0; answer < 200; answer++) {
    await passed(50);
    answered();
  }
  expect(questions).toEqual([]);
});

it('a server that answers neither the statement nor the question is gone', async () => {
  somebodyWaits();
  await passed(silenceMsMax - 25);
  expect(questions).toHaveLength(1);
  expect(breaker.refusal()).toBeUndefined();
  await passed(25);
  expect(breaker.refusal()?.message).toBe('the server does not answer');
  // The question over the connection that was cut.
  await question(0).answer(nobody);
  await passed(150);
  await question(1).answer(serves);
  expect(breaker.refusal()).toBeUndefined();
});

it('a question that takes long does not open it while the server speaks', async () => {
  somebodyWaits();
  await passed(100);
  expect(questions).toHaveLength(1);
  for (let spoken = 0; spoken < 100; spoken++) {
    received += 1;
    await passed(silenceMsMax - 50);
  }
  expect(breaker.refusal()).toBeUndefined();
});

it('the connection over which it asks may be the one that broke: it asks anew before it believes that nobody is there', async () => {
  somebodyWaits();
  await passed(100);
  await question(0).answer(nobody);
  expect(breaker.refusal()).toBeUndefined();
  expect(question(1).way).toBe('anew');
  await question(1).answer(serves);
  expect(changes).toEqual([]);
});

it('a process that starts waits for its first answer as long as it takes', async () => {
  awaited = true;
  breaker.begins();
  breaker.suspect();
  await passed(10 * silenceMsMax);
  expect(breaker.refusal()).toBeUndefined();
});

it('nobody who waits, no silence: an idle process asks nothing', async () => {
  await passed(60_000);
  expect(questions).toEqual([]);
  expect(vi.getTimerCount()).toBe(0);
});

it('a question that takes long while nobody waits is waited for; who comes then has all of his time', async () => {
  breaker.suspect();
  await passed(10 * silenceMsMax);
  expect(breaker.refusal()).toBeUndefined();
  somebodyWaits();
  await passed(silenceMsMax);
  expect(breaker.refusal()).toBeUndefined();
  await passed(25);
  expect(breaker.refusal()).toBeDefined();
});

it('after it was stopped it neither asks nor opens', async () => {
  breaker.suspect();
  breaker.stop();
  await question(0).answer(nobody);
  breaker.suspect();
  somebodyWaits();
  await passed(10_000);
  expect(questions).toHaveLength(1);
  expect(changes).toEqual([]);
});
