import { expect } from 'vitest';

import { valuesOf } from '../support/exchange.ts';
import {
  announce,
  authorize,
  deleteWholly,
  endpointsOf,
  push,
  readImages,
  readToken,
  repositoryOf,
  requestDeletion,
  rewrittenToken,
  spendDeletion,
  templates,
} from '../support/repository.ts';
import type { Form, Repository } from '../support/repository.ts';
import {
  arranged,
  basic,
  bodyOf,
  expectToken,
  firstImage,
  fresh,
  headersWith,
  secondImage,
  tokenOf,
  tokenPattern,
  wantsToken,
} from '../support/stage.ts';
import type { Access, Stage } from '../support/stage.ts';
import type { Credentials } from '../support/world.ts';
import { about, errorOf, errorWithoutField, notActive, scenario, usualError } from './scenario.ts';
import type { Scenario, Scenarios, Trial } from './scenario.ts';

type ByStatus = Scenarios[string];

/** One list for both forms: the text says the same of a user's repositories and of those of the library. */
export function repositoryScenarios(form: Form): Scenarios {
  const template = templates[form];
  return {
    [`PUT ${template}/`]: putRepository(form),
    [`DELETE ${template}/`]: deleteRepository(form),
    [`PUT ${template}/images`]: putImages(form),
    [`GET ${template}/images`]: getImages(form),
    [`PUT ${template}/auth`]: putAuth(form),
  };
}

const announcement = JSON.stringify([{ id: secondImage.id }]);
const update = JSON.stringify([secondImage]);

function putRepository(form: Form): ByStatus {
  const announced = { body: announcement, answers: '' };
  const tagged = [{ id: firstImage.id, Tag: 'latest' }, { id: firstImage.id, Tag: '1.0' }, { id: secondImage.id }];
  const starts = (title: string, body: string, ids: readonly string[], before?: Step) =>
    about(form, title, async (repository) => {
      await before?.(repository);
      return {
        headers: headersWith(basic(repository.pusher), wantsToken),
        body,
        answers: '',
        afterwards: async (answer) => {
          expectToken(answer, repository.fullName, 'write');
          expect(endpointsOf(answer)).not.toEqual([]);
          await expectIds(repository, ids);
        },
      };
    });
  return {
    200: [
      starts('a new repository', announcement, [secondImage.id]),
      starts('a new repository without any image', '[]', []),
      starts('tags, and an image once for each of them', JSON.stringify(tagged), [firstImage.id, secondImage.id]),
      starts('fields that nobody knows', JSON.stringify([{ id: 'a', parent: 'b' }]), ['a']),
      starts('the same again', announcement, [firstImage.id, secondImage.id], (repository) =>
        push(repository, [firstImage, secondImage]),
      ),
      starts('a new image for a repository that is there', announcement, [firstImage.id, secondImage.id], push),
      starts('a new life while it is being deleted', announcement, [secondImage.id], pushedAnd(requestDeletion)),
      starts('a new life after the delete token was spent', announcement, [secondImage.id], pushedAnd(spendDeletion)),
      starts('a new life after the deletion', announcement, [secondImage.id], pushedAnd(deleteWholly)),
      about(form, 'a write token', async (repository) => ({
        headers: headersWith(await push(repository)),
        ...announced,
      })),
      about(form, 'no wish for a token, and none is given', (repository) => ({
        headers: headersWith(basic(repository.pusher)),
        ...announced,
        afterwards: expectNoToken,
      })),
      about(form, 'no content type', (repository) => ({
        headers: headersWith(basic(repository.pusher)).filter(([name]) => name !== 'Content-Type'),
        ...announced,
      })),
    ],
    400: [...unusableLists(form, nothing), ...unusableNames(form, announcement)],
    401: unauthorized(form, announcement, 'write'),
    403: [...forbidden(form, announcement), ...tokensWithoutTheRight(form, announcement, ['read', 'delete'])],
  };
}

