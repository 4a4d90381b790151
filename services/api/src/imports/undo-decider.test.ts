import { fold } from '@docket/shared/decider';
import type { Recorded } from '@docket/shared/event';
import { repositoryName } from '@docket/shared/names';
import { isRefusal } from '@docket/shared/refusal';
import { imageEntry } from '@docket/shared/image-lists';
import { absentWithImages, evolveWithImages } from '@docket/shared/repository-images';
import type { RepositoryWithImages } from '@docket/shared/repository-images';
import type { RepositoryEvent } from '@docket/shared/repositories';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { decideImport } from './decider.ts';
import type { ImportedRepository } from './decider.ts';
import { decideUndo } from './undo-decider.ts';

const importId = '01996d1c-5b0a-7cc3-8f6e-0d4a3c2b1a01';
const otherId = '01996d1c-5b0a-7cc3-8f6e-0d4a3c2b1a02';
const undoId = '01996d1c-5b0a-7cc3-8f6e-0d4a3c2b1a03';
const accountId = '01996d1c-5b0a-7cc3-8f6e-0d4a3c2b1a04';
const namespaceId = '01996d1c-5b0a-7cc3-8f6e-0d4a3c2b1a05';
const name = repositoryName.parse('redis');

const by = {
  import: { correlation_id: importId, causation_id: importId },
  others: { correlation_id: otherId, causation_id: otherId },
  undo: { correlation_id: undoId, causation_id: importId },
};
type Writer = keyof typeof by;

/** A stream, one event a second. */
function history(...written: readonly (readonly [Writer, RepositoryEvent])[]): Recorded<RepositoryEvent>[] {
  return written.map(([writer, event], index) => ({
    position: BigInt(index + 1),
    streamId: 'repository-1',
    version: index + 1,
    event,
    commandId: accountId,
    recordedAt: new Date(Date.UTC(2026, 0, 1, 0, 0, index)),
    metadata: { actor: { id: accountId, via: 'operator' }, request_id: '1', ...by[writer] },
  }));
}

const created = (life = 1): RepositoryEvent => ({
  type: 'RepositoryCreated',
  data: { namespace_id: namespaceId, name, life },
});
const described = (description: string): RepositoryEvent => ({ type: 'DescriptionChanged', data: { description } });
const starred = (star_count: number | null): RepositoryEvent => ({ type: 'CountsObserved', data: { star_count } });
const image = imageEntry.parse({ id: 'a', checksum: 'sha256:1', tag: 'latest' });
const pushed: RepositoryEvent = { type: 'PushOpened', data: { push: 1, images: [image] } };
const told = (last_updated: string): RepositoryEvent => ({ type: 'LastUpdatedObserved', data: { last_updated } });
const deleted: RepositoryEvent = { type: 'RepositoryDeleted', data: {} };
const nothing = { events: [], kept: [] };

describe('what an import created', () => {
  test('is deleted when nobody changed it since', () => {
    const past = history(['import', created()], ['import', described('new')], ['import', starred(3)]);
    expect(decideUndo(past, importId)).toEqual({ events: [deleted], kept: [] });
  });

  test('stays when others changed it, without the values that still stand', () => {
    const past = history(['import', created()], ['import', described('new')], ['others', pushed]);
    expect(decideUndo(past, importId)).toEqual({ events: [described('')], kept: ['others changed it since'] });
  });

  test('is nobody’s business when others deleted it, and when they began a new life of it', () => {
    const gone = [
      ['import', created()],
      ['others', deleted],
    ] as const;
    expect(decideUndo(history(...gone), importId)).toEqual(nothing);
    expect(decideUndo(history(...gone, ['others', created(2)], ['others', pushed]), importId)).toEqual(nothing);
  });

  test('in a later life is deleted again, however the earlier one ended', () => {
    const past = history(['others', created()], ['others', deleted], ['import', created(2)]);
    expect(decideUndo(past, importId)).toEqual({ events: [deleted], kept: [] });
  });

  test('stays while it is being deleted', () => {
    const past = history(['import', created()], ['others', { type: 'DeletionRequested', data: {} }]);
    expect(decideUndo(past, importId)).toEqual({ events: [], kept: ['it is being deleted'] });
  });
});

