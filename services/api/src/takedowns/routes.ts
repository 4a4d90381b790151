/** An admin of the index takes down a repository, or an image wherever it is, says why, and may undo it. */
import { takedownReasonCharactersMax } from '@docket/shared/limits';
import { imageId } from '@docket/shared/names';
import { isRefusal } from '@docket/shared/refusal';
import { z } from 'zod';

import { allowed } from '../access/authorize.ts';
import { indexAdmin, person } from '../access/credentials.ts';
import { envelopeOf } from '../commands/envelope.ts';
import { answer } from '../http/answer.ts';
import { askedOfAll, commanded, commandedOfAll, done, idempotency } from '../http/common-answers.ts';
import { operation } from '../http/operation.ts';
import type { Operation } from '../http/operation.ts';
import { offsetOf, pageAnswer, pageOf, pageQuery } from '../http/paging.ts';
import { repositoryParameters } from '../http/paths.ts';
import { sentence } from '../http/text.ts';
import { run } from '../repositories/command.ts';
import type { Commanding } from '../repositories/command.ts';
import { changeImage } from './change.ts';
import { takedown } from './dto.ts';
import { listTakedowns } from './queries.ts';

/** It is shown to whoever pushes what was taken down. */
const takedownBody = z.object({
  reason: sentence(takedownReasonCharactersMax, z.string().trim().min(1, 'must say why')),
});
const down = { description: 'It is down.', body: z.object({ reason: z.string() }) };

const ofRepository = { path: '/v2/takedowns/repositories/{namespace}/{repo_name}', needs: 'index admin' } as const;
const ofImage = { path: '/v2/takedowns/images/{image_id}', needs: 'index admin' } as const;
const imageParameter = z.object({ image_id: imageId });

export const takedownOperations: readonly Operation<Commanding>[] = [
  operation({
    method: 'GET',
    path: '/v2/takedowns',
    summary: 'What is taken down at present; for admins of the index.',
    needs: 'index admin',
    credentials: indexAdmin,
    query: pageQuery,
    answers: { 200: { description: 'A page of takedowns.', body: pageOf('TakedownPage', takedown) }, ...askedOfAll },
    handle: async (using: Commanding, { request, query }) => {
      const { count, results } = await listTakedowns(using.database, offsetOf(query), query.page_size);
      return pageAnswer(request, query, count, results);
    },
  }),
  operation({
    ...ofRepository,
    method: 'PUT',
    summary: 'Takes a repository down: nobody reads it or pushes to it.',
    credentials: person,
    parameters: repositoryParameters,
    headers: idempotency,
    authorize: allowed('take_down'),
    body: takedownBody,
    answers: { 200: down, ...commanded },
    handle: async (using: Commanding, { request, caller, target, body: { reason } }) => {
      const executed = await run(using, request, caller, { ...target, command: { type: 'TakeDown', reason } });
      return isRefusal(executed) ? executed : answer(200, { reason });
    },
  }),
  operation({
    ...ofRepository,
    method: 'DELETE',
    summary: 'Undoes it.',
    credentials: person,
    parameters: repositoryParameters,
    headers: idempotency,
    authorize: allowed('take_down'),
    answers: { 204: done, ...commanded },
    handle: async (using: Commanding, { request, caller, target }) => {
      const executed = await run(using, request, caller, { ...target, command: { type: 'Reinstate' } });
      return isRefusal(executed) ? executed : answer(204, undefined);
    },
  }),
  operation({
    ...ofImage,
    method: 'PUT',
    summary: 'Takes an image down wherever it is: it is in no list, and pushes of it are refused with the reason.',
    credentials: indexAdmin,
    parameters: imageParameter,
    headers: idempotency,
    body: takedownBody,
    answers: { 200: down, ...commandedOfAll },
    handle: async (using: Commanding, { request, caller, parameters, body: { reason } }) => {
      const envelope = await envelopeOf(request, caller, using.tokenKeys);
      if (isRefusal(envelope)) return envelope;
      const command = { type: 'TakeDown', imageId: parameters.image_id, reason } as const;
      const outcome = await changeImage(using, command, envelope);
      return isRefusal(outcome) ? outcome : answer(200, { reason });
    },
  }),
  operation({
    ...ofImage,
    method: 'DELETE',
    summary: 'Undoes it.',
    credentials: indexAdmin,
    parameters: imageParameter,
    headers: idempotency,
    answers: { 204: done, ...commandedOfAll },
    handle: async (using: Commanding, { request, caller, parameters }) => {
      const envelope = await envelopeOf(request, caller, using.tokenKeys);
      if (isRefusal(envelope)) return envelope;
      const outcome = await changeImage(using, { type: 'Reinstate', imageId: parameters.image_id }, envelope);
      return isRefusal(outcome) ? outcome : answer(204, undefined);
    },
  }),
];
