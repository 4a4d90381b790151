/**
 * Reads the published API text into cases. It knows exactly the forms that the text is written in and throws, with the number of
 * the line, on everything else: a line that was skipped would be a promise that nobody tests.
 */
import type { Header } from '../support/exchange.ts';
import { keyOf, methods, parameterNames } from './contract.ts';
import type { Contract, Endpoint, ExampleRequest, ExampleResponse, Method, Parameter, StatusCode } from './contract.ts';

interface Line {
  readonly number: number;
  readonly text: string;
}

interface Section {
  readonly titles: readonly string[];
  readonly line: Line;
  readonly method: Method;
  readonly path: string;
  readonly lines: Line[];
}

const labels = {
  '**Example Request**:': 'request',
  '**Example request**:': 'request',
  '**Example Response**:': 'response',
  '**Example response**:': 'response',
  'Parameters:': 'path',
  'Json Parameters:': 'json',
  'Query Parameters:': 'query',
  'Status Codes:': 'statuses',
} as const;
type Part = (typeof labels)[keyof typeof labels];

export function extract(document: string): Contract {
  const preamble: Contract['preamble'][number][] = [];
  const sections: Section[] = [];
  let titles: string[] = [];
  let current: Section | undefined;
  for (const line of withoutFrontMatter(numbered(document))) {
    const heading = /^(#{1,4}) (\S.*)$/.exec(line.text);
    if (heading) {
      titles = under(titles, line, (heading[1] ?? '').length, heading[2] ?? '');
      current = undefined;
    } else if (line.text.startsWith('`') && /^`[A-Z]+ /.test(line.text)) {
      current = opened(line, titles.slice(1));
      sections.push(current);
    } else if (current) {
      current.lines.push(line);
    } else if (!blank(line)) {
      preamble.push({ titles: titles.slice(1), sentence: sentence(line) });
    }
  }
  const endpoints = sections.map(endpoint);
  for (const [index, { line }] of sections.entries()) {
    const key = keyOf(endpoints[index] ?? fail(line, 'expected an endpoint'));
    if (endpoints.findIndex((other) => keyOf(other) === key) !== index) fail(line, `${key} is described twice`);
  }
  if (endpoints.length === 0) throw new Error('the document describes no endpoint');
  return { preamble, endpoints };
}

function numbered(document: string): Line[] {
  return document.split('\n').map((text, index) => ({ number: index + 1, text }));
}

/** `page_title: …` and its like, up to the first empty line. */
function withoutFrontMatter(lines: Line[]): Line[] {
  const end = lines.findIndex(blank);
  for (const line of lines.slice(0, end)) {
    if (!/^page_\w+: \S/.test(line.text)) fail(line, 'expected a line such as "page_title: …"');
  }
  return lines.slice(end);
}

function under(titles: readonly string[], line: Line, level: number, title: string): string[] {
  if (level > titles.length + 1) fail(line, 'expected no heading to be left out');
  return [...titles.slice(0, level - 1), title];
}

function opened(line: Line, titles: readonly string[]): Section {
  const match = /^`([A-Z]+) (\/v1\/\S+)`$/.exec(line.text);
  const method = methods.find((known) => known === match?.[1]);
  const path = match?.[2];
  if (!method || !path) return fail(line, 'expected a method and a path below /v1');
  if (titles.length === 0) fail(line, 'expected a heading above the endpoint');
  return { titles, line, method, path, lines: [] };
}

function sentence(line: Line): string {
  const match = /^(?:- )?([A-Z].*\.?)$/.exec(line.text);
  return match?.[1] ?? fail(line, 'expected a sentence');
}

function endpoint(section: Section): Endpoint {
  const { remarks, parts } = divided(section);
  const request = exampleRequest(section, parts.get('request') ?? fail(section.line, 'expected an example request'));
  const response = exampleResponse(
    section,
    parts.get('response') ?? fail(section.line, 'expected an example response'),
  );
  const statuses = statusCodes(section, parts.get('statuses') ?? fail(section.line, 'expected the status codes'));
  const parameters = (['path', 'json', 'query'] as const).flatMap((place) => parametersIn(place, parts.get(place)));
  agree(section, { request, response, statuses, parameters });
  return {
    titles: section.titles,
    method: section.method,
    path: section.path,
    remarks,
    parameters,
    request,
    response,
    statuses,
  };
}

function divided(section: Section): { remarks: string; parts: Map<Part, Line[]> } {
  const parts = new Map<Part, Line[]>();
  const remarks: string[] = [];
  let part: Line[] | undefined;
  for (const line of section.lines) {
    const name = labelOf(line);
    if (name) {
      if (parts.has(name)) fail(line, 'expected each part of an endpoint once');
      part = [];
      parts.set(name, part);
    } else if (part) {
      part.push(line);
    } else if (!blank(line)) {
      remarks.push(remark(line));
    }
  }
  return { remarks: remarks.join(' '), parts };
}

function labelOf(line: Line): Part | undefined {
  for (const [label, part] of Object.entries(labels)) {
    if (line.text === `    ${label}`) return part;
  }
  return undefined;
}

/** Text above the first label; what only looks like a label, a list or an example is not text. */
function remark(line: Line): string {
  const match = /^(?: {4})?([A-Za-z[].*[^:\s])\s?$/.exec(line.text);
  if (!match || line.text.includes('**') || line.text.includes('HTTP/1.1')) fail(line, 'expected a remark or a label');
  return match?.[1] ?? '';
}

function exampleRequest(section: Section, lines: Line[]): ExampleRequest {
  const { first, headers, body } = message(section, lines);
  const match = /^([A-Z]+) (\/\S+) HTTP\/1\.1$/.exec(first.text);
  const target = match?.[2];
  if (match?.[1] !== section.method || !target) return fail(first, `expected a request line of ${section.method}`);
  const path = target.split('?', 1)[0] ?? target;
  if (!matches(section.path, path)) fail(first, `expected a target of the form ${section.path}`);
  if (body !== null) parsed(first, body);
  return { method: section.method, target, headers, body };
}

function exampleResponse(section: Section, lines: Line[]): ExampleResponse {
  const { first, headers, body } = message(section, lines);
  const match = /^HTTP\/1\.1 (\d{3})(?: (\S.*))?$/.exec(first.text);
  if (!match) return fail(first, 'expected a status line');
  return { status: Number(match[1]), reason: match[2] ?? null, headers, body };
}

function message(section: Section, lines: Line[]): { first: Line; headers: Header[]; body: string | null } {
  const [first, ...rest] = trimmed(lines).map(dedented);
  if (!first) return fail(section.line, 'expected no empty example');
  const end = rest.findIndex(blank);
  const headers = (end === -1 ? rest : rest.slice(0, end)).map(header);
  const body = end === -1 ? [] : rest.slice(end + 1);
  for (const line of body) if (blank(line)) fail(line, 'expected one body without empty lines');
  return { first, headers, body: body.length === 0 ? null : body.map(({ text }) => text).join('\n') };
}

function header(line: Line): Header {
  const match = /^([A-Za-z][A-Za-z-]*): (\S.*)$/.exec(line.text);
  return [match?.[1] ?? fail(line, 'expected a header'), match?.[2] ?? ''];
}

function dedented(line: Line): Line {
  if (blank(line)) return { ...line, text: '' };
  if (!line.text.startsWith(' '.repeat(8))) return fail(line, 'expected an example, eight blanks deep');
  return { ...line, text: line.text.slice(8) };
}

function trimmed(lines: Line[]): Line[] {
  const start = lines.findIndex((line) => !blank(line));
  const end = lines.findLastIndex((line) => !blank(line));
  return start === -1 ? [] : lines.slice(start, end + 1);
}

function parametersIn(place: Parameter['in'], lines: Line[] = []): Parameter[] {
  return bullets(lines).map(({ name, words }) => ({ in: place, name, words }));
}

function statusCodes(section: Section, lines: Line[]): StatusCode[] {
  const codes = bullets(lines).map(({ line, name, words }) => {
    if (!/^[2-5]\d\d$/.test(name)) fail(line, 'expected a status code');
    return { code: Number(name), words };
  });
  if (codes.length === 0) fail(section.line, 'expected at least one status code');
  if (new Set(codes.map(({ code }) => code)).size !== codes.length)
    fail(section.line, 'expected each status code once');
  return codes;
}

function bullets(lines: Line[]): { line: Line; name: string; words: string }[] {
  const found: { line: Line; name: string; words: string }[] = [];
  for (const line of lines.filter((candidate) => !blank(candidate))) {
    const bullet = /^ {4}- \*\*([^*]+)\*\* – (\S.*)$/.exec(line.text);
    const continued = /^ {8}(\S.*)$/.exec(line.text);
    const last = found.at(-1);
    if (bullet) found.push({ line, name: bullet[1] ?? '', words: bullet[2] ?? '' });
    else if (continued && last) last.words += ` ${continued[1] ?? ''}`;
    else fail(line, 'expected an entry such as "- **name** – words"');
  }
  return found;
}

/** The parts of one endpoint speak of the same parameters and statuses, so that a case cannot be read half. */
function agree(section: Section, read: Pick<Endpoint, 'request' | 'response' | 'statuses' | 'parameters'>): void {
  const { request, response, statuses, parameters } = read;
  const named = (place: Parameter['in']) => parameters.filter((one) => one.in === place).map(({ name }) => name);
  const same = (left: readonly string[], right: readonly string[]) =>
    left.toSorted().join() === right.toSorted().join();
  if (!same(named('path'), parameterNames(section.path))) {
    fail(section.line, 'expected the parameters of the path, each with its words');
  }
  const query = [...new URL(request.target, 'http://host').searchParams.keys()];
  if (!same(named('query'), query)) fail(section.line, 'expected the parameters of the query, each with its words');
  const fields = request.body === null ? [] : Object.keys(Object(parsed(section.line, request.body)));
  if (named('json').length > 0 && !same(named('json'), fields)) {
    fail(section.line, 'expected the fields of the body, each with its words');
  }
  if (!statuses.some(({ code }) => code === response.status)) {
    fail(section.line, `expected ${response.status} among the status codes`);
  }
}

function matches(template: string, path: string): boolean {
  const pattern = template
    .split(/\([^()/]+\)/)
    .map((literal) => literal.replaceAll(/[.*+?^${}|[\]\\]/g, String.raw`\$&`))
    .join('[^/]+');
  return new RegExp(`^${pattern}$`).test(path);
}

function parsed(line: Line, body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return fail(line, 'expected a body of JSON');
  }
}

function blank(line: Line): boolean {
  return line.text.trim() === '';
}

function fail(line: Line, expected: string): never {
  throw new Error(`line ${line.number}: ${expected}, found ${JSON.stringify(line.text)}`);
}
