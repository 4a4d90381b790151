/**
 * What the log holds of a repository beyond its row of the read model, as text for statements that are prepared. The arguments are
 * expressions of the statement around it, never values.
 */

/**
 * The events after a version of the repository's stream, oldest first, as one JSON array; null where there are none. Without their
 * lists of images, which are no part of the state that they lead to.
 */
export function tailAfter(repositoryId: string, version: string): string {
  return tail(
    repositoryId,
    version,
    `case e.type when 'PushOpened' then e.data || '{"images": []}' when 'ImagesAdded' then '{"images": []}'
       when 'ImagesRestored' then '{"images": []}' else e.data end`,
  );
}

/** The same, with the lists of images. */
export function tailWithImagesAfter(repositoryId: string, version: string): string {
  return tail(repositoryId, version, 'e.data');
}

function tail(repositoryId: string, version: string, data: string): string {
  return `(select json_agg(json_build_object('type', e.type, 'schema_version', e.schema_version, 'data', ${data},
       'recorded_at', e.recorded_at) order by e.version)
     from es.events e
     where e.stream_id = 'repository-' || ${repositoryId} and e.version > ${version})`;
}

/** The events of the tail that change which images and tags there are, or what is announced. */
export function imagesTailAfter(repositoryId: string, version: string): string {
  return `(select json_agg(json_build_object('type', e.type, 'schema_version', e.schema_version, 'data', e.data)
       order by e.version)
     from es.events e
     where e.stream_id = 'repository-' || ${repositoryId} and e.version > ${version}
       and e.type in ('RepositoryCreated', 'PushOpened', 'ImagesAdded', 'ImagesRestored', 'PushCompleted', 'RepositoryDeleted'))`;
}

/** The list that the last push announced, when it is as long as one of the lengths; else null. */
export function lastAnnounced(repositoryId: string, lengths: string): string {
  return `(select case when jsonb_array_length(e.data -> 'images') = any(${lengths}) then e.data -> 'images' end
     from es.events e
     where e.stream_id = 'repository-' || ${repositoryId} and e.type = 'PushOpened' order by e.version desc limit 1)`;
}

/** Whether there are any events after a version. */
export function isBehind(repositoryId: string, version: string): string {
  return `exists (select from es.events e where e.stream_id = 'repository-' || ${repositoryId} and e.version > ${version})`;
}

/** When the event at a position was recorded. */
export function recordedAt(position: string): string {
  return `(select e.recorded_at from es.events e where e.position = ${position})`;
}
