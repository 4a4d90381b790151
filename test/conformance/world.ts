/** What the tests of the published API text need from the running system: real processes over a database of their own. */
export interface Credentials {
  readonly name: string;
  readonly password: string;
}

export interface Account extends Credentials {
  readonly id: string;
  readonly email: string;
}

interface Engine {
  /** Gone for the processes of this world (stopped, or no longer reachable); resolves when they can feel it. */
  stop(): Promise<void>;
  /** There again, with its data. */
  start(): Promise<void>;
}

export interface World {
  /** One URL for each API process. */
  readonly urls: readonly string[];
  readonly admin: Credentials;
  createAccount(name?: string, options?: { readonly active?: boolean }): Promise<Account>;
  mails(): Promise<readonly { readonly to: string; readonly text: string; readonly link: string }[]>;
  /** Runs `./docket import` on these records, as one file. */
  importRepositories(records: readonly ImportRecord[]): Promise<void>;
  /** The search index holds everything that is in the log. */
  searchable(): Promise<void>;
  readonly database: Engine;
  readonly meilisearch: Engine;
  stop(): Promise<void>;
}

export interface ImportRecord {
  readonly name: string;
  readonly description?: string;
  readonly star_count?: number;
  readonly pull_count?: number;
}

export interface WorldOptions {
  /** How many API processes. */
  readonly api?: number;
  /** Settings of the processes, beside those that the world gives them itself. */
  readonly environment?: Readonly<Record<string, string>>;
}
