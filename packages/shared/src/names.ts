/**
 * What things may be called. Everything that comes from outside and names something is parsed here once; inside, a value of one of
 * these types is trusted. Grammar: seed, "User Register" (usernames), and what docker 0.3 to 29 accept on their side.
 */
import { z } from 'zod';

export const namespacePattern = /^[a-z0-9_]{4,30}$/;

const namespaceRule = 'must be 4 to 30 characters out of a-z, 0-9 and _';

/** A user's name is the name of the namespace that belongs to the user; `library` follows the same grammar. */
export const namespaceName = z.string().regex(namespacePattern, namespaceRule).brand<'NamespaceName'>();
export type NamespaceName = z.infer<typeof namespaceName>;

/** No other letters: what only looks like a name in small letters is none. */
export function inSmallLetters(name: string): string {
  return name.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** What `typedName` takes, for documents. */
export const typedNamePattern = '^[a-zA-Z0-9_]{4,30}$';

/**
 * The name of an account, an organization or their namespace where somebody types it to find one. Keyboards write the first letter large,
 * and nobody else can be meant. A name that is to be made is a `namespaceName`.
 */
export const typedName = z
  .string()
  .overwrite(inSmallLetters)
  .regex(namespacePattern, namespaceRule)
  .meta({ pattern: typedNamePattern })
  .brand<'NamespaceName'>();

/** Second segments of a path that mean a part of the repository before them; a repository of that name could not be addressed. */
export const resourceWords: readonly string[] = ['images', 'auth', 'layer'];

export const repositoryName = z
  .string()
  .regex(/^[a-zA-Z0-9._-]{1,255}$/, 'must be 1 to 255 characters out of a-z, A-Z, 0-9, ".", "_" and "-"')
  .refine((name) => name !== '.' && name !== '..', 'must be a name, not a step in a path')
  .refine((name) => !resourceWords.includes(name), `must not be one of ${resourceWords.join(', ')}`)
  .brand<'RepositoryName'>();
export type RepositoryName = z.infer<typeof repositoryName>;

/** Opaque text: the seed's own examples are not 64 hex digits. No quote, no control character, no blank: it stands in paths. */
export const imageId = z
  .string()
  .regex(/^[\w.:+-]{1,128}$/, 'must be 1 to 128 letters, digits or any of . _ : + -')
  .brand<'ImageId'>();
export type ImageId = z.infer<typeof imageId>;

/** Opaque text: clients send it bare, as `sha256:`, `md5:` and `tarsum+sha256:` (docker 0.3 to 1.5). */
export const checksum = z
  .string()
  .regex(/^[\x21-\x7e]{1,255}$/, 'must be 1 to 255 printable characters without a blank')
  .brand<'Checksum'>();
export type Checksum = z.infer<typeof checksum>;

export const tagName = z
  .string()
  .regex(/^[\w.-]{1,128}$/, 'must be 1 to 128 letters, digits or any of . _ -')
  .brand<'TagName'>();
export type TagName = z.infer<typeof tagName>;

export const library = namespaceName.parse('library');

/** `namespace/name`, as it is written in tokens. */
export interface FullName {
  readonly namespace: NamespaceName;
  readonly name: RepositoryName;
}

export function fullNameText({ namespace, name }: FullName): string {
  return `${namespace}/${name}`;
}

/** The name as people see it: official repositories are named bare (seed, "Search"). */
export function displayName({ namespace, name }: FullName): string {
  return namespace === library ? name : fullNameText({ namespace, name });
}

/** `ns/name`, `library/name` or `name`; undefined when it is none of them. */
export function parseFullName(text: string): FullName | undefined {
  const slash = text.indexOf('/');
  const namespace =
    slash === -1 ? { success: true as const, data: library } : namespaceName.safeParse(text.slice(0, slash));
  const name = repositoryName.safeParse(text.slice(slash + 1));
  return namespace.success && name.success ? { namespace: namespace.data, name: name.data } : undefined;
}
