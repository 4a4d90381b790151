/** The meaning of a search term, the document that the index holds of a repository, and the answer of the seed. */
import { searchTermCharactersMax } from './limits.ts';
import { displayName, library, namespaceName, parseFullName } from './names.ts';
import type { FullName, NamespaceName } from './names.ts';
import { starsOf } from './repositories.ts';
import type { Repository } from './repositories.ts';

export interface SearchResult {
  readonly name: string;
  readonly description: string;
  readonly star_count: number;
  readonly is_official: boolean;
  readonly is_trusted: boolean;
  readonly is_automated: boolean;
}

export interface SearchDocument extends SearchResult {
  /** The position of the event that created the repository: an integer, never given twice. */
  readonly id: number;
  /** The name as it is shown: bare for official repositories. */
  readonly full_name: string;
  readonly namespace: string;
  readonly private: boolean;
  /** The name without its separators, and `library` for official ones: `docker-registry` is found by `dockerregistry`. */
  readonly alt: readonly string[];
  /** Popularity in steps: it changes seldom, so that a counter does not cost an indexing for every pull. */
  readonly pop: number;
  readonly pull_count: number;
  /** Unix seconds. */
  readonly last_updated: number;
}

export interface SearchableRepository {
  readonly number: bigint;
  readonly fullName: FullName;
  readonly state: Repository;
  readonly lastUpdated: Date;
}

/** Undefined where there is nothing to be found: the document is to go. */
export function searchDocument({
  number,
  fullName,
  state,
  lastUpdated,
}: SearchableRepository): SearchDocument | undefined {
  if (state.status !== 'active' || state.taken_down !== null) return undefined;
  const { namespace, name } = fullName;
  const official = namespace === library;
  return {
    id: Number(number),
    ...searchResult(fullName, { ...state, star_count: starsOf(state) }),
    name,
    full_name: displayName(fullName),
    namespace,
    private: state.is_private,
    alt: [name.replaceAll(/[._-]/g, ''), ...(official ? [library] : [])],
    pop: popularity(starsOf(state) ?? 0, state.pull_count ?? 0),
    pull_count: state.pull_count ?? 0,
    last_updated: Math.floor(lastUpdated.getTime() / 1000),
  };
}

interface Described {
  readonly description: string;
  readonly star_count: number | null;
  readonly is_automated: boolean;
}

/** `is_trusted` is the older word for an automated build; clients read either. */
export function searchResult(fullName: FullName, { description, star_count, is_automated }: Described): SearchResult {
  return {
    name: displayName(fullName),
    description,
    star_count: star_count ?? 0,
    is_official: fullName.namespace === library,
    is_trusted: is_automated,
    is_automated,
  };
}

/** Stars weigh more than pulls, which machines make; a step is about a factor of 1.5. */
export function popularity(stars: number, pulls: number): number {
  return Math.round(4 * Math.log10(1 + stars * 20 + pulls / 100));
}

export type SearchTerm =
  | { readonly kind: 'everything' }
  | { readonly kind: 'namespace'; readonly namespace: NamespaceName }
  /** `exact` is the repository of that very name, which stands first when it exists. */
  | { readonly kind: 'words'; readonly text: string; readonly exact: FullName | undefined };

/** Terms in the wild: nothing (`docker search host/`), `ns/`, `ns/name:tag`, full-width letters, capitals (docker, Octopus). */
export function parseSearchTerm(q: string): SearchTerm {
  const text = Array.from(q.normalize('NFKC').toLowerCase()).slice(0, searchTermCharactersMax).join('').trim();
  if (text === '' || text === '/') return { kind: 'everything' };
  if (text.endsWith('/')) {
    const namespace = namespaceName.safeParse(text.slice(0, -1));
    if (namespace.success) return { kind: 'namespace', namespace: namespace.data };
  }
  const untagged = text.replace(/^([^\s:]+):[\w.-]*$/, '$1');
  const exact = parseFullName(untagged);
  return { kind: 'words', text: exact ? displayName(exact) : text, exact };
}
