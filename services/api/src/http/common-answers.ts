/** What many operations have in common in the document: bodies of refusals, answers, and the headers of commands. */
import { z } from 'zod';

import type { OperationAnswer, OperationAnswers } from './operation.ts';

/** Beside a refusal that is for a quota. */
const bound = {
  limit: z.int().optional().meta({ description: 'The quota that is met.' }),
  left: z.int().optional().meta({ description: 'What is left of it.' }),
};

const error = z
  .object({
    error: z.string().meta({ description: 'A sentence for the person in front of the client.' }),
    field: z.string().optional().meta({ description: 'The field that is wrong: `email`, `[0].id`.' }),
    ...bound,
  })
  .meta({ id: 'Error' });

const message = z
  .object({
    message: z.string().meta({ description: 'A sentence for the person in front of the client.' }),
    detail: z.string().optional().meta({ description: 'The same, where older clients look for it.' }),
    fields: z.record(z.string(), z.array(z.string())).optional(),
    ...bound,
  })
  .meta({ id: 'Message' });

const registryErrors = message
  .extend({ errors: z.array(z.object({ code: z.string(), message: z.string(), detail: z.null() })) })
  .meta({
    id: 'RegistryErrors',
    description: 'For clients of the second registry protocol, which print the first of `errors`.',
  });

export const empty = z.literal('');
export const ok = z.literal('OK');
export const done: OperationAnswer = { description: 'Done.' };

/** What may happen to any request below a version of the protocol. */
const always = (body: z.ZodType): OperationAnswers => ({
  405: { description: 'The path does not have this method.', body, headers: ['Allow'] },
  429: {
    description:
      'More than may be done in a stretch of time: wrong passwords, searches, registrations and mails of a client, or what an account ' +
      'may cause in a day. `Retry-After` says when there is room again.',
    body,
    headers: ['Retry-After', 'X-RateLimit-Limit', 'X-RateLimit-Remaining', 'X-RateLimit-Reset'],
  },
  500: { description: 'A mistake on the side of Docket; it is in its log.', body },
  503: { description: 'Not at present; try again in a moment.', body, headers: ['Retry-After'] },
});

const tooLarge = 'The body is too large, or a list in it is too long.';

/** Answers of the first protocol. */
export const v1 = {
  always: always(error),
  badRequest: { description: 'The request is not understood; the error names the field.', body: error },
  badAccount: {
    description: 'The request is not understood; the error names the field.',
    body: z.union([error, z.literal('Username or email already exists')]),
  },
  unauthorized: {
    description: 'There are no credentials, or wrong ones.',
    body: error,
    headers: ['WWW-Authenticate'],
  },
  forbidden: {
    description: 'The account is not active, or it may not do this.',
    body: z.union([error, z.literal('Account is not Active')]),
  },
  missing: { description: 'There is no such repository, as far as the asker may know.', body: error },
  misdirected: { description: 'A token is asked for under a host that is not known (see PUBLIC_URL).', body: error },
  noRoom: { description: 'The namespace or the repository would hold more than it may.', body: error },
  tooLarge: { description: tooLarge, body: error },
  reused: { description: 'The Idempotency-Key was used for another request.', body: error },
} as const satisfies Record<string, OperationAnswer | OperationAnswers>;

/** A refusal on /v2. */
export const refused = (description: string): OperationAnswer => ({ description, body: message });

/** Answers on /v2. */
export const v2 = {
  always: always(message),
  badRequest: refused('The request is not understood; `fields` names the field.'),
  unauthorized: {
    ...refused('There are no credentials, or wrong ones, or they are of a kind that opens nothing here.'),
    headers: ['WWW-Authenticate'],
  },
  forbidden: refused('The account is not active, or it may not do this.'),
  missing: refused('There is no such thing, as far as the asker may know.'),
  conflict: refused('Something that is there speaks against it.'),
  changed: refused('It was changed since it was read.'),
  tooLarge: refused(tooLarge),
  reused: refused('The Idempotency-Key was used for another request.'),
} as const satisfies Record<string, OperationAnswer | OperationAnswers>;

/** The common answers of reads on /v2 that name no resource. */
export const askedOfAll: OperationAnswers = {
  400: v2.badRequest,
  401: v2.unauthorized,
  403: v2.forbidden,
  ...v2.always,
};
/** The common answers of reads on /v2 of a resource that may be missing. */
export const asked: OperationAnswers = { ...askedOfAll, 404: v2.missing };

const commandedBeside: OperationAnswers = { 413: v2.tooLarge, 422: v2.reused };
/** The common answers of changes on /v2: those that name no resource, and below those of a resource that may be missing. */
export const commandedOfAll: OperationAnswers = { ...askedOfAll, ...commandedBeside };
export const commanded: OperationAnswers = { ...asked, ...commandedBeside };

/** A refusal where clients of the second registry protocol ask. */
export const registryRefusal = (description: string): OperationAnswer => ({
  description,
  body: registryErrors,
  headers: ['Docker-Distribution-Api-Version'],
});
export const registryChallenge: OperationAnswer = {
  ...registryRefusal('There are no credentials, or wrong ones.'),
  headers: ['Docker-Distribution-Api-Version', 'WWW-Authenticate'],
};

/** What may happen to any such request. */
export const registryAlways = always(registryErrors);

export const idempotency = z.object({
  'Idempotency-Key': z
    .string()
    .optional()
    .meta({ description: 'Names this command; sent again with the same key it has the first outcome.' }),
});
export const conditional = idempotency.extend({
  'If-Match': z.string().optional().meta({ description: 'The ETag of what is meant to be changed.' }),
});
