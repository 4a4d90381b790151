/** What `GET /openapi.json` says of one exchange, and whether the exchange keeps to it. */
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { ValidateFunction } from 'ajv/dist/2020.js';
import { z } from 'zod';

const responseSchema = z.object({
  description: z.string().min(1),
  headers: z.record(z.string(), z.object({ description: z.string().min(1), schema: z.looseObject({}) })).optional(),
  content: z.object({ 'application/json': z.object({ schema: z.unknown() }) }).optional(),
});

const parameterSchema = z.object({
  name: z.string(),
  in: z.enum(['path', 'query', 'header']),
  required: z.boolean(),
  schema: z.unknown(),
});

const operationSchema = z.object({
  operationId: z.string(),
  summary: z.string().min(1),
  security: z.array(z.record(z.string(), z.array(z.string()))),
  parameters: z.array(parameterSchema),
  requestBody: z
    .object({ required: z.boolean(), content: z.object({ 'application/json': z.object({ schema: z.unknown() }) }) })
    .optional(),
  responses: z.record(z.string().regex(/^\d{3}$/), responseSchema),
});

const documentSchema = z.object({
  openapi: z.literal('3.1.0'),
  info: z.object({ title: z.string(), version: z.string() }),
  paths: z.record(
    z.string().startsWith('/'),
    z.partialRecord(z.enum(['get', 'put', 'post', 'patch', 'delete']), operationSchema),
  ),
  components: z.object({
    schemas: z.record(z.string(), z.unknown()),
    securitySchemes: z.record(z.string(), z.looseObject({})),
  }),
});

export interface Exchange {
  readonly method: string;
  /** The target, with its query. */
  readonly target: string;
  readonly status: number;
  readonly contentType: string | null;
  /** The body as it came over the wire. */
  readonly body: string;
}

export interface DescribedOperation {
  readonly method: string;
  readonly path: string;
  readonly statuses: readonly number[];
}

export class Description {
  readonly #document: z.infer<typeof documentSchema>;
  readonly #ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false });
  readonly #compiled = new Map<string, ValidateFunction>();
  readonly #patterns: readonly { readonly path: string; readonly pattern: RegExp }[];
  /** Pairs of an operation and a status that an exchange was held to. */
  readonly seen = new Set<string>();

  constructor(document: unknown) {
    this.#document = documentSchema.parse(document);
    this.#ajv.addSchema({ $id: 'docket', components: this.#document.components });
    this.#patterns = Object.keys(this.#document.paths).map((path) => ({ path, pattern: patternOf(path) }));
  }

  get operations(): DescribedOperation[] {
    return Object.entries(this.#document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).flatMap(([method, operation]) =>
        operation
          ? [{ method: method.toUpperCase(), path, statuses: Object.keys(operation.responses).map(Number) }]
          : [],
      ),
    );
  }

  get document(): z.infer<typeof documentSchema> {
    return this.#document;
  }

  /** Compiles; a schema that is none, or that points nowhere, is an error. */
  check(schema: unknown): (value: unknown) => string[] {
    const text = JSON.stringify(schema).replaceAll('"#/components/', '"docket#/components/');
    const validate = this.#compiled.get(text) ?? this.#ajv.compile(JSON.parse(text));
    this.#compiled.set(text, validate);
    return (value) =>
      validate(value) ? [] : (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
  }

  /** The faults of the exchange by this document; empty when it is as described. */
  faults({ method, target, status, contentType, body }: Exchange): string[] {
    const asked = method === 'HEAD' ? 'GET' : method;
    const path = this.#pathOf(target.split('?')[0] ?? '');
    if (path === undefined) return [`${target} is not described`];
    const operation = Object.entries(this.#document.paths[path] ?? {}).find(
      ([name]) => name === asked.toLowerCase(),
    )?.[1];
    if (operation === undefined)
      return status === 405 ? [] : [`${method} ${path} is not described and answers ${status}`];
    const response = operation.responses[status];
    if (response === undefined) return [`${method} ${path} is not described to answer ${status}: ${body}`];
    this.seen.add(`${asked} ${path} ${status}`);
    if (contentType !== 'application/json') return [`${method} ${path} ${status} has the type ${contentType}`];
    if (method === 'HEAD' || body === '') {
      const needsBody = method !== 'HEAD' && response.content !== undefined && status !== 405;
      return needsBody ? [`${method} ${path} ${status} has no body`] : [];
    }
    if (response.content === undefined) return [`${method} ${path} ${status} has a body: ${body}`];
    const errors = this.check(response.content['application/json'].schema)(JSON.parse(body));
    return errors.map((error) => `${method} ${path} ${status}: ${error} in ${body}`);
  }

  /** Chooses the path with the fewest parameters of those that fit, as OpenAPI wants it. */
  #pathOf(target: string): string | undefined {
    const asked = withoutSlash(target);
    const fitting = this.#patterns.filter(({ pattern }) => pattern.test(asked)).map(({ path }) => path);
    const parameters = (path: string) => path.split('{').length;
    const resource = (path: string) => (/\/(images|auth|access)$/.test(path) ? 0 : 1);
    return fitting.toSorted(
      (left, right) => resource(left) - resource(right) || parameters(left) - parameters(right),
    )[0];
  }
}

function withoutSlash(path: string): string {
  return path.replace(/\/$/, '') || '/';
}

function patternOf(path: string): RegExp {
  const segments = withoutSlash(path)
    .replaceAll('.', '\\.')
    .replaceAll(/\{\w+\}/g, '[^/]+');
  return new RegExp(`^${segments}$`);
}
