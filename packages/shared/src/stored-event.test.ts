import { expect, test } from 'vitest';

import { accountEvent } from './accounts.ts';
import { eventSamples } from './event-samples.testing.ts';
import { repositoryEvent } from './repositories.ts';
import {
  UnreadableEvent,
  readAccountEvent,
  readEvent,
  readRepositoryEvent,
  repositoryOf,
  repositoryStream,
  schemaVersion,
} from './stored-event.ts';

const types = [...accountEvent.options, ...repositoryEvent.options].map(({ shape }) => shape.type.value);

test.each(types)('there is a sample of %s in every version up to the one that is written today', (type) => {
  const versions = new Set(
    eventSamples.filter((sample) => sample.type === type).map((sample) => sample.schema_version),
  );
  expect([...versions].toSorted((a, b) => a - b)).toEqual(
    Array.from({ length: schemaVersion }, (_, index) => index + 1),
  );
});

test.each(eventSamples.map((sample) => [`${sample.type} ${JSON.stringify(sample.data)}`, sample] as const))(
  '%s is read, and nothing of it is lost',
  (_, { type, schema_version, data }) => {
    expect(readEvent({ type, schema_version, data })).toEqual({ type, data });
  },
);

test('no sample is of an event that nobody knows', () => {
  expect(new Set(eventSamples.map(({ type }) => type))).toEqual(new Set(types));
});

test('an event of an unknown type stops the reader with its name', () => {
  expect(() => readEvent({ type: 'RepositoryRenamed', schema_version: 1, data: {} })).toThrow(UnreadableEvent);
  expect(() => readEvent({ type: 'RepositoryRenamed', schema_version: 1, data: {} })).toThrow(/^RepositoryRenamed: /);
});

test('an event of a later version stops the reader, which says what it knows and what it met', () => {
  expect(() => readEvent({ type: 'PushCompleted', schema_version: 2, data: { push: 1 } })).toThrow(
    new UnreadableEvent('PushCompleted of version 2 is not known; this program knows 1'),
  );
});

test('an event whose data is not what its version says stops the reader with the field', () => {
  expect(() => readEvent({ type: 'PushCompleted', schema_version: 1, data: { push: 'first' } })).toThrow(
    /^PushCompleted: .*push/s,
  );
});

test('an account event in the stream of a repository is not read as one of the repository, nor the other way round', () => {
  expect(() => readRepositoryEvent({ type: 'AccountActivated', schema_version: 1, data: {} })).toThrow(UnreadableEvent);
  expect(() => readAccountEvent({ type: 'RepositoryDeleted', schema_version: 1, data: {} })).toThrow(UnreadableEvent);
});

test('a stream says which repository it is of, and that it is of none', () => {
  expect(repositoryOf(repositoryStream('1-2'))).toBe('1-2');
  expect(repositoryOf('account-1-2')).toBeUndefined();
});
