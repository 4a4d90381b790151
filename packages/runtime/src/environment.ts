/**
 * Every setting of every process, parsed once, where a process begins; nothing else reads `process.env`. The same declarations are
 * the configuration table of the README, so a setting cannot exist without its line there.
 */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { resolve } from 'node:path';

import {
  accountDailyEventsDefault,
  accountDailyMegabytesDefault,
  accountMailsDefault,
  accountOrganizationsDefault,
  accountUnconfirmedAddressesDefault,
  clientLoginFailuresDefault,
  clientMailsDefault,
  clientRegistrationsDefault,
  clientSearchesDefault,
  clientWaitingPasswordsDefault,
  domainMailsDefault,
  loginFailuresDefault,
  loginFailuresSeconds,
  namespaceRepositoriesDefault,
  passwordBytesMax,
  passwordCharactersMin,
  quotaMax,
  repositoryEntriesMax,
  repositoryImagesDefault,
  repositoryTagsDefault,
} from '@docket/shared/limits';
import { namespaceName } from '@docket/shared/names';
import { z } from 'zod';

/** HMAC-SHA-256 gains nothing from more, and is guessable with much less. */
const tokenSecretCharactersMin = 32;
const tokenTtlSecondsMax = 7 * 24 * 3600;
const undeleteDaysMax = 3_650;
/** 15 is half a minute of CPU a login; below 4 bcrypt does not go. */
const passwordCostMax = 15;
const passwordCostMin = 4;
const shownCharactersMax = 200;
const secretFileBytesMax = 64 * 1024;

interface SettingDocumentation {
  /** The default in words, as the README says it. */
  readonly default: string;
  readonly about: string;
  /** Its value is never shown, not even to say that it is wrong. The setting of this name and `_FILE` may give a file that holds it. */
  readonly secret?: true;
}

export interface Setting extends SettingDocumentation {
  readonly name: SettingName;
  readonly schema: z.ZodType;
}

export interface TokenKey {
  readonly id: string;
  readonly secret: string;
}

export interface Quotas {
  readonly namespaceRepositoriesMax: number;
  /** That it made. */
  readonly accountOrganizationsMax: number;
  readonly accountUnconfirmedAddressesMax: number;
  readonly accountDailyEventsMax: number;
  /** The bytes of the data of those events. */
  readonly accountDailyBytesMax: number;
}

/** How often what may happen; infinite where there is no bound. A client is known by its address, an IPv6 one by its /64. */
export interface Rates {
  /** For one account from one client. */
  readonly loginFailuresMax: number;
  readonly clientLoginFailuresMax: number;
  /** In one process at once. */
  readonly clientWaitingPasswordsMax: number;
  readonly clientRegistrationsPerHour: number;
  readonly accountMailsPerHour: number;
  readonly clientMailsPerHour: number;
  readonly domainMailsPerHour: number;
  readonly clientSearchesPerMinute: number;
}

export interface Environment {
  /** The IP address that is listened on; `0.0.0.0` and `::` are all of them. */
  readonly host: string;
  readonly port: number;
  /** Port of the projector's own listener; 0 for none. */
  readonly healthPort: number;
  /** Without a slash at its end. Undefined: the host that a request names, if it is known. */
  readonly publicUrl: string | undefined;
  /** Hosts that are known though nobody else knows them, in small letters; `*` is every host. */
  readonly publicHosts: readonly string[];
  readonly databaseUrl: string;
  readonly projectorDatabaseUrl: string;
  readonly migrationDatabaseUrl: string;
  /** Undefined: nobody can listen (a transaction pooler is between), so followers poll. */
  readonly listenDatabaseUrl: string | undefined;
  readonly databasePooler: 'none' | 'transaction';
  readonly meilisearchUrl: string | undefined;
  readonly meilisearchApiKey: string | undefined;
  readonly projectorMeilisearchApiKey: string | undefined;
  readonly meilisearchMasterKey: string | undefined;
  /** Empty: the host of `publicUrl`, or the one that the request names, if it is known. */
  readonly registryEndpoints: readonly string[];
  /** The registries of the repositories of each namespace that does not use the usual ones. */
  readonly namespaceEndpoints: ReadonlyMap<string, readonly string[]>;
  readonly trustedProxies: readonly string[];
  /** Newest first; the first signs, all verify. */
  readonly tokenKeys: readonly TokenKey[];
  readonly tokenTtlSeconds: number;
  /** How long the owner of a deleted repository may have it back. */
  readonly undeleteDays: number;
  /** The limit for one list that is sent, and for all that a repository has. */
  readonly repositoryImagesMax: number;
  readonly repositoryTagsMax: number;
  /** What one account may have and do; infinite where there is no bound. */
  readonly quotas: Quotas;
  readonly rates: Rates;
  readonly accountActivation: 'email' | 'open';
  readonly registration: 'open' | 'closed';
  readonly smtpUrl: string | undefined;
  readonly mailFrom: string;
  readonly anonymousSearch: 'on' | 'off';
  readonly v2Ping: 'auto' | '401' | '404';
  readonly logLevel: LogLevel;
  /** Absolute. */
  readonly dataDirectory: string;
  readonly passwordCost: number;
  readonly adminPassword: string | undefined;
}

