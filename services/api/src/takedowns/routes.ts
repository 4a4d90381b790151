/** An admin of the index takes down a repository, or an image wherever it is, says why, and may undo it. */
import { imageId } from '@docket/shared/names';
import type { ImageId } from '@docket/shared/names';
import { isRefusal, refuse } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import { z } from 'zod';

import { authenticatePerson, authorizeAction } from '../access/authorize.ts';
import type { Person } from '../access/authorize.ts';
import { may } from '../access/rights.ts';
import { commandEnvelope } from '../commands/envelope.ts';
import { answer } from '../http/answer.ts';
import type { Outcome } from '../http/answer.ts';
import type { Route } from '../http/endpoint.ts';
import { offsetOf, pageAnswer, pageQuery } from '../http/paging.ts';
import type { PageLinks } from '../http/paging.ts';
import { parseField, readJson } from '../http/request.ts';
import type { ApiRequest } from '../http/request.ts';
import { smallBodyBytesMax } from '../limits.ts';
import { run } from '../repositories/command.ts';
import type { Commanding } from '../repositories/command.ts';
import { changeImage } from './change.ts';
import type { ImageCommand } from './decider.ts';
import { listTakedowns } from './queries.ts';

export type TakedownRoutes = Commanding & PageLinks;

export function takedownRoutes(using: TakedownRoutes): Route[] {
  return [
    { path: '/v2/takedowns', handlers: { GET: (request) => list(using, request) } },
    {
      path: '/v2/takedowns/repositories/:namespace/:repo_name',
      handlers: {
        PUT: (request) => takeDownRepository(using, request),
        DELETE: (request) => reinstateRepository(using, request),
      },
    },
    {
      path: '/v2/takedowns/images/:image_id',
      handlers: {
        PUT: (request) => takeDownImage(using, request),
        DELETE: (request) => reinstateImage(using, request),
      },
    },
  ];
}

const reasonCharactersMax = 500;
/** It is shown to whoever pushes what was taken down. */
export const takedownBody = z.object({
  reason: z
    .string()
    .trim()
    .min(1, 'must say why')
    .max(reasonCharactersMax, `must have at most ${reasonCharactersMax} characters`)
    .refine((text) => !text.includes('\0'), 'must not contain a zero character'),
});

async function reasonIn(request: ApiRequest): Promise<string | Refusal> {
  const given = await readJson(request, takedownBody, smallBodyBytesMax);
  return isRefusal(given) ? given : given.reason;
}

async function takeDownRepository(using: TakedownRoutes, request: ApiRequest): Promise<Outcome> {
  const target = await authorizeAction(using, request, 'take_down');
  if (isRefusal(target)) return target;
  const reason = await reasonIn(request);
  if (isRefusal(reason)) return reason;
  const command = { type: 'TakeDown', reason } as const;
  const executed = await run(using, request, target.caller, { ...target, command });
  return isRefusal(executed) ? executed : answer(200, { reason });
}

async function reinstateRepository(using: TakedownRoutes, request: ApiRequest): Promise<Outcome> {
  const target = await authorizeAction(using, request, 'take_down');
  if (isRefusal(target)) return target;
  const executed = await run(using, request, target.caller, { ...target, command: { type: 'Reinstate' } });
  return isRefusal(executed) ? executed : answer(204, undefined);
}

async function takeDownImage(using: TakedownRoutes, request: ApiRequest): Promise<Outcome> {
  const caller = await admin(using, request);
  if (isRefusal(caller)) return caller;
  const reason = await reasonIn(request);
  if (isRefusal(reason)) return reason;
  const done = await onImage(using, request, caller, (id) => ({ type: 'TakeDown', imageId: id, reason }));
  return isRefusal(done) ? done : answer(200, { reason });
}

async function reinstateImage(using: TakedownRoutes, request: ApiRequest): Promise<Outcome> {
  const caller = await admin(using, request);
  if (isRefusal(caller)) return caller;
  const done = await onImage(using, request, caller, (id) => ({ type: 'Reinstate', imageId: id }));
  return isRefusal(done) ? done : answer(204, undefined);
}

async function onImage(
  using: TakedownRoutes,
  request: ApiRequest,
  caller: Person,
  commandOn: (id: ImageId) => ImageCommand,
): Promise<'done' | Refusal> {
  const named = parseField(z.object({ image_id: imageId }), request.parameters);
  if (isRefusal(named)) return named;
  const body = await request.text(smallBodyBytesMax);
  const envelope = commandEnvelope(request, caller, typeof body === 'string' ? body : '', using.tokenKeys);
  return isRefusal(envelope) ? envelope : changeImage(using, commandOn(named.image_id), envelope);
}

async function list(using: TakedownRoutes, request: ApiRequest): Promise<Outcome> {
  const caller = await admin(using, request);
  if (isRefusal(caller)) return caller;
  const asked = parseField(pageQuery, Object.fromEntries(request.query));
  if (isRefusal(asked)) return asked;
  const { count, results } = await listTakedowns(using.database, offsetOf(asked), asked.page_size);
  return pageAnswer(using, request, asked, count, results);
}

/** Images belong to no namespace: the right is that of the index. */
async function admin(using: TakedownRoutes, request: ApiRequest): Promise<Person | Refusal> {
  const caller = await authenticatePerson(using, request);
  if (isRefusal(caller)) return caller;
  return may('take_down', caller.account, undefined)
    ? caller
    : refuse('forbidden', 'only an admin of the index may do this');
}
