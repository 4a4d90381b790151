import { repositoryStream } from '@docket/shared/stored-event';
import type { Reader } from '@docket/store/connect';

/** When its name was first used. */
export async function registeredAt(reader: Reader, repositoryId: string): Promise<Date> {
  const [row] = await reader.query<{ recorded_at: Date }>(
    'registered_at',
    'select recorded_at from es.events where stream_id = $1 and version = 1',
    [repositoryStream(repositoryId)],
  );
  if (!row) throw new Error(`the stream of repository ${repositoryId} does not begin`);
  return row.recorded_at;
}

export async function deletedWithinDays(reader: Reader, repositoryId: string, days: number): Promise<boolean> {
  const [row] = await reader.query<{ in_time: boolean }>(
    'deleted_within_days',
    `select recorded_at > clock_timestamp() - make_interval(days => $2) as in_time from es.events
     where stream_id = $1 and type = 'RepositoryDeleted' order by version desc limit 1`,
    [repositoryStream(repositoryId), days],
  );
  return row?.in_time ?? false;
}
