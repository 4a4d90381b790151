/** A refusal is a value: what was asked is understood and will not be done. The API maps each code to its HTTP status in one table. */
export const refusalCodes = [
  'malformed_request',
  'invalid_json',
  'invalid_field',
  'name_taken',
  'conflict',
  'precondition_failed',
  'unauthorized',
  'account_inactive',
  'forbidden',
  'not_found',
  'misdirected',
  'method_not_allowed',
  'body_too_large',
  'content_too_large',
  'answer_too_large',
  'quota_reached',
  'quota_used_up',
  'rate_limited',
  'command_reused',
  'contended',
  'overloaded',
  'unavailable',
  'search_unavailable',
  'internal',
] as const;
export type RefusalCode = (typeof refusalCodes)[number];

export interface Refusal {
  readonly refused: RefusalCode;
  /** A sentence for the person in front of the client. */
  readonly message: string;
  /** The field that is wrong: `username`, `[0].id`, `namespace`. */
  readonly field?: string;
  /** The quota that was met, and what is left of it. */
  readonly quota?: { readonly limit: number; readonly left: number };
  /** The limit that was met by asking too often, and when there is room again, in seconds since 1970. */
  readonly rate?: { readonly limit: number; readonly resetAt: number };
  /** When it may be asked for again, where that is known. */
  readonly afterSeconds?: number;
}

export function refuse(refused: RefusalCode, message: string, field?: string): Refusal {
  return field === undefined ? { refused, message } : { refused, message, field };
}

export function isRefusal(value: unknown): value is Refusal {
  return typeof value === 'object' && value !== null && 'refused' in value;
}
