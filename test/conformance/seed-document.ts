import { existsSync, readdirSync, readFileSync } from 'node:fs';

const folder = new URL('../../../shared/seed/', import.meta.url);

/** The published API text. It lies beside the project while it is being built and nowhere else: undefined there. */
export function seedDocument(): string | undefined {
  if (!existsSync(folder)) return undefined;
  const files = readdirSync(folder).filter((file) => file.endsWith('.txt'));
  return files
    .toSorted()
    .map((file) => readFileSync(new URL(file, folder), 'utf8'))
    .join('\n');
}
