import { randomBytes } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { repositoryOf } from '../support/repository.ts';
import type { Form } from '../support/repository.ts';
import { basic, staged } from '../support/stage.ts';
import type { Stage } from '../support/stage.ts';
import { createWorld } from '../support/world.ts';
import { generations, registries } from './conversations.ts';
import { play } from './script.ts';

let stage: Stage;

beforeAll(async () => {
  stage = await staged(await createWorld({ api: 3, environment: { REGISTRY_ENDPOINTS: registries.join(',') } }));
});

afterAll(() => stage?.world.stop());

const hex = () => randomBytes(32).toString('hex');

describe.each(generations)('rows 20 to 36 ($client.name)', ({ library, steps }) => {
  test.each<Form>(['user', 'library'])(
    'an aborted push, the same again, pulls and a deletion of a %s repository, through three processes in turn',
    async (form) => {
      const repository = repositoryOf(stage, form);
      const { pusher, fullName, name } = repository;
      const path = form === 'library' && library === 'bare' ? name : fullName;
      const played = play(steps, {
        urls: stage.world.urls,
        host: 'index.docker.io',
        fullName,
        words: {
          path,
          fullName,
          basic: basic(pusher),
          username: pusher.name,
          password: pusher.password,
          email: `${pusher.name}@dotcloud.com`,
          base: hex(),
          middle: hex(),
          top: hex(),
          stranger: hex(),
          sum: hex(),
        },
      });
      await expect(played).resolves.toBe(steps.length);
    },
  );
});
