/** What stands beside every event in the log, whatever it says. */
import { z } from 'zod';

/** How the one who acted was known: by password, by an access token, by a session that a password began, or at the console of the operator (`./docket …`). */
export const actorSchema = z.object({
  id: z.uuid(),
  via: z.enum(['basic', 'token', 'session', 'operator', 'link']),
  /** The token's own id, when one was used. */
  token_id: z.string().optional(),
});
export type Actor = z.infer<typeof actorSchema>;

export const metadataSchema = z.object({
  /** Null where nobody is known, as when somebody registers. */
  actor: actorSchema.nullable(),
  request_id: z.string(),
  correlation_id: z.string(),
  causation_id: z.string(),
});
export type Metadata = z.infer<typeof metadataSchema>;

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
