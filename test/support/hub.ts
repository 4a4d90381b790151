/** Requests as the tools of the Hub send them: JSON there and back, to the API processes in turn. */
import { valuesOf } from './exchange.ts';
import { basic, inTurn } from './stage.ts';
import type { Credentials } from './world.ts';

export interface HubAnswer {
  readonly status: number;
  /** Undefined where there is none. */
  readonly body: unknown;
  /** The body as it came over the wire. */
  readonly text: string;
  readonly header: (name: string) => string | undefined;
}

interface HubRequest {
  /** A person by password, or the header itself. */
  readonly as?: Credentials | string | undefined;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export type Hub = (method: string, target: string, request?: HubRequest) => Promise<HubAnswer>;

export function hub(urls: readonly string[]): Hub {
  const send = inTurn(urls);
  return async (method, target, { as, body, headers = {} } = {}) => {
    const authorization = as === undefined ? {} : { Authorization: typeof as === 'string' ? as : basic(as) };
    const answer = await send({
      method,
      target,
      headers: Object.entries({ Host: 'index.docker.io', ...authorization, ...headers }),
      body: body === undefined ? null : JSON.stringify(body),
    });
    return {
      status: answer.status,
      body: answer.body === '' ? undefined : JSON.parse(answer.body),
      text: answer.body,
      header: (name) => valuesOf(answer, name)[0],
    };
  };
}