/** The settings that are known before there is a database: `up` brings its own when none is named. */
export type Settings = Omit<Environment, 'databaseUrl' | 'projectorDatabaseUrl' | 'migrationDatabaseUrl'> & {
  readonly databaseUrl: string | undefined;
};

const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

const documentation = z.registry<SettingDocumentation>();

const environmentSchema = z.object({
  HOST: textThatIs(
    'an IP address, such as 127.0.0.1, 0.0.0.0 (all of IPv4) or :: (all), or localhost',
    listeningAddress,
  )
    .prefault('127.0.0.1')
    .register(documentation, {
      default: '127.0.0.1; in the container image 0.0.0.0',
      about: 'IP address that the API and the health port of a projector listen on; `0.0.0.0` and `::` are all of them',
    }),
  PORT: wholeNumber(0, 65_535)
    .prefault('8080')
    .register(documentation, { default: '8080', about: 'port of the API; 0 takes any free one' }),
  HEALTH_PORT: wholeNumber(0, 65_535).prefault('0').register(documentation, {
    default: 'none; `up` takes a free one and writes it to `run.json`',
    about: 'port on which a projector answers `/livez`, `/readyz` and `/metrics`, which the API answers on its own',
  }),
  PUBLIC_URL: publicAddress().optional().register(documentation, {
    default: "the request's own host, where it is known",
    about:
      'address under which clients and links in mails reach the API: its host, and a path where a proxy serves it below one',
  }),
  PUBLIC_HOSTS: listOf('hosts (host or host:port), or *', (item) => item === '*' || isHost(item))
    .transform((hosts) => hosts.map((host) => host.toLowerCase()))
    .prefault('')
    .register(documentation, {
      default: 'none',
      about:
        'without `PUBLIC_URL`: hosts that clients are sent to when their request names them, comma separated, beside those of this machine; `*` is every host',
    }),
  DATABASE_URL: databaseAddress().optional().register(documentation, {
    default: 'none; `up` starts an embedded PostgreSQL',
    about: 'database, with the role of the API',
    secret: true,
  }),
  PROJECTOR_DATABASE_URL: databaseAddress().optional().register(documentation, {
    default: '`DATABASE_URL`',
    about: 'the same database, with the role of the projector',
    secret: true,
  }),
  MIGRATION_DATABASE_URL: databaseAddress().optional().register(documentation, {
    default: '`DATABASE_URL`',
    about: 'the same database, with the role that owns the tables',
    secret: true,
  }),
  LISTEN_DATABASE_URL: databaseAddress().optional().register(documentation, {
    default: '`PROJECTOR_DATABASE_URL`; none behind a pooler',
    about: 'the same database without a pooler between, to be woken by it; without one the log is polled',
    secret: true,
  }),
  DATABASE_POOLER: oneOf('none', 'transaction').prefault('none').register(documentation, {
    default: 'none',
    about: 'whether a pooler in transaction mode stands before the database',
  }),
  MEILISEARCH_URL: webAddress().optional().register(documentation, {
    default: 'none; `up` starts its own where there is a binary',
    about: 'search engine; without one search answers from PostgreSQL',
  }),
  MEILISEARCH_API_KEY: searchEngineKey().optional().register(documentation, {
    default: 'none; `up` makes one for its own engine',
    about: 'key with which the API asks the search engine; it needs `search` and nothing else',
    secret: true,
  }),
  PROJECTOR_MEILISEARCH_API_KEY: searchEngineKey().optional().register(documentation, {
    default: '`MEILISEARCH_API_KEY`; `up` makes one for its own engine',
    about: 'key with which the projector writes to the search engine',
    secret: true,
  }),
  MEILISEARCH_MASTER_KEY: searchEngineKey().optional().register(documentation, {
    default: 'none',
    about: 'key with which `docket search-keys` and `up` make the two others; no other process is to have it',
    secret: true,
  }),
  REGISTRY_ENDPOINTS: registryEndpoints().prefault('').register(documentation, {
    default: "the host of `PUBLIC_URL`, or the request's own where it is known",
    about:
      'registries that clients are sent to in `X-Docker-Endpoints`, comma separated; `team=host` is one for the namespace `team` alone',
  }),
  TRUSTED_PROXIES: listOf('addresses or networks (10.0.0.0/8), or loopback, linklocal, uniquelocal', isNetwork)
    .prefault('')
    .register(documentation, {
      default: 'none',
      about: 'proxies whose `X-Forwarded-*` headers are believed, the host that they name too, comma separated',
    }),
  TOKEN_KEYS: tokenKeyRing().optional().register(documentation, {
    default: 'none; `up` makes one and keeps it',
    about: 'keys that sign access tokens and confirmation links: `id:secret`, comma separated, newest first',
    secret: true,
  }),
  TOKEN_TTL_SECONDS: wholeNumber(1, tokenTtlSecondsMax)
    .prefault('3600')
    .register(documentation, { default: '3600', about: 'life of an access token' }),
  UNDELETE_DAYS: wholeNumber(0, undeleteDaysMax).prefault('30').register(documentation, {
    default: '30',
    about: 'for how long the owner of a deleted repository may have it back',
  }),
  REPOSITORY_IMAGES_MAX: wholeNumber(1, repositoryEntriesMax)
    .prefault(`${repositoryImagesDefault}`)
    .register(documentation, {
      default: `${repositoryImagesDefault}`,
      about: 'images of a repository, and of one list that is sent',
    }),
  REPOSITORY_TAGS_MAX: wholeNumber(1, repositoryEntriesMax)
    .prefault(`${repositoryTagsDefault}`)
    .register(documentation, { default: `${repositoryTagsDefault}`, about: 'tags of a repository' }),
  NAMESPACE_REPOSITORIES_MAX: quota(namespaceRepositoriesDefault, 'repositories of a namespace'),
  ACCOUNT_ORGANIZATIONS_MAX: quota(accountOrganizationsDefault, 'organizations that one account makes'),
  ACCOUNT_UNCONFIRMED_ADDRESSES_MAX: quota(
    accountUnconfirmedAddressesDefault,
    'e-mail addresses of an account that wait to be confirmed',
  ),
  ACCOUNT_DAILY_EVENTS_MAX: quota(accountDailyEventsDefault, 'events that one account may cause in a day (UTC)'),
  ACCOUNT_DAILY_MEGABYTES_MAX: quota(accountDailyMegabytesDefault, 'what those events may hold, in millions of bytes'),
  LOGIN_FAILURES_MAX: quota(
    loginFailuresDefault,
    `wrong passwords for one account from one client address in ${loginFailuresSeconds / 60} minutes`,
  ),
  CLIENT_LOGIN_FAILURES_MAX: quota(
    clientLoginFailuresDefault,
    `wrong passwords from one client address in ${loginFailuresSeconds / 60} minutes`,
  ),
  CLIENT_WAITING_PASSWORDS_MAX: quota(
    clientWaitingPasswordsDefault,
    'passwords of one client address that wait to be checked in a process',
  ),
  CLIENT_REGISTRATIONS_PER_HOUR: quota(clientRegistrationsDefault, 'accounts that one client address registers'),
  ACCOUNT_MAILS_PER_HOUR: quota(accountMailsDefault, 'mails that changes of one account send'),
  CLIENT_MAILS_PER_HOUR: quota(clientMailsDefault, 'mails that one client address causes'),
  DOMAIN_MAILS_PER_HOUR: quota(domainMailsDefault, 'mails to addresses of one domain'),
  CLIENT_SEARCHES_PER_MINUTE: quota(
    clientSearchesDefault,
    'searches of one account, or of one client address where nobody logged in',
  ),
  ACCOUNT_ACTIVATION: oneOf('email', 'open')
    .prefault('email')
    .register(documentation, { default: 'email', about: 'whether an account waits for its address to be confirmed' }),
  REGISTRATION: oneOf('open', 'closed')
    .prefault('open')
    .register(documentation, { default: 'open', about: 'whether anybody may register an account' }),
  SMTP_URL: addressWith('an smtp:// or smtps:// URL', ['smtp:', 'smtps:']).optional().register(documentation, {
    default: 'none; mails are written to `DOCKET_DATA_DIR/mail`',
    about: 'server that sends the mails',
    secret: true,
  }),
  MAIL_FROM: textThatIs('a mail address, or a name and an address in <>', (text) =>
    /^[^\r\n<>]*<[^\s<>@]+@[^\s<>@]+>$|^[^\s<>@]+@[^\s<>@]+$/.test(text) ? text : undefined,
  )
    .prefault('Docket <docket@localhost>')
    .register(documentation, { default: 'Docket <docket@localhost>', about: 'sender of the mails' }),
  ANONYMOUS_SEARCH: oneOf('on', 'off')
    .prefault('on')
    .register(documentation, { default: 'on', about: 'whether search needs no account' }),
  V2_PING: oneOf('auto', '401', '404').prefault('auto').register(documentation, {
    default: 'auto',
    about: 'answer to `GET /v2/`, by which clients choose between the protocols',
  }),
  LOG_LEVEL: oneOf(...logLevels)
    .prefault('info')
    .register(documentation, { default: 'info; under `up` warn', about: 'least important log line that is written' }),
  DOCKET_DATA_DIR: textThatIs('a path', (text) => (text.includes('\0') ? undefined : resolve(text)))
    .prefault('.docket')
    .register(documentation, {
      default: '.docket',
      about: 'folder of the embedded engines, generated secrets, mails and `run.json`',
    }),
  PASSWORD_COST: wholeNumber(passwordCostMin, passwordCostMax)
    .prefault('10')
    .register(documentation, { default: '10', about: 'bcrypt cost of new passwords' }),
  DOCKET_ADMIN_PASSWORD: textThatIs(`${passwordCharactersMin} characters to ${passwordBytesMax} bytes`, (text) =>
    text.length >= passwordCharactersMin && Buffer.byteLength(text) <= passwordBytesMax ? text : undefined,
  )
    .optional()
    .register(documentation, {
      default: 'made on the first start, kept in `DOCKET_DATA_DIR/admin-password`',
      about: 'password of the first admin, used on the first start',
      secret: true,
    }),
});

