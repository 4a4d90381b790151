/** The metadata that stands beside every event in the log. */
import { z } from 'zod';

/** How the actor was authenticated: by password, access token or session, or at the console of the operator (`./docket …`). */
export const actorSchema = z.object({
  id: z.uuid(),
  via: z.enum(['basic', 'token', 'session', 'operator', 'link']),
  /** The token's own id, when one was used. */
  token_id: z.string().optional(),
});
export type Actor = z.infer<typeof actorSchema>;

/** The metadata as a row of the log holds it: an event that correlates to its own request, as nearly all do, names it once. */
export const metadataSchema = z
  .object({
    /** Null where nobody is known, as when somebody registers. */
    actor: actorSchema.nullable(),
    request_id: z.string(),
    correlation_id: z.string().optional(),
    causation_id: z.string().optional(),
  })
  .transform(({ actor, request_id, correlation_id = request_id, causation_id = request_id }) => ({
    actor,
    request_id,
    correlation_id,
    causation_id,
  }));
export type Metadata = z.infer<typeof metadataSchema>;

/** The other way round. What an operator does says all three ids, because imports are found by them in the index of the log. */
export function storedMetadata(metadata: Metadata): z.input<typeof metadataSchema> {
  const { actor, request_id, correlation_id, causation_id } = metadata;
  const isItsOwnCause = correlation_id === request_id && causation_id === request_id;
  return isItsOwnCause && actor?.via !== 'operator' ? { actor, request_id } : metadata;
}

/** An event as it stands in the log. `position` is the one order of the whole log; `version` counts 1, 2, 3… within its stream. */
export interface Recorded<E> {
  readonly position: bigint;
  readonly streamId: string;
  readonly version: number;
  readonly event: E;
  readonly metadata: Metadata;
  readonly commandId: string;
  readonly recordedAt: Date;
}
