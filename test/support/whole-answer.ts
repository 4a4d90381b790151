/** An answer as a client sees it, whole but for what is another each time. */
import type { Answer } from './exchange.ts';
import { bodyOf } from './stage.ts';

const changing = new Set(['date', 'x-request-id', 'connection', 'content-length']);
const common = {
  'content-type': 'application/json',
  vary: 'Accept',
  'x-content-type-options': 'nosniff',
  'cache-control': 'private, no-cache',
};
const unstored = { 'cache-control': 'no-store' };

export function whole(answer: Answer): { status: number; headers: Record<string, string>; body: unknown } {
  const headers = answer.headers.map(([name, value]): [string, string] => [name.toLowerCase(), value]);
  return {
    status: answer.status,
    headers: Object.fromEntries(headers.filter(([name]) => !changing.has(name))),
    body: bodyOf(answer),
  };
}

/** What `whole` gives of an answer with the usual headers and these: of one to a command, or to somebody who says who it is. */
export function wholly(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}) {
  return openly(status, body, { ...unstored, ...headers });
}

/** The same of one to somebody who says nothing of who it is, and only asks. */
export function openly(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}) {
  return { status, headers: { ...common, ...headers }, body };
}

export const challenge = { 'www-authenticate': 'Basic realm="auth required",Token' };
export const taken = wholly(400, 'Username or email already exists');