type SettingName = keyof typeof environmentSchema.shape;

const settingNames = environmentSchema.keyof().options;

export const settings: readonly Setting[] = settingNames.map((name) => {
  const schema = environmentSchema.shape[name];
  const documented = documentation.get(schema);
  if (documented === undefined) throw new Error(`the setting ${name} has no documentation`);
  return { name, schema, ...documented };
});

export interface EnvironmentProblem {
  readonly name: string;
  /** The value as it may be shown; undefined when it is not set. */
  readonly value: string | undefined;
  readonly expected: string;
}

export class WrongEnvironmentError extends Error {
  readonly problems: readonly EnvironmentProblem[];

  constructor(problems: readonly EnvironmentProblem[]) {
    super(environmentProblems(problems));
    this.name = 'WrongEnvironmentError';
    this.problems = problems;
  }
}

/** One sentence a line, for people. */
export function environmentProblems(problems: readonly EnvironmentProblem[]): string {
  return problems
    .map(({ name, value, expected }) =>
      value === undefined
        ? `${name} is not set; it must be ${expected}.`
        : `${name} is ${value}; it must be ${expected}.`,
    )
    .join('\n');
}

/**
 * For a process that needs a database, and whatever else it names in `required`.
 * @throws {WrongEnvironmentError}
 */
