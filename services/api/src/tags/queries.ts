import type { Database } from '@docket/store/connect';
import { lastAnnouncements, tagsByAnnouncement } from '@docket/store/log/repositories';

import type { Ordering } from '../http/paging.ts';
import type { TagDto } from './dto.ts';

export interface Tag {
  readonly name: string;
  /** The id of its image. */
  readonly id: string;
  readonly checksum: string | null;
}

interface TagQuestion {
  readonly ordering: Ordering;
  readonly offset: number;
  readonly limit: number;
}

/** `tags`: all that are listed, by name. */
export async function pageOfTags(
  database: Database,
  repositoryId: string,
  tags: readonly Tag[],
  { ordering, offset, limit }: TagQuestion,
): Promise<readonly Tag[]> {
  const end = offset + limit;
  switch (ordering) {
    case 'name':
      return tags.slice(offset, end);
    case '-name':
      return tags.toReversed().slice(offset, end);
    case 'last_updated':
    case '-last_updated': {
      const byName = new Map(tags.map((tag) => [tag.name, tag]));
      const page = { descends: ordering === '-last_updated', offset, limit };
      const names = await tagsByAnnouncement(database, repositoryId, [...byName.keys()], page);
      return names.flatMap((name) => byName.get(name) ?? []);
    }
  }
}

/** With who announced each last, and when: the log knows. */
export async function describeTags(database: Database, repositoryId: string, tags: readonly Tag[]): Promise<TagDto[]> {
  if (tags.length === 0) return [];
  const rows = await lastAnnouncements(
    database,
    repositoryId,
    tags.map(({ name }) => name),
  );
  const announced = new Map(rows.map((row) => [row.tag, row]));
  return tags.flatMap(({ name, id, checksum }) => {
    const last = announced.get(name);
    if (!last) return [];
    const at = last.recorded_at.toISOString();
    return [
      {
        id: Number(last.position),
        name,
        images: [
          {
            id,
            digest: checksum,
            architecture: null,
            os: null,
            size: null,
            status: 'active',
            last_pushed: at,
            last_pulled: null,
          },
        ],
        last_updated: at,
        last_updater_username: last.actor,
        full_size: null,
        v2: false,
        tag_last_pushed: at,
        tag_last_pulled: null,
        status: 'active',
      },
    ];
  });
}
