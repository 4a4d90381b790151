/** A request as the handlers see it: parsed where parsing is the same for all, and with nothing of express in it. */
import type { IncomingMessage } from 'node:http';

import { parseInTurns } from '@docket/shared/in-turns';
import { bodyWithHeadMs, marksOfEntryMax, smallBodyBytesMax, userAgentCharactersMax } from '@docket/shared/limits';
import { refuse } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import type { Request } from 'express';
import getRawBody from 'raw-body';
import { v7 as uuidv7 } from 'uuid';
import type { z } from 'zod';

import type { Address } from './address.ts';
import type { BodyBudget } from './body-budget.ts';
import { hasBody } from './body-pace.ts';
import { clientOf } from './client-address.ts';
import { overloaded } from './problem.ts';

export interface ApiRequest {
  readonly id: string;
  readonly method: string;
  /** The parameters of the route: `{username: 'sam'}`. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** `/v1/users`, without the query. */
  readonly path: string;
  /** Joined by `, ` where it came more than once. */
  readonly header: (name: string) => string | undefined;
  readonly ip: string | null;
  /** By what limits know the client: an IPv4 address, or the /64 of an IPv6 one. */
  readonly client: string;
  readonly userAgent: string | null;
  /** Where the client reaches Docket: whatever it is to follow is made of this. */
  readonly address: Address;
  /** Host and port as the client, or a trusted proxy, names them: whether they are ours is not known, and nobody is sent there. */
  readonly askedHost: string;
  /** Reads the body as text, whatever its content type (docker up to 0.6 sends none). The first call reads it and sets the limit. */
  readonly text: (bytesMax: number) => Promise<string | Refusal>;
  /**
   * Whether the body is here, or there is none, or it is known that it cannot be read. One that is small by its own word is given a moment;
   * false leaves all others unread.
   */
  readonly hasArrived: (bytesMax: number) => Promise<boolean>;
}

const requestIdPattern = /^[\w.:-]{1,64}$/;

export interface RequestSurroundings {
  readonly address: Address;
  readonly bodies: BodyBudget;
}

export function apiRequest(
  request: Request,
  parameters: Readonly<Record<string, string>>,
  { address, bodies }: RequestSurroundings,
): ApiRequest {
  const given = request.get('x-request-id');
  const asked: unknown = request.host;
  const queryAt = request.url.indexOf('?');
  let read: Promise<string | Refusal> | undefined;
  const client = clientOf(request.ip);
  const text = (bytesMax: number) => (read ??= readTextWithin(bodies, client, request, bytesMax));
  return {
    id: given !== undefined && requestIdPattern.test(given) ? given : uuidv7(),
    method: request.method,
    parameters,
    path: queryAt === -1 ? request.url : request.url.slice(0, queryAt),
    query: new URLSearchParams(queryAt === -1 ? '' : request.url.slice(queryAt + 1)),
    header: (name) => request.get(name),
    // A socket for both families writes an IPv4 address as one of IPv6; auditors look for it as it is.
    ip: request.ip?.replace(/^::ffff:(?=\d+\.)/i, '') ?? null,
    client,
    userAgent: request.get('user-agent')?.slice(0, userAgentCharactersMax) ?? null,
    address,
    askedHost: typeof asked === 'string' ? asked : '',
    text,
    hasArrived: async (bytesMax) => {
      if (!hasBody(request)) return true;
      return isSmall(request) && isHereWithin(text(bytesMax), bodyWithHeadMs);
    },
  };
}

/** By its own word: of one that comes in chunks it is not known. Anybody may send so much, to log in. */
function isSmall({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] === undefined && Number(headers['content-length']) <= smallBodyBytesMax;
}

async function isHereWithin(body: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    // In a busy process the time may be up before what the system holds was read: that comes between the two.
    timer = setTimeout(() => setImmediate(() => resolve(false)), ms);
  });
  const isHere = await Promise.race([body.then(() => true), late]);
  clearTimeout(timer);
  return isHere;
}

/** What is small is bounded by the number of connections alone. */
async function readTextWithin(
  bodies: BodyBudget,
  client: string,
  request: Request,
  bytesMax: number,
): Promise<string | Refusal> {
  const declared =
    request.headers['transfer-encoding'] === undefined ? Number(request.headers['content-length'] ?? 0) : bytesMax;
  if (declared <= smallBodyBytesMax || declared > bytesMax) return readText(request, bytesMax);
  const over = new AbortController();
  if (request.res?.closed !== false) over.abort();
  else request.res.once('close', () => over.abort());
  const room = await bodies.take(client, declared, over.signal);
  if (!room) return overloaded;
  const text = await Promise.race([readText(request, bytesMax), whenCut(room.cut)]);
  room.arrived();
  // The rest is still to come and read by nobody.
  if (text === bodyTooSlow) request.res?.once('finish', () => request.destroy());
  return text;
}

