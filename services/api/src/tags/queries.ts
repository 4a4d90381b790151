import { repositoryStream } from '@docket/shared/stored-event';
import type { Store } from '@docket/store/connect';

export interface Tag {
  readonly name: string;
  /** Of its image. */
  readonly id: string;
  readonly checksum: string | null;
}

/** In the shape of the Hub. An index hears of ids, checksums and tags; what it does not hear of is null. */
export interface TagDto {
  /** Position of the event that announced it last. */
  readonly id: number;
  readonly name: string;
  readonly images: readonly {
    readonly id: string;
    readonly digest: string | null;
    readonly architecture: null;
    readonly os: null;
    readonly size: null;
    readonly status: 'active';
    readonly last_pushed: string;
    readonly last_pulled: null;
  }[];
  readonly last_updated: string;
  readonly last_updater_username: string | null;
  readonly full_size: null;
  readonly v2: false;
  readonly tag_last_pushed: string;
  readonly tag_last_pulled: null;
  readonly status: 'active';
}

interface Row {
  tag: string;
  position: bigint;
  recorded_at: Date;
  actor: string | null;
}

/** With who announced each last, and when: the log knows. */
export async function describeTags(database: Store, repositoryId: string, tags: readonly Tag[]): Promise<TagDto[]> {
  if (tags.length === 0) return [];
  const rows = await database.query<Row>(
    'last_announced',
    `select distinct on (image ->> 'tag') image ->> 'tag' as tag, e.position, e.recorded_at, a.name as actor
     from es.events e
     cross join lateral jsonb_array_elements(e.data -> 'images') as image
     left join directory.accounts a on a.id = (e.metadata #>> '{actor,id}')::uuid
     where e.stream_id = $1 and e.type in ('PushOpened', 'ImagesAdded') and image ->> 'tag' = any($2::text[])
     order by image ->> 'tag', e.version desc`,
    [repositoryStream(repositoryId), tags.map(({ name }) => name)],
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