describe('what an import changed', () => {
  const before = [
    ['others', created()],
    ['others', described('old')],
  ] as const;

  test('gets its former value back, and the repository its former last update', () => {
    const past = history(...before, ['import', described('new')], ['import', starred(3)]);
    const events = [described('old'), starred(null), told('2026-01-01T00:00:01.000Z')];
    expect(decideUndo(past, importId)).toEqual({ events, kept: [] });
  });

  test('gets the value from before the import, not one from within', () => {
    const past = history(...before, ['import', described('new')], ['import', described('newer')]);
    expect(decideUndo(past, importId).events).toContainEqual(described('old'));
  });

  test('stays where others changed it since, and is named', () => {
    const past = history(
      ...before,
      ['import', described('new')],
      ['import', starred(3)],
      ['others', described('mine')],
    );
    expect(decideUndo(past, importId)).toEqual({
      events: [starred(null)],
      kept: ['the description was changed since'],
    });
  });

  test('counts as standing where others changed it and changed it back', () => {
    const past = history(
      ...before,
      ['import', described('new')],
      ['others', described('mine')],
      ['others', described('new')],
    );
    expect(decideUndo(past, importId)).toEqual({ events: [described('old')], kept: [] });
  });

  test('may be the list of images: it is as it was before, when nobody pushed since', () => {
    const other = imageEntry.parse({ id: 'b', tag: 'latest' });
    const added: RepositoryEvent = { type: 'ImagesAdded', data: { images: [other] } };
    const events: RepositoryEvent[] = [
      { type: 'ImagesRestored', data: { images: [image] } },
      told('2026-01-01T00:00:02.000Z'),
    ];
    expect(decideUndo(history(...before, ['others', pushed], ['import', added]), importId)).toEqual({
      events,
      kept: [],
    });
    const again: RepositoryEvent = { type: 'PushOpened', data: { push: 1, images: [imageEntry.parse({ id: 'c' })] } };
    expect(decideUndo(history(...before, ['import', added], ['others', again]), importId)).toEqual({
      events: [],
      kept: ['the images were changed since'],
    });
  });

  test('may be the last update alone', () => {
    const past = history(...before, ['import', told('2020-05-05T00:00:00.000Z')]);
    expect(decideUndo(past, importId)).toEqual({ events: [told('2026-01-01T00:00:01.000Z')], kept: [] });
    expect(
      decideUndo(history(...before, ['import', told('2020-05-05T00:00:00.000Z')], ['others', pushed]), importId),
    ).toEqual(nothing);
  });
});

test('nothing is taken back of a repository that the import had nothing to say of', () => {
  expect(decideUndo(history(['others', created()], ['others', described('x')]), importId)).toEqual(nothing);
});

describe('whatever the import says of a repository, whatever it was before', () => {
  const maybe = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: undefined });
  const few = fc.constantFrom('', 'a', 'b');
  const line: fc.Arbitrary<ImportedRepository> = fc.record({
    namespaceId: fc.constant(namespaceId),
    name: fc.constant(name),
    description: maybe(few),
    fullDescription: maybe(few),
    starCount: maybe(fc.nat({ max: 2 })),
    pullCount: maybe(fc.nat({ max: 2 })),
    isAutomated: maybe(fc.boolean()),
    isPrivate: maybe(fc.boolean()),
    lastUpdated: maybe(fc.constantFrom('2024-08-16T05:01:22.863Z', '2025-01-01T00:00:00.000Z')),
    images: fc.array(
      fc
        .record({ id: fc.constantFrom('a', 'b'), checksum: fc.constantFrom('x', 'y'), tag: fc.constantFrom('t', 'u') })
        .map((fields) => imageEntry.parse(fields)),
      { maxLength: 3 },
    ),
  });
  /** As runs of an import would have written them. */
  const story = fc.array(fc.tuple(fc.constantFrom<Writer>('import', 'others'), line), { minLength: 1, maxLength: 6 });

  function written(lines: readonly (readonly [Writer, ImportedRepository])[]): (readonly [Writer, RepositoryEvent])[] {
    let state = absentWithImages;
    return lines.flatMap(([writer, each]) => {
      const events = decideImport(state, each, { imagesMax: 20, tagsMax: 20 });
      if (isRefusal(events)) return [];
      state = fold(evolveWithImages, state, events);
      return events.map((event) => [writer, event] as const);
    });
  }

  const seen = ({ repository, list }: RepositoryWithImages) => {
    if (repository.status !== 'active') return undefined;
    const { last_updated: _, ...rest } = repository;
    return { ...rest, list };
  };

  test('it is afterwards as it was before, when nobody else came after', () => {
    fc.assert(
      fc.property(story, (lines) => {
        const last = lines.findLastIndex(([writer]) => writer === 'others') + 1;
        const past = written([
          ...lines.slice(0, last).map(([, each]) => ['others', each] as const),
          ...lines.slice(last),
        ]);
        const before = past.filter(([writer]) => writer === 'others').map(([, event]) => event);
        const { events, kept } = decideUndo(history(...past), importId);
        const after = fold(evolveWithImages, absentWithImages, [...past.map(([, event]) => event), ...events]);
        expect(kept).toEqual([]);
        expect(seen(after)).toEqual(seen(fold(evolveWithImages, absentWithImages, before)));
      }),
    );
  });

  test('a second undo finds nothing more to do', () => {
    fc.assert(
      fc.property(story, (lines) => {
        const past = written(lines);
        const { events } = decideUndo(history(...past), importId);
        const undone = history(...past, ...events.map((event) => ['undo', event] as const));
        expect(decideUndo(undone, importId).events).toEqual([]);
      }),
    );
  });
});
