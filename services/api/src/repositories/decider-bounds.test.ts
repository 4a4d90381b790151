import { specification } from '@docket/shared/decider.testing';
import { imageEntry } from '@docket/shared/image-lists';
import type { ImageEntry } from '@docket/shared/image-lists';
import { repositoryName } from '@docket/shared/names';
import type { RepositoryEvent } from '@docket/shared/repositories';
import { describe, it } from 'vitest';

import { repositoryDecider } from './decider.ts';
import type { RepositoryCommand } from './decider.ts';

const { given } = specification(repositoryDecider({ imagesMax: 2, tagsMax: 1 }));

const namespaceId = '0190d8a4-7c3e-7d2b-8f43-6d9c0a6b1e11';
const name = repositoryName.parse('app');
const entry = (id: string, tag?: string): ImageEntry => imageEntry.parse({ id, tag });
const [a, b, c] = [entry('a'), entry('b'), entry('c')];

const created: RepositoryEvent = { type: 'RepositoryCreated', data: { namespace_id: namespaceId, name, life: 1 } };
const opened = (push: number, ...images: ImageEntry[]): RepositoryEvent => ({
  type: 'PushOpened',
  data: { push, images },
});
const added = (...images: ImageEntry[]): RepositoryEvent => ({ type: 'ImagesAdded', data: { images } });
const completed: RepositoryEvent = { type: 'PushCompleted', data: { push: 1 } };
const openPush = (...images: ImageEntry[]): RepositoryCommand => ({ type: 'OpenPush', namespaceId, name, images });
const putImages = (...images: ImageEntry[]): RepositoryCommand => ({ type: 'PutImages', images, endpoints: [] });

describe('what a repository may hold', () => {
  it('is bounded over all its pushes, and not for each of them', () => {
    given(created, opened(1, a, b), completed)
      .when(openPush(a, b))
      .thenEvents(opened(2, a, b));
    given(created, opened(1, a, b), completed)
      .when(openPush(c))
      .thenRefused('conflict');
    given(created, opened(1, a, b))
      .when(putImages(c))
      .thenRefused('conflict');
    given()
      .when(openPush(a, b, c))
      .thenRefused('conflict');
  });

  it('is bounded in tags as well, one of which may move', () => {
    given(created, opened(1, entry('a', 'latest')), completed)
      .when(putImages(entry('b', 'latest')))
      .thenEvents(added(entry('b', 'latest')));
    given(created, opened(1, entry('a', 'latest')), completed)
      .when(putImages(entry('a', 'v1')))
      .thenRefused('conflict');
  });

  it('may be more than the bounds of today, as long as nothing is added', () => {
    given(created, opened(1, a, b, c), completed)
      .when(openPush(a, b, c))
      .thenEvents(opened(2, a, b, c));
  });
});
