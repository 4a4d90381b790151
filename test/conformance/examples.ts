/** What must be true before the example request of each endpoint, and the real values for its placeholders. */
import { push, repositoryOf, templates } from '../support/repository.ts';
import type { Form } from '../support/repository.ts';
import { firstImage, fresh, secondImage } from '../support/stage.ts';
import type { Stage } from '../support/stage.ts';
import type { Credentials } from '../support/world.ts';
import { exampleRepositories } from './search-scenarios.ts';

export interface Example {
  readonly parameters?: Readonly<Record<string, string>>;
  readonly credentials?: Credentials;
  readonly token?: string;
  /** `foo/bar` or `library/foobar` of the example. */
  readonly repository?: string;
  /** Words of the request, and of the answer, that stand for something else. */
  readonly words?: Readonly<Record<string, string>>;
}

export const examples: Readonly<Record<string, (stage: Stage) => Promise<Example> | Example>> = {
  ...repositoryExamples('user'),
  ...repositoryExamples('library'),
  'GET /v1/users': ({ owner }) => ({ credentials: owner }),
  'POST /v1/users': () => {
    const username = fresh('foobar_');
    return { words: { foobar: username, 'sam@dotcloud.com': `${username}@dotcloud.com` } };
  },
  'PUT /v1/users/(username)/': async ({ world }) => {
    const credentials = await world.createAccount(fresh('fakeuser_'));
    const words = { 'sam@dotcloud.com': `${credentials.name}@dotcloud.com` };
    return { parameters: { username: credentials.name }, credentials, words };
  },
  'GET /v1/search': async ({ world }) => {
    await world.importRepositories(exampleRepositories);
    await world.searchable();
    return { words: { search_term: 'image' } };
  },
};

function repositoryExamples(form: Form): typeof examples {
  const template = templates[form];
  const before = (images: Parameters<typeof push>[1] | undefined) => async (stage: Stage) => {
    const repository = repositoryOf(stage, form);
    const token = images === undefined ? '' : await push(repository, images);
    return {
      parameters: repository.parameters,
      credentials: repository.pusher,
      repository: repository.fullName,
      token,
    };
  };
  return {
    [`PUT ${template}/`]: before(undefined),
    [`DELETE ${template}/`]: before([firstImage]),
    [`PUT ${template}/images`]: before([]),
    [`GET ${template}/images`]: before([firstImage, secondImage]),
    [`PUT ${template}/auth`]: before([firstImage]),
  };
}