export function parseEnvironment(env: NodeJS.ProcessEnv, required: readonly SettingName[] = []): Environment {
  const values = parsed(env, ['DATABASE_URL', ...required]);
  const databaseUrl = values.DATABASE_URL;
  if (databaseUrl === undefined) throw new Error('the database was required and is not there');
  const projectorDatabaseUrl = values.PROJECTOR_DATABASE_URL ?? databaseUrl;
  return {
    ...settingsOf(values),
    databaseUrl,
    projectorDatabaseUrl,
    migrationDatabaseUrl: values.MIGRATION_DATABASE_URL ?? databaseUrl,
    listenDatabaseUrl:
      values.LISTEN_DATABASE_URL ?? (values.DATABASE_POOLER === 'none' ? projectorDatabaseUrl : undefined),
  };
}

/**
 * For `up`, which may bring the database itself.
 * @throws {WrongEnvironmentError}
 */
export function parseSettings(env: NodeJS.ProcessEnv): Settings {
  return settingsOf(parsed(env, []));
}

type Values = z.output<typeof environmentSchema>;

function settingsOf(values: Values): Settings {
  return {
    host: values.HOST,
    port: values.PORT,
    healthPort: values.HEALTH_PORT,
    publicUrl: values.PUBLIC_URL,
    publicHosts: values.PUBLIC_HOSTS,
    databaseUrl: values.DATABASE_URL,
    listenDatabaseUrl: values.LISTEN_DATABASE_URL,
    databasePooler: values.DATABASE_POOLER,
    meilisearchUrl: values.MEILISEARCH_URL,
    meilisearchApiKey: values.MEILISEARCH_API_KEY,
    projectorMeilisearchApiKey: values.PROJECTOR_MEILISEARCH_API_KEY ?? values.MEILISEARCH_API_KEY,
    meilisearchMasterKey: values.MEILISEARCH_MASTER_KEY,
    registryEndpoints: values.REGISTRY_ENDPOINTS.everywhere,
    namespaceEndpoints: values.REGISTRY_ENDPOINTS.ofNamespace,
    trustedProxies: values.TRUSTED_PROXIES,
    tokenKeys: values.TOKEN_KEYS ?? [],
    tokenTtlSeconds: values.TOKEN_TTL_SECONDS,
    undeleteDays: values.UNDELETE_DAYS,
    repositoryImagesMax: values.REPOSITORY_IMAGES_MAX,
    repositoryTagsMax: values.REPOSITORY_TAGS_MAX,
    quotas: {
      namespaceRepositoriesMax: values.NAMESPACE_REPOSITORIES_MAX,
      accountOrganizationsMax: values.ACCOUNT_ORGANIZATIONS_MAX,
      accountUnconfirmedAddressesMax: values.ACCOUNT_UNCONFIRMED_ADDRESSES_MAX,
      accountDailyEventsMax: values.ACCOUNT_DAILY_EVENTS_MAX,
      accountDailyBytesMax: values.ACCOUNT_DAILY_MEGABYTES_MAX * 1_000_000,
    },
    rates: {
      loginFailuresMax: values.LOGIN_FAILURES_MAX,
      clientLoginFailuresMax: values.CLIENT_LOGIN_FAILURES_MAX,
      clientWaitingPasswordsMax: values.CLIENT_WAITING_PASSWORDS_MAX,
      clientRegistrationsPerHour: values.CLIENT_REGISTRATIONS_PER_HOUR,
      accountMailsPerHour: values.ACCOUNT_MAILS_PER_HOUR,
      clientMailsPerHour: values.CLIENT_MAILS_PER_HOUR,
      domainMailsPerHour: values.DOMAIN_MAILS_PER_HOUR,
      clientSearchesPerMinute: values.CLIENT_SEARCHES_PER_MINUTE,
    },
    accountActivation: values.ACCOUNT_ACTIVATION,
    registration: values.REGISTRATION,
    smtpUrl: values.SMTP_URL,
    mailFrom: values.MAIL_FROM,
    anonymousSearch: values.ANONYMOUS_SEARCH,
    v2Ping: values.V2_PING,
    logLevel: values.LOG_LEVEL,
    dataDirectory: values.DOCKET_DATA_DIR,
    passwordCost: values.PASSWORD_COST,
    adminPassword: values.DOCKET_ADMIN_PASSWORD,
  };
}

