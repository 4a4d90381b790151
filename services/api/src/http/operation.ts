/**
 * An operation of the API, whole: where it stands, who may ask, what it reads, what it answers and what it does. The router, the
 * document of OpenAPI, the page of rights and the tests that go through everything are made of these.
 */
import { smallBodyBytesMax } from '@docket/shared/limits';
import { isRefusal, refuse } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import { z } from 'zod';

import type { Outcome } from './answer.ts';
import { parseField, readJson, readList } from './request.ts';
import type { ApiRequest } from './request.ts';
import { shownOnTerminal } from './text.ts';

/** In the order in which `Allow` names them. */
export const methods = ['GET', 'PUT', 'POST', 'PATCH', 'DELETE'] as const;
export type Method = (typeof methods)[number];

/** `person`: a password or a session, and no access token. */
export type CredentialsWanted = 'none' | 'optional' | 'needed' | 'person' | 'optional person';

/** What the document says of credentials, and the function that holds a request to it. */
export interface Credentials<Using, Caller> {
  readonly wanted: CredentialsWanted;
  readonly authenticate: (using: Using, request: ApiRequest) => Promise<Caller | Refusal>;
}

/** The operation itself asks who it is: in one statement with a look-up, or in an order of its own. */
export function ownCredentials(wanted: CredentialsWanted): Credentials<unknown, undefined> {
  return { wanted, authenticate: () => Promise.resolve(undefined) };
}

export const noCredentials = ownCredentials('none');

export const headerNames = {
  'X-Docker-Token': 'An access token, when the request says `X-Docker-Token: true`.',
  'X-Docker-Endpoints': 'The registries to use the token at, a header line for each.',
  'X-Docker-Registry-Version': 'The version of the first registry protocol.',
  'X-Docker-Registry-Standalone': '`false`: tokens are given out here.',
  'Docker-Distribution-Api-Version': '`registry/2.0`.',
  'WWW-Authenticate': 'How to authenticate.',
  'Retry-After': 'Seconds.',
  'X-RateLimit-Limit': 'What may be done in a stretch of time.',
  'X-RateLimit-Remaining': 'What is left of it.',
  'X-RateLimit-Reset': 'When the next stretch of time begins, in seconds since 1970.',
  'X-Docket-Search': 'Which engine answered: `meilisearch` or `postgres`.',
  ETag: 'Of this answer; of a repository the version that `If-Match` takes.',
  Link: 'The next page, `rel="next"`.',
  Allow: 'The methods of this path.',
} as const;
export type HeaderName = keyof typeof headerNames;

export interface OperationAnswer {
  readonly description: string;
  /** Undefined: no body at all. */
  readonly body?: z.ZodType;
  readonly headers?: readonly HeaderName[];
}
export type OperationAnswers = Readonly<Record<number, OperationAnswer>>;

interface Description<Parameters, Query, Body> {
  readonly method: Method;
  readonly summary: string;
  /** Who may, in words, for the page of rights. */
  readonly needs: string;
  readonly parameters?: Parameters | undefined;
  readonly query?: Query | undefined;
  /**
   * What becomes of a parameter in the query that `query` does not name. Below `/v2/` it is refused unless told: a filter that is ignored
   * gives everything. Elsewhere it is ignored unless told: old clients send what other servers understand.
   */
  readonly otherQuery?: 'refused' | 'ignored' | undefined;
  /** What the document says of headers; they are read where they are used. */
  readonly headers?: z.ZodObject | undefined;
  readonly body?: Body | undefined;
  readonly answers: OperationAnswers;
  /** The path itself is a secret, as that of a link in a mail: nobody on the way may keep what was answered to it. */
  readonly secretPath?: true | undefined;
  /** HEAD is GET without the body, unless it is refused, or answered 200 with nothing done. */
  readonly head?: 'refused' | 'idle' | undefined;
  /** Refusals in other words than those of the protocol. */
  readonly refused?: ((refusal: Refusal) => Outcome) | undefined;
}

export interface Operation<Using> extends Description<z.ZodObject, z.ZodObject, z.ZodType> {
  /** Paths as OpenAPI writes them: `/v1/users/{username}`. Every path is served with and without a slash at its end. */
  readonly paths: readonly string[];
  readonly credentials: CredentialsWanted;
  readonly run: (using: Using, request: ApiRequest) => Promise<Outcome>;
}

/**
 * Each field is read before the ones below it, and a refusal of one is the answer: who may not is told so before a body is read. What
 * `authenticate` and `authorize` found is older than a body that was waited for, so they are asked again when it is there: a right that
 * ended before the last byte was sent counts no more.
 */
interface Parts<
  Using,
  Caller,
  Parameters extends z.ZodObject,
  Target,
  Query extends z.ZodObject,
  Body extends z.ZodType,
