/** What the API asks of a search engine, whichever it is. */
import type { SearchResult, SearchTerm } from '@docket/shared/search';

export interface SearchQuestion {
  readonly term: SearchTerm;
  /** Number of a repository that is to be left out, of the results and of the total. */
  readonly without: bigint | undefined;
  readonly offset: number;
  readonly limit: number;
}

export interface SearchHit {
  readonly number: bigint;
  readonly result: SearchResult;
}

export interface SearchFound {
  readonly hits: readonly SearchHit[];
  readonly total: number;
}

export interface SearchEngine {
  /** The client reads the name in `X-Docket-Search`. */
  readonly name: 'meilisearch' | 'postgres';
  /** Undefined: not at present, ask another. Rejects when it broke over this question. */
  readonly search: (question: SearchQuestion) => Promise<SearchFound | undefined>;
}
