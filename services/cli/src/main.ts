/** `./docket <verb> …`: finds the verb, and turns how it ended into an exit status: 0 done, 1 refused or failed, 2 wrong use. */
interface Verb {
  readonly usage: string;
  run(args: string[]): Promise<number>;
}

/** Loaded only when asked for, so that `--help` does not wait for a database driver. */
const verbs: Readonly<Record<string, { readonly summary: string; load(): Promise<Verb> }>> = {
  up: { summary: 'everything on this machine, engines included', load: () => import('./verbs/up.ts') },
  api: { summary: 'one API process', load: () => import('./verbs/api.ts') },
  projector: { summary: 'one projector process', load: () => import('./verbs/projector.ts') },
  user: { summary: 'make accounts', load: () => import('./verbs/user.ts') },
  import: { summary: 'import repositories from a file', load: () => import('./verbs/import.ts') },
  projections: { summary: 'where each follower of the log stands', load: () => import('./verbs/projections.ts') },
  verify: { summary: 'compare log, read models and search index', load: () => import('./verbs/verify.ts') },
  migrate: { summary: 'bring the database to the schema of this version', load: () => import('./verbs/migrate.ts') },
  'search-keys': { summary: 'make the keys of the search engine', load: () => import('./verbs/search-keys.ts') },
};

const status = await main(process.argv.slice(2));
// The verb has ended: a handle that it left open must not keep the process.
process.exit(status);

async function main([name = '', ...args]: string[]): Promise<number> {
  if (name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(overview());
    return 0;
  }
  const entry = Object.hasOwn(verbs, name) ? verbs[name] : undefined;
  if (entry === undefined) {
    process.stderr.write(`${name === '' ? 'which verb?' : `there is no verb "${name}"`}\n\n${overview()}`);
    return 2;
  }
  const verb = await entry.load();
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(`${verb.usage.trim()}\n`);
    return 0;
  }
  try {
    return await verb.run(args);
  } catch (error) {
    return failed(name, verb, error);
  }
}

function failed(name: string, verb: Verb, error: unknown): number {
  if (!(error instanceof Error)) throw error;
  if ('code' in error && String(error.code).startsWith('ERR_PARSE_ARGS_')) {
    process.stderr.write(`${error.message}\n\n${verb.usage.trim()}\n`);
    return 2;
  }
  if (error.name === 'WrongEnvironmentError') {
    process.stderr.write(`${error.message}\n`);
    return 2;
  }
  // A mistake in the program needs its place; what the world did to it needs only to be said.
  const mistake = error instanceof TypeError || error instanceof ReferenceError || error instanceof RangeError;
  process.stderr.write(`docket ${name}: ${mistake ? error.stack : messages(error)}\n`);
  return 1;
}

/** With its causes; a failed connection to several addresses carries its reasons instead of a message. */
function messages(error: Error): string {
  const own =
    error instanceof AggregateError && error.message === '' ? error.errors.map(String).join('; ') : error.message;
  return error.cause instanceof Error ? `${own}: ${messages(error.cause)}` : own;
}

function overview(): string {
  const lines = Object.entries(verbs).map(([name, { summary }]) => `  ${name.padEnd(13)}${summary}`);
  return `docket <verb> [--help]\n\n${lines.join('\n')}\n`;
}
