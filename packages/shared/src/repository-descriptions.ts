/** The description of a repository: only what changes becomes events, for its managers and for an import alike. */
import type { ActiveRepository, Repository, RepositoryEvent } from './repositories.ts';

/** Undefined stays as it is. */
export interface Description {
  readonly description?: string | undefined;
  readonly fullDescription?: string | undefined;
  readonly isPrivate?: boolean | undefined;
}

/** A README that is pushed with every build is not news every time. */
export function describe(
  state: ActiveRepository,
  { description, fullDescription, isPrivate }: Description,
): readonly RepositoryEvent[] {
  const events: RepositoryEvent[] = [];
  if (description !== undefined && description !== state.description) {
    events.push({ type: 'DescriptionChanged', data: { description } });
  }
  if (fullDescription !== undefined && fullDescription !== state.full_description) {
    events.push({ type: 'FullDescriptionChanged', data: { full_description: fullDescription } });
  }
  if (isPrivate !== undefined && isPrivate !== state.is_private) {
    events.push({ type: 'VisibilityChanged', data: { is_private: isPrivate } });
  }
  return events;
}

/** The number of the life that begins when the name is created, for the first time or anew. */
export function nextLife(state: Repository): number {
  return state.status === 'absent' ? 1 : state.life + 1;
}