function deleteRepository(form: Form): ByStatus {
  const gone = (title: string, before: (repository: Repository) => Promise<string>, credential: 'basic' | 'token') =>
    about(form, title, async (repository) => {
      await push(repository);
      const token = await before(repository);
      return {
        headers: headersWith(credential === 'basic' ? basic(repository.pusher) : token),
        body: '""',
        answers: '',
        afterwards: () => expectHidden(repository),
      };
    });
  const begins = (title: string, body: string | null, before: Step = push) =>
    about(form, title, async (repository) => {
      const earlier = await before(repository);
      return {
        headers: headersWith(basic(repository.pusher), wantsToken),
        body,
        answers: '',
        afterwards: async (answer) => {
          expectToken(answer, repository.fullName, 'delete');
          expect(tokenOf(answer)).not.toBe(earlier);
          expect(endpointsOf(answer)).not.toEqual([]);
          await expectHidden(repository);
          const proof = arranged(await readImages(repository, tokenOf(answer)), 200);
          expect(bodyOf(proof)).toEqual([firstImage]);
        },
      };
    });
  return {
    200: [
      gone('the delete token was spent', spendDeletion, 'basic'),
      gone('it is deleted already', deleteWholly, 'basic'),
      gone('the delete token itself', requestDeletion, 'token'),
      gone('the delete token itself, spent', spendDeletion, 'token'),
    ],
    202: [
      begins('hidden from everybody but the delete token', '""'),
      begins('no body', null),
      begins('again while the token is not spent, with another token', '""', pushedAnd(requestDeletion)),
      about(form, 'no wish for a token, and none is given', async (repository) => {
        await push(repository);
        return { headers: headersWith(basic(repository.pusher)), body: '""', answers: '', afterwards: expectNoToken };
      }),
    ],
    400: [refused(form, 'a body that is not JSON', '{"broken', errorWithoutField, push), ...unusableNames(form, '""')],
    401: unauthorized(form, '""', 'delete'),
    403: [...forbidden(form, '""'), ...tokensWithoutTheRight(form, '""', ['read', 'write'])],
  };
}

function putImages(form: Form): ByStatus {
  const other = { ...firstImage, checksum: secondImage.checksum };
  const unknown = { id: secondImage.id, checksum: '' };
  const merges = (title: string, sent: readonly unknown[], after: readonly unknown[]) =>
    about(form, title, async (repository) => {
      await push(repository);
      return {
        headers: headersWith(basic(repository.pusher)),
        body: JSON.stringify(sent),
        answers: undefined,
        afterwards: async () => {
          expect(bodyOf(arranged(await readImages(repository), 200))).toEqual(after);
        },
      };
    });
  return {
    204: [
      merges('a new image with its checksum', [secondImage], [firstImage, secondImage]),
      merges('a new image without a checksum', [{ id: secondImage.id }], [firstImage, unknown]),
      merges('another checksum for an image', [other], [other]),
      merges('an image without a checksum, which erases none', [{ id: firstImage.id }], [firstImage]),
      merges('an image with an empty checksum, which erases none', [{ id: firstImage.id, checksum: '' }], [firstImage]),
      merges('an image twice, where the first checksum counts', [other, firstImage], [other]),
      merges('an image thrice, where the first is without', [{ id: firstImage.id }, other, firstImage], [other]),
      merges('an empty list, which says that the push is complete', [], [firstImage]),
      merges('a tag, which is not told on', [{ ...secondImage, Tag: 'latest' }], [firstImage, secondImage]),
      about(form, 'a write token', async (repository) => ({
        headers: headersWith(await push(repository)),
        body: update,
        answers: undefined,
      })),
      about(form, 'a write token, and nothing to complete', async (repository) => ({
        headers: headersWith(await push(repository)),
        body: '[]',
        answers: undefined,
      })),
    ],
    400: [
      ...unusableLists(form, push),
      refused(form, 'a checksum that is a number', '[{"id": "a", "checksum": 7}]', errorOf('[0].checksum'), push),
      refused(
        form,
        'a checksum without end',
        JSON.stringify([firstImage, { id: 'a', checksum: 'c'.repeat(10_000) }]),
        errorOf('[1].checksum'),
        push,
      ),
      ...unusableNames(form, update),
    ],
    401: unauthorized(form, update, 'write'),
    403: [...forbidden(form, update), ...tokensWithoutTheRight(form, update, ['read', 'delete'])],
  };
}

