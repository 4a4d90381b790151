/** One way to provoke one status of one endpoint. */
import { STATUS_CODES } from 'node:http';

import { expect } from 'vitest';

import { valuesOf } from '../support/exchange.ts';
import type { Answer, Header } from '../support/exchange.ts';
import { repositoryOf } from '../support/repository.ts';
import type { Form, Repository } from '../support/repository.ts';
import type { Stage } from '../support/stage.ts';

export interface Scenario {
  readonly title: string;
  /** Makes true what must be true before, and says what to send and what to expect. */
  arrange(stage: Stage): Promise<Trial> | Trial;
}

export interface Trial {
  /** Values for the parameters of the path. */
  readonly parameters?: Readonly<Record<string, string>>;
  readonly query?: string;
  readonly headers: readonly Header[];
  readonly body: string | null;
  /** The body of the answer as JSON; undefined where there is none. */
  readonly answers: unknown;
  /** Checks what else holds of the answer, and what is true afterwards. */
  afterwards?(answer: Answer): Promise<void> | void;
  /** Undoes what would hurt the scenarios after this one; runs whatever happened. */
  restore?(): Promise<void>;
}

/** The scenarios by endpoint and status code. */
export type Scenarios = Readonly<Record<string, Readonly<Record<number, readonly Scenario[]>>>>;

export function scenario(title: string, arrange: Scenario['arrange']): Scenario {
  return { title, arrange };
}

/** A scenario about a repository that nobody has named before. */
export function about(
  form: Form,
  title: string,
  arrange: (repository: Repository) => Promise<Trial> | Trial,
): Scenario {
  return {
    title,
    arrange: async (stage) => {
      const repository = repositoryOf(stage, form);
      return { parameters: repository.parameters, ...(await arrange(repository)) };
    },
  };
}

const sentence: unknown = expect.stringMatching(/\w+ \w+/);

/** `{"error": "<sentence>"}`, whatever else it holds. */
export const usualError: unknown = expect.objectContaining({ error: sentence });

/** For a body that is no JSON at all there is no field to name. */
export const errorWithoutField: unknown = { error: sentence };

export function errorOf(field: string): unknown {
  return { error: sentence, field };
}

export const notActive = 'Account is not Active';

export const alreadyExists = 'Username or email already exists';

/** What every answer of the API has in common, whatever it says. */
export function expectCommonForm(answer: Answer): void {
  expect(answer.reason).toBe(STATUS_CODES[answer.status]);
  expect(valuesOf(answer, 'Content-Type')).toEqual(['application/json']);
  expect(valuesOf(answer, 'Vary')).toEqual(['Accept']);
  expect(valuesOf(answer, 'X-Powered-By')).toEqual([]);
  expect(valuesOf(answer, 'X-Content-Type-Options')).toEqual(['nosniff']);
  if (answer.status === 401) {
    expect(valuesOf(answer, 'WWW-Authenticate')).toEqual(['Basic realm="auth required",Token']);
  }
}
