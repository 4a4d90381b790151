import type { Database } from '@docket/store/connect';
import { lastAnnouncements } from '@docket/store/log/repositories';

import type { TagDto } from './dto.ts';

export interface Tag {
  readonly name: string;
  /** The id of its image. */
  readonly id: string;
  readonly checksum: string | null;
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