function getImages(form: Form): ByStatus {
  type Reader = (repository: Repository, written: string) => Promise<string | null> | string | null;
  const reads = (title: string, authorization: Reader) =>
    about(form, title, async (repository) => {
      const written = await push(repository, [firstImage, secondImage]);
      return {
        ...reading(await authorization(repository, written)),
        answers: [firstImage, secondImage],
        afterwards: (answer) => {
          expectNoToken(answer);
          for (const element of imagesOf(answer.body)) expect(Object.keys(element)).toEqual(['id', 'checksum']);
        },
      };
    });
  const missing = (title: string, before: Step, authorization: Reader = () => null) =>
    about(form, title, async (repository) => {
      await before(repository);
      return { ...reading(await authorization(repository, '')), answers: usualError };
    });
  const asPusher: Reader = ({ pusher }) => basic(pusher);
  return {
    200: [
      reads('nobody in particular', () => null),
      reads('nobody: an empty name and an empty password', () => 'Basic Og=='),
      reads('nobody: an empty token', () => 'Token '),
      reads('the one who pushed', asPusher),
      reads('another account', ({ outsider }) => basic(outsider)),
      reads('a read token', (repository) => readToken(repository)),
      reads('a write token', (_, written) => written),
      reads('a write token with its scheme twice', (_, written) => `Token ${written}`),
      about(form, 'a wish for a token gives a read token', async (repository) => {
        await push(repository);
        return {
          headers: headersWith(basic(repository.pusher), wantsToken),
          body: null,
          answers: [firstImage],
          afterwards: (answer) => {
            const token: unknown = expect.stringMatching(tokenPattern(repository.fullName, 'read'));
            expect(valuesOf(answer, 'X-Docker-Token')).toEqual([token]);
            expect(valuesOf(answer, 'WWW-Authenticate')).toEqual([]);
            expect(endpointsOf(answer)).not.toEqual([]);
          },
        };
      }),
      about(form, 'a wish for a token of nobody in particular', async (repository) => {
        await push(repository);
        return {
          headers: headersWith(null, wantsToken),
          body: null,
          answers: [firstImage],
          afterwards: async (answer) => {
            const again = arranged(await readImages(repository, tokenOf(answer)), 200);
            expect(bodyOf(again)).toEqual([firstImage]);
          },
        };
      }),
      about(form, 'images of which no checksum is known, in the order of their announcement', async (repository) => {
        const ids = ['ff', '00', 'aa'];
        await announce(
          repository,
          ids.map((id) => ({ id })),
        );
        return { ...reading(null), answers: ids.map((id) => ({ id, checksum: '' })) };
      }),
      about(form, 'no image at all', async (repository) => {
        await announce(repository, []);
        return { ...reading(null), answers: [] };
      }),
    ],
    404: [
      missing('a repository that never was', nothing),
      missing('a repository that never was, and its would-be owner', nothing, asPusher),
      missing('a repository of this name in the other form', ({ stage, name }) =>
        push(repositoryOf(stage, form === 'user' ? 'library' : 'user', name)),
      ),
      missing('a repository that is being deleted', pushedAnd(requestDeletion)),
      missing('a repository that is being deleted, and its owner', pushedAnd(requestDeletion), asPusher),
      missing('a repository that was deleted', pushedAnd(deleteWholly)),
      missing('a repository that was deleted, and its owner', pushedAnd(deleteWholly), asPusher),
    ],
  };
}

