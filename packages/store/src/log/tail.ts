/**
 * What the log holds of a repository beyond its row of the read model, as text for statements that are prepared. The arguments are
 * expressions of the statement around it, never values.
 */

/** The events after a version of the repository's stream, oldest first, as one JSON array; null where there are none. */
export function tailAfter(repositoryId: string, version: string): string {
  return `(select json_agg(json_build_object('type', e.type, 'schema_version', e.schema_version, 'data', e.data,
       'recorded_at', e.recorded_at) order by e.version)
     from es.events e
     where e.stream_id = 'repository-' || ${repositoryId} and e.version > ${version})`;
}

/** Whether there are any. */
export function isBehind(repositoryId: string, version: string): string {
  return `exists (select from es.events e where e.stream_id = 'repository-' || ${repositoryId} and e.version > ${version})`;
}

/** When the event at a position was recorded. */
export function recordedAt(position: string): string {
  return `(select e.recorded_at from es.events e where e.position = ${position})`;
}
