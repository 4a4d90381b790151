/** Operations written down as a document of OpenAPI 3.1. */
import { setImmediate as nextTurn } from 'node:timers/promises';

import { z } from 'zod';

import { endpointsOf, headerNames } from '../http/operation.ts';
import type { CredentialsWanted, Endpoint, Operation, OperationAnswer } from '../http/operation.ts';

type Json = Readonly<Record<string, unknown>>;

/**
 * `slices`: the operations of each, under the name that becomes their tag. It takes a quarter of a second: there is a turn for others
 * after each endpoint.
 */
export async function openapiDocument(slices: Readonly<Record<string, readonly Operation<never>[]>>): Promise<Json> {
  const schemas = new Map<string, unknown>();
  const paths: Record<string, Record<string, unknown>> = {};
  for (const [slice, operations] of Object.entries(slices)) {
    for (const endpoint of endpointsOf(operations)) {
      paths[endpoint.path] = {
        ...paths[endpoint.path],
        [endpoint.method.toLowerCase()]: described(endpoint, slice, schemas),
      };
      await nextTurn();
    }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Docket',
      version: '1',
      description:
        'An index for container images: the Docker Hub API v1, and below /v2 what it left out. Every path is served with and without a slash at its end, and never redirects.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    tags: Object.keys(slices).map((name) => ({ name })),
    paths,
    components: {
      schemas: Object.fromEntries(schemas),
      securitySchemes: {
        basic: { type: 'http', scheme: 'basic', description: 'Name and password.' },
        session: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description:
            'What `/v2/users/login` or `/v2/auth/token` gave; `JWT` instead of `Bearer` is understood as well.',
        },
        token: {
          type: 'apiKey',
          in: 'header',
          name: 'Authorization',
          description: 'An access token of one repository: `Token signature=…,repository="ns/name",access=read`.',
        },
      },
    },
  };
}

function described(endpoint: Endpoint, slice: string, schemas: Map<string, unknown>): Json {
  const { method, path, summary, credentials, parameters, query, headers, body, answers } = endpoint;
  return {
    operationId: operationId(method, path),
    tags: [slice],
    summary,
    security: security(credentials),
    parameters: [
      ...parametersOf('path', parameters, schemas).filter(({ name }) => path.includes(`{${name}}`)),
      ...parametersOf('query', query, schemas),
      ...parametersOf('header', headers, schemas),
    ],
    ...(body ? { requestBody: { required: true, content: content(body, 'input', schemas) } } : {}),
    responses: Object.fromEntries(
      Object.entries(answers).map(([status, answer]) => [status, responseOf(answer, schemas)]),
    ),
  };
}

/** `getV1UsersConfirmToken`. */
function operationId(method: string, path: string): string {
  const words = path.split(/[^A-Za-z0-9]+/).filter((word) => word !== '');
  return `${method.toLowerCase()}${words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('')}`;
}

function security(credentials: CredentialsWanted): Json[] {
  if (credentials === 'none') return [];
  const open = credentials === 'optional' || credentials === 'optional person' ? [{}] : [];
  const persons = credentials === 'person' || credentials === 'optional person';
  return [...open, { basic: [] }, persons ? { session: [] } : { token: [] }];
}

function parametersOf(
  place: 'path' | 'query' | 'header',
  schema: z.ZodObject | undefined,
  schemas: Map<string, unknown>,
) {
  return Object.entries(schema?.shape ?? {}).map(([name, field]) => ({
    name,
    in: place,
    required: place === 'path',
    schema: jsonSchema(z.object({ field }), 'input', schemas, 'field'),
  }));
}

function responseOf({ description, body, headers = [] }: OperationAnswer, schemas: Map<string, unknown>): Json {
  return {
    description,
    ...(headers.length > 0
      ? {
          headers: Object.fromEntries(
            headers.map((name) => [name, { description: headerNames[name], schema: { type: 'string' } }]),
          ),
        }
      : {}),
    ...(body ? { content: content(body, 'output', schemas) } : {}),
  };
}

function content(body: z.ZodType, io: 'input' | 'output', schemas: Map<string, unknown>): Json {
  return { 'application/json': { schema: jsonSchema(z.object({ body }), io, schemas, 'body') } };
}

/** Schemas with an id are components; wrapped in an object, so that the one that is asked for may be one of them itself. */
function jsonSchema(wrapped: z.ZodObject, io: 'input' | 'output', schemas: Map<string, unknown>, key: string): unknown {
  const { properties, $defs } = z.toJSONSchema(wrapped, { io, unrepresentable: 'any' });
  for (const [id, schema] of Object.entries($defs ?? {})) schemas.set(id, withComponents(schema));
  return withComponents(properties?.[key] ?? {});
}

/** `#/$defs/Error` → `#/components/schemas/Error`. */
function withComponents(schema: unknown): unknown {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/$defs/', '"#/components/schemas/'));
}