function putAuth(form: Form): ByStatus {
  const holding = (title: string, token: (repository: Repository) => Promise<string | null>, answers: unknown) =>
    about(form, title, async (repository) => ({ ...reading(await token(repository)), answers }));
  const authorized = (title: string, token: (repository: Repository) => Promise<string>) => holding(title, token, 'OK');
  const denied = (title: string, token: (repository: Repository) => Promise<string | null>) =>
    holding(title, token, usualError);
  const absent = (title: string, token: (repository: Repository) => Promise<string>) =>
    holding(title, token, usualError);
  const afterPush = (credential: (repository: Repository) => string | null) => async (repository: Repository) => {
    await push(repository);
    return credential(repository);
  };
  return {
    200: [
      authorized('a write token', push),
      authorized('a read token', async (repository) => {
        await push(repository);
        return readToken(repository);
      }),
      authorized('a write token for the second time', async (repository) => {
        const token = await push(repository);
        arranged(await authorize(repository, token), 200);
        return token;
      }),
      authorized('a delete token for the first time', pushedAnd(requestDeletion)),
      authorized('another delete token while none is spent', async (repository) => {
        await push(repository);
        await requestDeletion(repository);
        return requestDeletion(repository);
      }),
    ],
    403: [
      denied('a delete token for the second time', pushedAnd(spendDeletion)),
      denied('a delete token after the deletion', pushedAnd(deleteWholly)),
      denied(
        'no credentials',
        afterPush(() => null),
      ),
      denied(
        'an empty token',
        afterPush(() => 'Token '),
      ),
      denied(
        'a name and a password',
        afterPush(({ pusher }) => basic(pusher)),
      ),
      denied(
        'a wrong password',
        afterPush(({ pusher }) => basic({ ...pusher, password: 'wrong-password' })),
      ),
      denied('a forged token', async (repository) => forged(await push(repository))),
      denied('a read token that says write', async (repository) => {
        await push(repository);
        return rewrittenToken(repository);
      }),
      denied('the example, whose signature nobody made', async (repository) => {
        await push(repository);
        return `Token signature=123abc,repository="${repository.fullName}",access=write`;
      }),
      denied('a token of another repository', async (repository) => {
        await push(repository);
        return push(repositoryOf(repository.stage, form));
      }),
      denied('no credentials, and no such repository', async () => null),
      denied('a forged token of no such repository', async (repository) =>
        forged(await push(repositoryOf(repository.stage, form))),
      ),
    ],
    404: [
      absent('a token of another repository, and this one never was', ({ stage }) => push(repositoryOf(stage, form))),
      absent('a write token, and the repository is being deleted', async (repository) => {
        const token = await push(repository);
        await requestDeletion(repository);
        return token;
      }),
      absent('a write token, and the repository is deleted', async (repository) => {
        const token = await push(repository);
        await deleteWholly(repository);
        return token;
      }),
    ],
  };
}

type Step = (repository: Repository) => Promise<unknown>;

async function nothing(): Promise<void> {}

function pushedAnd<Result>(step: (repository: Repository) => Promise<Result>) {
  return async (repository: Repository): Promise<Result> => {
    await push(repository);
    return step(repository);
  };
}

function reading(authorization: string | null): Pick<Trial, 'headers' | 'body'> {
  return { headers: headersWith(authorization), body: null };
}

function imagesOf(body: string): object[] {
  const list: unknown = JSON.parse(body);
  if (!Array.isArray(list)) throw new Error(`not a list of images: ${body}`);
  return list.map(Object);
}

function expectNoToken(answer: Parameters<typeof valuesOf>[0]): void {
  for (const name of ['X-Docker-Token', 'WWW-Authenticate', 'X-Docker-Endpoints']) {
    expect(valuesOf(answer, name)).toEqual([]);
  }
}