function whenCut(cut: AbortSignal): Promise<Refusal> {
  return new Promise((resolve) => {
    cut.addEventListener('abort', () => resolve(bodyTooSlow), { once: true });
  });
}

const bodyTooSlow = refuse('overloaded', 'the body comes too slowly while others wait; try again in a moment');

async function readText(request: Request, bytesMax: number): Promise<string | Refusal> {
  try {
    const length = request.get('content-length');
    const bytes = await getRawBody(request, { limit: bytesMax, ...(length === undefined ? {} : { length }) });
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    const type = error instanceof Error && 'type' in error ? error.type : undefined;
    if (type === 'entity.too.large') {
      // Nobody reads the rest; the connection ends with the answer.
      request.unpipe();
      return refuse('body_too_large', `the body is larger than ${bytesMax} bytes`);
    }
    if (error instanceof TypeError) return refuse('invalid_json', 'the body is not UTF-8');
    return refuse('malformed_request', 'the body did not arrive whole');
  }
}

/** The body as what the schema makes of it, or the reason with the path of the first field that is wrong. */
export async function readJson<T>(request: ApiRequest, schema: z.ZodType<T>, bytesMax: number): Promise<T | Refusal> {
  const json = await readAnyJson(request, bytesMax);
  return 'refused' in json ? json : parseField(schema, json.value);
}

interface ListBounds {
  readonly bytesMax: number;
  readonly entriesMax: number;
}

/**
 * The same of an array, which may be so long that it must be counted before a value is made of each mark in it, and looked at in several
 * turns of the event loop.
 */
export async function readList<List extends readonly unknown[]>(
  request: ApiRequest,
  schema: z.ZodType<List>,
  { bytesMax, entriesMax }: ListBounds,
): Promise<readonly List[number][] | Refusal> {
  const text = await request.text(bytesMax);
  if (typeof text !== 'string') return text;
  if (hasMoreMarks(text, entriesMax * marksOfEntryMax)) return tooLong(`far more than ${entriesMax}`, entriesMax);
  const json = await readAnyJson(request, bytesMax);
  if ('refused' in json) return json;
  const { value } = json;
  if (!Array.isArray(value)) return parseField(schema, value);
  const given: readonly unknown[] = value;
  const refusal = refuseLong(given, entriesMax);
  if (refusal) return refusal;
  const entries = await parseInTurns(schema, given);
  return entries.success ? entries.data : refuseField(entries.error);
}

/** Undefined: it is not too long. */
export function refuseLong(list: readonly unknown[], entriesMax: number): Refusal | undefined {
  return list.length > entriesMax ? tooLong(`${list.length}`, entriesMax) : undefined;
}

function tooLong(count: string, entriesMax: number): Refusal {
  return refuse('content_too_large', `the list has ${count} entries; one may have ${entriesMax}`);
}

const comma = 44;
const bracket = 91;
const brace = 123;

function hasMoreMarks(text: string, max: number): boolean {
  let marks = 0;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code !== comma && code !== bracket && code !== brace) continue;
    marks += 1;
    if (marks > max) return true;
  }
  return false;
}

export async function readAnyJson(request: ApiRequest, bytesMax: number): Promise<{ value: unknown } | Refusal> {
  const text = await request.text(bytesMax);
  if (typeof text !== 'string') return text;
  try {
    return { value: JSON.parse(text) };
  } catch {
    return refuse(
      'invalid_json',
      text === '' ? 'a body of JSON is wanted and there is none' : 'the body is not valid JSON',
    );
  }
}

export function parseField<T>(schema: z.ZodType<T>, value: unknown): T | Refusal {
  const result = schema.safeParse(value);
  return result.success ? result.data : refuseField(result.error);
}

function refuseField({ issues: [issue] }: z.ZodError): Refusal {
  const field = fieldPath(issue?.path ?? []);
  const reason = issue?.message ?? 'is not valid';
  return refuse('invalid_field', field === '' ? reason : `${field}: ${reason}`, field === '' ? undefined : field);
}

/** `[0].id`, `email`. */
function fieldPath(path: readonly PropertyKey[]): string {
  return path
    .map((step, index) => (typeof step === 'number' ? `[${step}]` : `${index === 0 ? '' : '.'}${String(step)}`))
    .join('');
}