> extends Description<Parameters, Query, Body> {
  readonly path: string | readonly string[];
  readonly credentials: Credentials<Using, Caller>;
  /** Whether the caller may, and what it is done to. */
  readonly authorize?: (
    using: Using,
    asked: { readonly request: ApiRequest; readonly caller: Caller; readonly parameters: z.output<Parameters> },
  ) => Promise<Target | Refusal>;
  /** 64 KiB unless told. */
  readonly bodyBytesMax?: number;
  /** Where the body is an array: how many entries are taken. */
  readonly entriesMax?: (using: Using) => number;
  readonly handle: (
    using: Using,
    asked: {
      readonly request: ApiRequest;
      readonly caller: Caller;
      readonly parameters: z.output<Parameters>;
      readonly target: Target;
      readonly query: z.output<Query>;
      readonly body: z.output<Body>;
    },
  ) => Promise<Outcome> | Outcome;
}

const noFields = z.object({});

/** What `handle` is given has the types of the operation's own schemas; a part that the operation does not name is empty. */
export function operation<
  Using,
  Caller,
  Parameters extends z.ZodObject = typeof noFields,
  Target = undefined,
  Query extends z.ZodObject = typeof noFields,
  Body extends z.ZodType = z.ZodUndefined,
>(parts: Parts<Using, Caller, Parameters, Target, Query, Body>): Operation<Using>;
export function operation<Using>({
  path,
  credentials,
  authorize,
  bodyBytesMax = smallBodyBytesMax,
  entriesMax,
  handle,
  ...description
}: Parts<Using, unknown, z.ZodObject, unknown, z.ZodObject, z.ZodType>): Operation<Using> {
  const { parameters: parameterFields = noFields, query: queryFields = noFields, body: bodySchema } = description;
  const paths = typeof path === 'string' ? [path] : path;
  const { otherQuery = paths.every((each) => each.startsWith('/v2/')) ? 'refused' : 'ignored' } = description;
  return {
    ...description,
    paths,
    credentials: credentials.wanted,
    run: async (using, request) => {
      const asked = async () => {
        const caller = await credentials.authenticate(using, request);
        if (isRefusal(caller)) return caller;
        const parameters = parseField(parameterFields, request.parameters);
        if (isRefusal(parameters)) return parameters;
        const target = await authorize?.(using, { request, caller, parameters });
        return isRefusal(target) ? target : { caller, parameters, target };
      };
      // What reads has no body, and one that is there stays unread.
      if (description.method !== 'GET' && !(await request.hasArrived(bodyBytesMax))) {
        const early = await asked();
        if (isRefusal(early)) return early;
        await request.text(bodyBytesMax);
      }
      const allowed = await asked();
      if (isRefusal(allowed)) return allowed;
      const { caller, parameters, target } = allowed;
      const unknown = otherQuery === 'refused' ? refuseOthers(request.query, queryFields) : undefined;
      if (unknown) return unknown;
      const query = parseField(queryFields, Object.fromEntries(request.query));
      if (isRefusal(query)) return query;
      const body =
        bodySchema instanceof z.ZodArray && entriesMax
          ? await readList(request, bodySchema, { bytesMax: bodyBytesMax, entriesMax: entriesMax(using) })
          : bodySchema && (await readJson(request, bodySchema, bodyBytesMax));
      if (isRefusal(body)) return body;
      return handle(using, { request, caller, parameters, target, query, body });
    },
  };
}

/** A name that is told again is cut: it may be as long as an address. */
const unknownCharactersMax = 80;

function refuseOthers(query: URLSearchParams, fields: z.ZodObject): Refusal | undefined {
  const known = Object.keys(fields.shape);
  const given = [...query.keys()];
  const unknown = given.find((name) => !known.includes(name));
  const twice = given.find((name, index) => given.indexOf(name) !== index);
  if (unknown === undefined) {
    return twice === undefined
      ? undefined
      : refuse('malformed_request', `the parameter ${twice} is there twice`, twice);
  }
  const there = known.length === 0 ? 'there are none' : `there are ${known.join(', ')}`;
  const shown = shownOnTerminal(unknown.slice(0, unknownCharactersMax), '?');
  return refuse('malformed_request', `no parameter ${JSON.stringify(shown)} is known here; ${there}`, shown);
}

/** Under each of its paths, as the document and the tests count them. */
export type Endpoint = Omit<Operation<never>, 'paths' | 'run'> & { readonly path: string };

export function endpointsOf(operations: readonly Operation<never>[]): readonly Endpoint[] {
  return operations.flatMap(({ paths, ...rest }) => paths.map((path) => ({ ...rest, path })));
}