/**
 * The same environment with the secrets that it names files for (`TOKEN_KEYS_FILE=/run/secrets/token-keys`) in the place of the paths.
 * @throws {WrongEnvironmentError}
 */
export function withSecretsFromFiles(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const result = { ...env };
  const problems: EnvironmentProblem[] = [];
  for (const { name } of settings.filter(({ secret }) => secret === true)) {
    const fileSetting = `${name}_FILE`;
    const path = env[fileSetting] ?? '';
    delete result[fileSetting];
    if (path === '') continue;
    const text = (env[name] ?? '') === '' ? secretIn(path) : { expected: `left out, because ${name} is set as well` };
    if (typeof text === 'string') result[name] = text;
    else problems.push({ name: fileSetting, value: JSON.stringify(path), expected: text.expected });
  }
  if (problems.length > 0) throw new WrongEnvironmentError(problems);
  return result;
}

/** Without the line break that editors and `echo` put at the end. */
function secretIn(path: string): string | { readonly expected: string } {
  try {
    const bytes = readFileSync(path);
    if (bytes.length > secretFileBytesMax) return { expected: `a file of at most ${secretFileBytesMax} bytes` };
    const text = bytes.toString().replace(/\r?\n$/, '');
    return text === '' ? { expected: 'a file that is not empty' } : text;
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
    return { expected: `the path of a file that can be read${reason}` };
  }
}