async function expectIds(repository: Repository, ids: readonly string[]): Promise<void> {
  const answer = arranged(await readImages(repository), 200);
  expect(bodyOf(answer)).toEqual(ids.map((id) => expect.objectContaining({ id }) as unknown));
}

async function expectHidden(repository: Repository): Promise<void> {
  arranged(await readImages(repository), 404);
  arranged(await readImages(repository, basic(repository.pusher)), 404);
}

/** A body that is refused for what it is, and changes nothing. */
function refused(form: Form, title: string, body: string | null, answers: unknown, before: Step): Scenario {
  return about(form, title, async (repository) => {
    await before(repository);
    const earlier = await readImages(repository);
    return {
      headers: headersWith(basic(repository.pusher)),
      body,
      answers,
      afterwards: async () => {
        const { status, body: images } = await readImages(repository);
        expect({ status, images }).toEqual({ status: earlier.status, images: earlier.body });
      },
    };
  });
}

function unusableLists(form: Form, before: Step): Scenario[] {
  const lists: readonly (readonly [title: string, body: string | null, answers: unknown])[] = [
    ['no body', null, usualError],
    ['a body that is not JSON', '[{"id": "abc"}', errorWithoutField],
    ['an object', '{}', usualError],
    ['a text', '"abc"', usualError],
    ['null', 'null', usualError],
    ['a list of texts', '["abc"]', errorOf('[0]')],
    ['a list of lists', '[{"id": "abc"}, []]', errorOf('[1]')],
    ['an image without an id', '[{"id": "abc"}, {"checksum": "def"}]', errorOf('[1].id')],
    ['an id that is a number', '[{"id": 7}]', errorOf('[0].id')],
    ['an empty id', '[{"id": ""}]', errorOf('[0].id')],
    ['an id without end', JSON.stringify([{ id: 'a'.repeat(10_000) }]), errorOf('[0].id')],
    ['an id with the one character that no text may hold', String.raw`[{"id": "a\u0000b"}]`, errorOf('[0].id')],
    ['a tag that is a number', '[{"id": "abc", "Tag": 7}]', errorOf('[0].Tag')],
  ];
  return lists.map(([title, body, answers]) => refused(form, title, body, answers, before));
}

function unusableNames(form: Form, body: string): Scenario[] {
  const repositories = ['.', '..', 'a'.repeat(256), 'with%20blank', 'with%3Acolon', '%C3%BC', 'a%2Fb', '%00'];
  const namespaces = ['abc', 'a'.repeat(31), 'Upper', 'with-dash', 'with.dot', '%20%20%20%20'];
  const named = (title: string, answers: unknown, parameters: (stage: Stage) => Record<string, string>) =>
    scenario(title, (stage) => ({
      parameters: parameters(stage),
      headers: headersWith(basic(stage.admin)),
      body,
      answers,
    }));
  return [
    ...repositories.map((name) =>
      named(`a repository named ${name.slice(0, 20)}`, errorOf('repo_name'), ({ owner }) => ({
        namespace: owner.name,
        repo_name: name,
      })),
    ),
    ...(form === 'library' ? ['images', 'auth', 'layer'] : []).map((name) =>
      named(`a repository with the reserved name ${name}`, errorOf('repo_name'), () => ({ repo_name: name })),
    ),
    ...(form === 'user' ? namespaces : []).map((namespace) =>
      named(`a namespace named ${namespace.slice(0, 20)}`, errorOf('namespace'), () => ({
        namespace,
        repo_name: fresh('bar-'),
      })),
    ),
    named('an escape that is none', usualError, ({ owner }) => ({ namespace: owner.name, repo_name: '%zz' })),
  ];
}

