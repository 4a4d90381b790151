/** What may not happen too often, by whom: each limit with its key. The counting is in the store. */
import type { Rates } from '@docket/runtime/environment';
import { loginFailuresSeconds, searchesLotShare } from '@docket/shared/limits';
import { refuse } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import type { RateLimiter, RateLimits, UsedUp } from '@docket/store/rate-limits';

const hourSeconds = 3_600;
const minuteSeconds = 60;

export interface RateLimiters {
  /** By account name and client. */
  readonly loginFailures: RateLimiter;
  /** By client. */
  readonly clientLoginFailures: RateLimiter;
  /** By account name, client and password: the first is a failure, others are the same failure again. */
  readonly sameFailures: RateLimiter;
  /** By client. */
  readonly registrations: RateLimiter;
  /** By account. */
  readonly accountMails: RateLimiter;
  /** By client. */
  readonly clientMails: RateLimiter;
  /** By the domain of the receiver. */
  readonly domainMails: RateLimiter;
  /** By account, or by client where nobody logged in. */
  readonly searches: RateLimiter;
}

export function rateLimiters({ limiter }: RateLimits, rates: Rates): RateLimiters {
  const hourly = (name: string, max: number) => limiter({ name, max, seconds: hourSeconds });
  const failures = (name: string, max: number) => limiter({ name, max, seconds: loginFailuresSeconds });
  const counted = Math.min(rates.loginFailuresMax, rates.clientLoginFailuresMax) < Number.POSITIVE_INFINITY;
  const searches = rates.clientSearchesPerMinute;
  return {
    loginFailures: failures('login', rates.loginFailuresMax),
    clientLoginFailures: failures('client-login', rates.clientLoginFailuresMax),
    sameFailures: failures('same-login', counted ? 1 : Number.POSITIVE_INFINITY),
    registrations: hourly('registration', rates.clientRegistrationsPerHour),
    accountMails: hourly('account-mail', rates.accountMailsPerHour),
    clientMails: hourly('client-mail', rates.clientMailsPerHour),
    domainMails: hourly('domain-mail', rates.domainMailsPerHour),
    searches: limiter({
      name: 'search',
      max: searches,
      seconds: minuteSeconds,
      lot: Math.max(1, Math.floor(searches * searchesLotShare)),
    }),
  };
}

/** `sentence` says what was too much; when it may be tried again is put behind it. */
export function refuseUsedUp({ max, untilMs }: UsedUp, sentence: string): Refusal {
  const afterSeconds = Math.max(1, Math.ceil((untilMs - Date.now()) / 1_000));
  return {
    ...refuse('rate_limited', `${sentence}; try again in ${inWords(afterSeconds)}`),
    rate: { limit: max, resetAt: Math.ceil(untilMs / 1_000) },
    afterSeconds,
  };
}

function inWords(seconds: number): string {
  if (seconds > 90) return `${Math.ceil(seconds / 60)} minutes`;
  return seconds === 1 ? 'a second' : `${seconds} seconds`;
}