function parsed(env: NodeJS.ProcessEnv, required: readonly SettingName[]): Values {
  // An empty value is how compose files and shells say "not set".
  const given = Object.fromEntries(
    Object.entries(withSecretsFromFiles(env)).filter(([, value]) => value !== undefined && value !== ''),
  );
  const result = environmentSchema.safeParse(given);
  const problems = new Map<string, EnvironmentProblem>();
  for (const issue of result.error?.issues ?? []) {
    const name = String(issue.path[0]);
    problems.set(name, { name, value: shown(name, given[name]), expected: issue.message });
  }
  for (const name of required) {
    if (given[name] !== undefined) continue;
    const about = settings.find((known) => known.name === name)?.about ?? '';
    problems.set(name, { name, value: undefined, expected: `given: ${about}` });
  }
  if (problems.size > 0 || !result.success) throw new WrongEnvironmentError([...problems.values()]);
  return result.data;
}

function shown(name: string, value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  const secret = settings.find((known) => known.name === name)?.secret === true;
  if (secret) return `a value of ${value.length} characters`;
  return JSON.stringify(value.length > shownCharactersMax ? `${value.slice(0, shownCharactersMax)}…` : value);
}

function textThatIs<Value>(expected: string, parse: (text: string) => Value | undefined) {
  return z.string().transform((text, context): Value => {
    const value = parse(text);
    if (value !== undefined) return value;
    context.addIssue({ code: 'custom', message: expected });
    return z.NEVER;
  });
}

function oneOf<const Choices extends readonly [string, ...string[]]>(...choices: Choices) {
  const [last, ...others] = choices.toReversed();
  const expected = others.length === 0 ? `${last}` : `${others.toReversed().join(', ')} or ${last}`;
  return z.enum(choices, { error: expected });
}

function wholeNumber(min: number, max: number) {
  return textThatIs(`a whole number from ${min} to ${max}`, (text) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    return value >= min && value <= max ? value : undefined;
  });
}

/** 0 is without bound. */
function quota(usual: number, about: string) {
  return wholeNumber(0, quotaMax)
    .transform((max) => (max === 0 ? Number.POSITIVE_INFINITY : max))
    .prefault(`${usual}`)
    .register(documentation, { default: `${usual}`, about: `${about}; 0 is without bound` });
}

function addressWith(expected: string, protocols: readonly string[]) {
  return textThatIs(expected, (text) => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    return url !== undefined && protocols.includes(url.protocol) ? text : undefined;
  });
}

