import { expect, test } from 'vitest';
import { z } from 'zod';

import { accountEvent } from './accounts.ts';
import { eventSamples } from './event-samples.testing.ts';
import { organizationEvent } from './organizations.ts';
import { repositoryEvent } from './repositories.ts';
import {
  NewerEvent,
  UnreadableEvent,
  readAccountEvent,
  readEvent,
  readRepositoryEvent,
  repositoryOf,
  repositoryStream,
  schemaVersionOf,
} from './stored-event.ts';
import { imageEvent } from './takedowns.ts';

const types = [
  ...accountEvent.options,
  ...imageEvent.options,
  ...organizationEvent.options,
  ...repositoryEvent.options,
].map(({ shape }) => shape.type.value);

test.each(types)('there is a sample of %s in every version up to the one that is written today', (type) => {
  const versions = new Set(
    eventSamples.filter((sample) => sample.type === type).map((sample) => sample.schema_version),
  );
  expect([...versions].toSorted((a, b) => a - b)).toEqual(
    Array.from({ length: schemaVersionOf(type) }, (_, index) => index + 1),
  );
});

test.each(eventSamples.map((sample) => [`${sample.type} ${JSON.stringify(sample.data)}`, sample] as const))(
  '%s is read, and nothing of it is lost',
  (_, { type, schema_version, data }) => {
    const read = readEvent({ type, schema_version, data });
    expect(read.type).toBe(type);
    expect(read.data).toMatchObject(z.record(z.string(), z.unknown()).parse(data));
    const added = Object.keys(read.data).length - Object.keys(z.record(z.string(), z.unknown()).parse(data)).length;
    // An event of the present version gets nothing added either.
    expect(schema_version < schemaVersionOf(read.type) || added === 0).toBe(true);
  },
);

test('a push that was opened before anybody noted where the client was sent tells of no registries', () => {
  const data = { push: 1, images: [{ id: 'layer' }] };
  expect(readEvent({ type: 'PushOpened', schema_version: 1, data })).toEqual({
    type: 'PushOpened',
    data: { ...data, endpoints: [] },
  });
});

test('what a newer program wrote is told from what nobody can read', () => {
  expect(() => readEvent({ type: 'PushOpened', schema_version: 3, data: {} })).toThrow(NewerEvent);
  expect(() => readEvent({ type: 'RepositoryRenamed', schema_version: 1, data: {} })).toThrow(NewerEvent);
  expect(() => readEvent({ type: 'PushOpened', schema_version: 1, data: { push: 0 } })).not.toThrow(NewerEvent);
  expect(() => readEvent({ type: 'PushOpened', schema_version: 1, data: [] })).toThrow(UnreadableEvent);
});

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
