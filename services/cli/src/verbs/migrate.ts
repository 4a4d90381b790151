import { parseArgs } from 'node:util';

export const usage = `
docket migrate

Brings the database of MIGRATION_DATABASE_URL to the schema of this version, and lets the roles of DATABASE_URL and
PROJECTOR_DATABASE_URL use it. Without these, the database of the instance that runs on DOCKET_DATA_DIR.
`;

export async function run(args: string[]): Promise<number> {
  parseArgs({ args, options: {} });
  const [{ parseEnvironment }, { findInstance }, { migrate }] = await Promise.all([
    import('@docket/runtime/environment'),
    import('../instance.ts'),
    import('@docket/store/migrate'),
  ]);
  const environment = parseEnvironment(findInstance(process.env));
  const { applied } = await migrate({
    ownerUrl: environment.migrationDatabaseUrl,
    apiUrl: environment.databaseUrl,
    projectorUrl: environment.projectorDatabaseUrl,
  });
  process.stdout.write(
    applied.length === 0 ? 'nothing to apply\n' : applied.map((name) => `applied ${name}\n`).join(''),
  );
  return 0;
}