function databaseAddress() {
  return addressWith('a postgres:// URL', ['postgres:', 'postgresql:']);
}

function searchEngineKey() {
  return textThatIs('1 to 512 printable characters', (text) => (/^[\x21-\x7e]{1,512}$/.test(text) ? text : undefined));
}

/** Without a slash at the end, so that paths can be put behind it. */
function webAddress() {
  return textThatIs('an http:// or https:// URL without a query', (text) => webUrl(text)?.href.replace(/\/+$/, ''));
}

/** Everybody is told it, so it holds no credentials. */
function publicAddress() {
  return textThatIs('an http:// or https:// URL without a query, a name and a password', (text) => {
    const url = webUrl(text);
    return url?.username === '' && url.password === '' ? url.href.replace(/\/+$/, '') : undefined;
  });
}

function webUrl(text: string): URL | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const web = url?.protocol === 'http:' || url?.protocol === 'https:';
  return web && url.search === '' && url.hash === '' ? url : undefined;
}

/** Brackets may stand around an address of IPv6. One with a zone (`fe80::1%eth0`) cannot stand in a URL. */
function listeningAddress(text: string): string | undefined {
  if (text === 'localhost') return '127.0.0.1';
  const address = text.replace(/^\[(.*)\]$/, '$1');
  const version = address.includes('%') ? 0 : isIP(address);
  if (version === 0) return undefined;
  // Many ways to write the same address of IPv6 become one.
  return version === 4 ? address : new URL(`http://[${address}]`).hostname.slice(1, -1);
}

function listOf(items: string, accepts: (item: string) => boolean) {
  return textThatIs(`a comma separated list of ${items}`, (text) => {
    const list = text.split(',').map((item) => item.trim());
    const present = list.filter((item) => item !== '');
    return present.every(accepts) ? present : undefined;
  });
}

interface Endpoints {
  readonly everywhere: readonly string[];
  readonly ofNamespace: ReadonlyMap<string, readonly string[]>;
}

/** `registry-1.example,registry-2.example,team=registry-3.example`; a namespace may be named several times. */
function registryEndpoints() {
  const expected =
    'a comma separated list of registry hosts (host or host:port, or namespace=host for one namespace alone)';
  return textThatIs(expected, (text): Endpoints | undefined => {
    const everywhere: string[] = [];
    const ofNamespace = new Map<string, readonly string[]>();
    for (const item of text.split(',').map((part) => part.trim())) {
      if (item === '') continue;
      const [host = '', namespace, ...more] = item.split('=').toReversed();
      if (!isHost(host) || more.length > 0) return undefined;
      if (namespace === undefined) everywhere.push(host);
      else if (namespaceName.safeParse(namespace).success) {
        ofNamespace.set(namespace, [...(ofNamespace.get(namespace) ?? []), host]);
      } else return undefined;
    }
    return { everywhere, ofNamespace };
  });
}

function isHost(text: string): boolean {
  return text.length <= 255 && /^([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?$/.test(text);
}

function isNetwork(text: string): boolean {
  if (['loopback', 'linklocal', 'uniquelocal'].includes(text)) return true;
  const [address = '', bits, ...more] = text.split('/');
  const version = isIP(address);
  if (version === 0 || more.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}

function tokenKeyRing() {
  const expected =
    `a comma separated list of id:secret, newest first, with ids of up to 64 letters, digits, . _ and -, each used once, ` +
    `and secrets of at least ${tokenSecretCharactersMin} printable characters`;
  return textThatIs(expected, (text) => {
    const keys = text.split(',').map(tokenKey);
    const wellFormed = keys.filter((key) => key !== undefined);
    const ids = new Set(wellFormed.map(({ id }) => id));
    return ids.size === keys.length ? wellFormed : undefined;
  });
}

function tokenKey(text: string): TokenKey | undefined {
  const [, id, secret] = /^([\w.-]{1,64}):([\x21-\x2b\x2d-\x7e]+)$/.exec(text.trim()) ?? [];
  if (id === undefined || secret === undefined || secret.length < tokenSecretCharactersMin) return undefined;
  return { id, secret };
}