function unauthorized(form: Form, body: string, access: 'write' | 'delete'): Scenario[] {
  const token = access === 'write' ? push : pushedAnd(requestDeletion);
  const credentials: readonly (readonly [
    title: string,
    (repository: Repository) => Promise<string | null> | string | null,
  ])[] = [
    ['no credentials', () => null],
    ['an empty name and an empty password', () => 'Basic Og=='],
    ['an empty token', () => 'Token '],
    ['a wrong password', ({ pusher }) => basic({ ...pusher, password: 'wrong-password' })],
    ['an unknown name', () => basic({ name: fresh('nobody_'), password: 'some-password' })],
    ['a name and no password', ({ pusher }) => basic({ ...pusher, password: '' })],
    ['an inactive account with a wrong password', ({ stage }) => basic({ ...stage.inactive, password: 'wrong-one' })],
    ['credentials that are not base64', () => 'Basic ?'],
    ['credentials without a colon', () => `Basic ${Buffer.from('owner').toString('base64')}`],
    ['a scheme that nobody knows', () => 'Digest username="owner"'],
    [
      'a token that nobody signed',
      ({ fullName }) => `Token signature=123abc,repository="${fullName}",access=${access}`,
    ],
    ['a forged token', async (repository) => forged(await token(repository))],
    ['a token without a signature', ({ fullName }) => `Token repository="${fullName}",access=${access}`],
    [
      'a read token that says otherwise',
      async (repository) => {
        await push(repository);
        return (await readToken(repository)).replace('access=read', `access=${access}`);
      },
    ],
    [
      'a token of another repository that says this one',
      async (repository) => {
        await push(repository);
        const other = repositoryOf(repository.stage, form);
        return (await push(other)).replace(other.fullName, repository.fullName);
      },
    ],
  ];
  return [
    ...credentials.map(([title, authorization]) =>
      about(form, title, async (repository) => ({
        headers: headersWith(await authorization(repository)),
        body,
        answers: usualError,
      })),
    ),
    about(form, 'no credentials, and a body that is not JSON', () => ({
      headers: headersWith(null),
      body: '{"broken',
      answers: usualError,
    })),
  ];
}

function forged(token: string): string {
  return token.replace(/(?<=signature=[\w-]+\.[\w-]+\.)[\w-]/, (character) => (character === 'A' ? 'B' : 'A'));
}

function forbidden(form: Form, body: string): Scenario[] {
  const as = (title: string, who: (repository: Repository) => Credentials, answers: unknown, before: Step = push) =>
    about(form, title, async (repository) => {
      await before(repository);
      return { headers: headersWith(basic(who(repository))), body, answers };
    });
  return [
    as('an account that is not active', ({ stage }) => stage.inactive, notActive),
    as('an account without the right', ({ outsider }) => outsider, usualError),
    as('an account without the right, and no such repository', ({ outsider }) => outsider, usualError, nothing),
    ...(form === 'user' ? [ownNamespaceOfAnInactiveAccount(body)] : []),
    about(form, 'a token of another repository', async (repository) => {
      await push(repository);
      return { headers: headersWith(await push(repositoryOf(repository.stage, form))), body, answers: usualError };
    }),
    about(form, 'a token of an earlier life', async (repository) => {
      const token = await push(repository);
      await deleteWholly(repository);
      await push(repository);
      return { headers: headersWith(token), body, answers: usualError };
    }),
  ];
}

function ownNamespaceOfAnInactiveAccount(body: string): Scenario {
  return scenario('an account that is not active, in its own namespace', ({ inactive }) => ({
    parameters: { namespace: inactive.name, repo_name: fresh('bar-') },
    headers: headersWith(basic(inactive)),
    body,
    answers: notActive,
  }));
}

function tokensWithoutTheRight(form: Form, body: string, kinds: readonly Access[]): Scenario[] {
  const tokens = { read: pushedAnd(readToken), write: push, delete: pushedAnd(requestDeletion) };
  return kinds.map((access) =>
    about(form, `a ${access} token`, async (repository) => ({
      headers: headersWith(await tokens[access](repository)),
      body,
      answers: usualError,
    })),
  );
}
