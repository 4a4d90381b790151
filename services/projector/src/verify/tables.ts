import { isDeepStrictEqual } from 'node:util';

import { fold } from '@docket/shared/decider';
import { absentRepository, evolve } from '@docket/shared/repositories';
import type { Repository } from '@docket/shared/repositories';
import { foldImages, noRepositoryImages } from '@docket/shared/repository-images';
import type { RepositoryImages } from '@docket/shared/repository-images';
import { readRepositoryEvent, repositoryStream } from '@docket/shared/stored-event';
import type { Transaction } from '@docket/store/connect';
import { readInUse, tablesProjection } from '@docket/store/followers/checkpoint';
import { readStreamsUpTo } from '@docket/store/log/streams';
import type { StreamEvent } from '@docket/store/log/streams';
import { sql } from 'kysely';

import { announcedIn, columnsOf } from '../tables/repositories.ts';
import { chunkSize, firstId } from './difference.ts';
import type { Differs } from './difference.ts';

interface TableRow {
  readonly repository_id: string;
  readonly number: bigint | null;
  readonly version: number | null;
  readonly state: Repository | null;
  readonly namespace_id: string | null;
  readonly name: string | null;
  readonly status: string | null;
  readonly is_private: boolean | null;
  readonly description: string | null;
  readonly star_count: bigint | null;
  readonly pull_count: bigint | null;
  readonly image_count: number | null;
  readonly tag_count: number | null;
  readonly images: readonly (readonly [id: string, checksum: string | null, ordinal: number])[];
  readonly tags: readonly (readonly [tag: string, id: string, position: string | null])[];
  readonly grants: Readonly<Record<string, string>>;
}

/** Every repository that the log or the tables know, as the tables' checkpoint has it. Answers with their number. */
export async function verifyTables(transaction: Transaction, differs: Differs): Promise<number> {
  const { position } = await readInUse(transaction, tablesProjection);
  let repositories = 0;
  let after = firstId;
  for (;;) {
    const { rows } = await sql<TableRow>`select k.repository_id, r.number, r.version, r.state, r.namespace_id, r.name,
        r.status, r.is_private, r.description, r.star_count, r.pull_count, r.image_count, r.tag_count,
        (select coalesce(json_agg(json_build_array(i.image_id, i.checksum, i.ordinal) order by i.ordinal), '[]')
          from read.images i where i.repository_id = k.repository_id) as images,
        (select coalesce(json_agg(json_build_array(t.tag, t.image_id, t.position::text)), '[]')
          from read.tags t where t.repository_id = k.repository_id) as tags,
        (select coalesce(json_object_agg(g.account_id, g.role), '{}')
          from read.grants g where g.repository_id = k.repository_id) as grants
      from (select repository_id from directory.repository_names union select repository_id from read.repositories) k
      left join read.repositories r on r.repository_id = k.repository_id
      where k.repository_id > ${after}::uuid order by k.repository_id limit ${chunkSize}`.execute(transaction);
    const last = rows.at(-1);
    if (!last) break;
    const streams = await readStreamsUpTo(
      transaction,
      rows.map((row) => repositoryStream(row.repository_id)),
      position,
    );
    for (const row of rows) {
      verifyRepository(row, streams.get(repositoryStream(row.repository_id)) ?? [], differs);
    }
    repositories += rows.length;
    after = last.repository_id;
  }
  await verifyCounts(transaction, differs);
  return repositories;
}

/** The counters of a namespace, which lists believe without counting. */
async function verifyCounts(transaction: Transaction, differs: Differs): Promise<void> {
  const { rows } = await sql<{
    readonly namespace_id: string;
  }>`select coalesce(c.namespace_id, n.namespace_id) as namespace_id
    from (
      select namespace_id, count(*) filter (where not is_private) as public, count(*) filter (where is_private) as private
      from read.repositories where status = 'active' group by namespace_id
    ) c
    full join read.namespaces n on n.namespace_id = c.namespace_id
    where coalesce(c.public, 0) <> coalesce(n.public_count, 0)
      or coalesce(c.private, 0) <> coalesce(n.private_count, 0)`.execute(transaction);
  for (const { namespace_id } of rows) differs(`namespace ${namespace_id} does not hold as many as its row says`);
}

function verifyRepository(row: TableRow, events: readonly StreamEvent[], differs: Differs): void {
  const subject = `repository ${row.repository_id}`;
  const recorded = events.map((stored) => ({ event: readRepositoryEvent(stored), position: stored.position }));
  const told = recorded.map(({ event }) => event);
  const expected = fold(evolve, absentRepository, told);
  const list = foldImages(noRepositoryImages, told);
  if (row.state === null) {
    if (events.length > 0) differs(`${subject} has ${events.length} events and no row`);
    return;
  }
  if (expected.status === 'absent') {
    differs(`${subject} has a row and no events`);
    return;
  }
  // JSON drops undefined members, as it did in what is stored.
  const stored: unknown = JSON.parse(JSON.stringify(expected));
  if (!isDeepStrictEqual(row.state, stored)) differs(`${subject}: the state is not the fold of its events`);
  if (row.version !== events.length)
    differs(`${subject}: the row is at version ${row.version}, the log at ${events.length}`);
  if (row.number !== events[0]?.position)
    differs(`${subject}: the number is ${row.number}, not ${events[0]?.position}`);
  for (const [column, value] of Object.entries(storedColumns(expected))) {
    const found: unknown = Object.entries(row).find(([name]) => name === column)?.[1];
    if (!isDeepStrictEqual(found, value)) differs(`${subject}: ${column} is ${String(found)}, not ${String(value)}`);
  }
  const grants = 'grants' in expected ? expected.grants : {};
  if (!isDeepStrictEqual({ ...row.grants }, { ...grants })) differs(`${subject}: the grants are not those of the log`);
  verifyImages(subject, row, list, differs);
  verifyTags(subject, row, list, announcedIn(recorded), differs);
}

function verifyTags(
  subject: string,
  row: TableRow,
  { tags }: RepositoryImages,
  announced: ReadonlyMap<string, bigint>,
  differs: Differs,
): void {
  const expected = Array.from(tags, ([tag, id]) => [tag, id, announced.get(tag)?.toString() ?? null]);
  const byTag = (one: readonly unknown[], other: readonly unknown[]) => (String(one[0]) < String(other[0]) ? -1 : 1);
  if (!isDeepStrictEqual(row.tags.toSorted(byTag), expected.toSorted(byTag))) {
    differs(`${subject}: the tags table has ${row.tags.length} tags that are not the ${tags.size} of the log`);
  }
}

function verifyImages(subject: string, row: TableRow, { images, tags }: RepositoryImages, differs: Differs): void {
  const expected = Array.from(images, ([id, checksum], ordinal) => [id, checksum, ordinal]);
  if (!isDeepStrictEqual(row.images, expected)) {
    differs(`${subject}: the images table has ${row.images.length} images that are not the ${images.size} of the log`);
  }
  if (row.image_count !== images.size || row.tag_count !== tags.size) {
    differs(`${subject}: the row counts ${row.image_count} images and ${row.tag_count} tags`);
  }
}

/** As the driver reads them. */
function storedColumns(state: Exclude<Repository, { status: 'absent' }>): Record<string, unknown> {
  const { star_count, pull_count, ...columns } = columnsOf(state);
  const count = (value: number | null) => (value === null ? null : BigInt(value));
  return { ...columns, star_count: count(star_count), pull_count: count(pull_count) };
}
