import { test } from 'vitest';

import { chaos, summary } from './chaos.ts';
import type { Mutation } from './chaos.ts';

const root = new URL('../../', import.meta.url);
/** With the start of the engines and the comparison at the end it stays within the minute. */
const seconds = 20;
/** What is missing shows within the first of them. */
const mutatedSeconds = 3;
/** Harm is a matter of what happens at the same moment: where a run does not meet it, another one may. */
const runsMax = 4;
const deadlineMs = 120_000;
const say = () => undefined;

// Beside each other, two at a time: each of them mostly waits.
test.concurrent(
  'whatever is killed, frozen, cut, restarted or wiped: nothing is lost, doubled, skipped or left different',
  async ({ expect }) => {
    const report = await chaos({ root, seed: 1, seconds, say });
    console.log(summary(report));
    expect(report.violations).toEqual([]);
    expect(report.acknowledged).toBeGreaterThan(100);
    expect(report.reads).toBeGreaterThan(100);
    // Otherwise nothing was in danger.
    expect(report.blows.filter(({ inFlight }) => inFlight > 0).length).toBeGreaterThan(3);
  },
  deadlineMs,
);

/** Some commits are late, as on a busy disk; alone this harms nothing. */
const lateCommits = `
  create function es.be_late() returns trigger language plpgsql as $$ begin
    if random() < 0.3 then perform pg_sleep(0.05); end if; return null; end $$;
  create trigger late after insert on es.events for each statement execute function es.be_late();`;

interface Noticed {
  readonly what: string;
  readonly mutation: Mutation;
  readonly sentence: RegExp;
  readonly seconds?: number;
}

const mutations: readonly Noticed[] = [
  {
    what: 'readers that do not wait for appends in flight',
    mutation: {
      statements: `${lateCommits}
     create or replace function es.safe_position() returns bigint language sql volatile security definer
       as $$ select coalesce(pg_sequence_last_value('es.events_position_seq'), 0) $$;`,
    },
    sentence: /goes from version \d+ to \d+|no row|not the fold/,
    // A blow may hold up most of three seconds, and an event is missed only while others are appended.
    seconds: 12,
  },
  {
    what: 'a checkpoint that moves before the rows are there',
    mutation: {
      statements: `create function read.lose() returns trigger language plpgsql as $$ begin
       if random() < 0.05 then return null; end if; return new; end $$;
     create trigger lose before insert or update on read.repositories for each row execute function read.lose();`,
    },
    sentence: /goes from version \d+ to \d+|does not begin|no row|not the fold/,
  },
  {
    what: 'a log that does not know a command when it comes again',
    mutation: {
      statements: `create schema once;
     alter function es.append(text[], int[], uuid[], text[], text[], text[], int[], int[], text[], smallint[], text[], text[])
       set schema once;
     create function es.append(stream text[], expected int[], command uuid[], ip text[], user_agent text[],
       fingerprint text[], command_no int[], seq int[], type text[], schema_version smallint[], data text[], metadata text[])
       returns table (no int, outcome text, at_position bigint, at_version int) language sql volatile security definer as $$
       select * from once.append(stream, expected, (select array_agg(gen_random_uuid()) from unnest(command)), ip,
         user_agent, fingerprint, command_no, seq, type, schema_version, data, metadata) $$;`,
    },
    sentence: /in the log [2-9] times/,
  },
  {
    what: 'a lease that is not fenced',
    mutation: {
      patches: [
        { file: '/store/dist/followers/lease.js', from: ".where('holder', '=', holder)", to: '' },
        { file: '/store/dist/followers/lease.js', from: ".where('fence', '=', fence)", to: '' },
      ],
      blows: /holds it no more/,
    },
    sentence: /moved the checkpoint of (search|mail) while .* held it/,
    // The blow takes some seconds, and what came back is to do harm after it.
    seconds: 7.5,
  },
];

for (const { what, mutation, sentence, seconds: long = mutatedSeconds } of mutations) {
  test.concurrent(
    `the judge notices ${what}`,
    async ({ expect }) => {
      const noticed: string[] = [];
      for (let run = 0; run < runsMax && !sentence.test(noticed.join('\n')); run++) {
        const { violations } = await chaos({ root, seed: 2 + run, seconds: long, say, mutation });
        noticed.push(...violations);
      }
      expect(noticed.join('\n')).toMatch(sentence);
    },
    runsMax * deadlineMs,
  );
}
