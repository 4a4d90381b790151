import { parseArgs } from 'node:util';

export const usage = `
docket user create NAME --email E [--admin]

Makes an account that is active at once. The password is read from DOCKET_PASSWORD, or from standard input; never from the command
line, which others can see. --admin: may do everything, in every namespace; made with the role of MIGRATION_DATABASE_URL, because the
role of the API may make no admin.
`;

const passwordBytesReadMax = 4096;

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { email: { type: 'string' }, admin: { type: 'boolean', default: false } },
  });
  const [action, name, ...more] = positionals;
  if (action !== 'create' || name === undefined || values.email === undefined || more.length > 0) {
    process.stderr.write(`docket user create wants a name and --email\n\n${usage.trim()}\n`);
    return 2;
  }
  const { email, admin } = values;
  const [{ withDatabase }, { createAccount }] = await Promise.all([
    import('../database.ts'),
    import('../create-account.ts'),
  ]);
  return withDatabase(admin ? 'owner' : 'api', async ({ database, environment }) => {
    const password = process.env['DOCKET_PASSWORD'] ?? (await firstLineOfInput());
    const refusal = await createAccount({ database, environment, name, email, password, isAdmin: admin });
    if (refusal !== undefined) {
      process.stderr.write(`docket user create: ${refusal}\n`);
      return 1;
    }
    process.stdout.write(`${admin ? 'admin' : 'account'} ${name} created\n`);
    return 0;
  });
}

async function firstLineOfInput(): Promise<string> {
  if (process.stdin.isTTY) process.stderr.write('password: ');
  let text = '';
  for await (const chunk of process.stdin) {
    text += String(chunk);
    if (text.includes('\n') || text.length > passwordBytesReadMax) break;
  }
  return text.split(/\r?\n/, 1)[0] ?? '';
}
