/** The index of repositories in Meilisearch: what it is called, how it ranks, and the document in it that says how far it is. */

const uidPrefix = 'repositories_';

/** The indexes of every installation, those included that are built to take the place of another: what a key is for. */
export const searchIndexPattern = `${uidPrefix}*`;

/** Several installations may share one Meilisearch. */
export function searchIndexUid(installationId: string): string {
  return `${uidPrefix}${installationId.replaceAll('-', '').slice(0, 8)}`;
}

/** No repository has this position: positions count from 1. */
export const markerDocumentId = 0;

export interface SearchIndexSettings {
  searchableAttributes: string[];
  filterableAttributes: {
    attributePatterns: string[];
    features: { facetSearch: boolean; filter: { equality: boolean; comparison: boolean } };
  }[];
  sortableAttributes: string[];
  displayedAttributes: string[];
  rankingRules: string[];
  typoTolerance: {
    enabled: boolean;
    minWordSizeForTypos: { oneTypo: number; twoTypos: number };
    disableOnAttributes: string[];
  };
  pagination: { maxTotalHits: number };
  faceting: { maxValuesPerFacet: number };
  proximityPrecision: 'byWord' | 'byAttribute';
  prefixSearch: 'indexingTime' | 'disabled';
  facetSearch: boolean;
  searchCutoffMs: number;
  stopWords: string[];
  synonyms: Record<string, string[]>;
  nonSeparatorTokens: string[];
  separatorTokens: string[];
}

/**
 * Measured against judged queries: officials and popularity rank before exactness; typo tolerance costs the most time and is worth it
 * everywhere but in descriptions.
 */
export const searchIndexSettings: SearchIndexSettings = {
  searchableAttributes: ['name', 'alt', 'namespace', 'description'],
  filterableAttributes: [
    {
      // `id`: a document that is shown first is left out of the ranked ones.
      attributePatterns: ['id', 'private', 'namespace', 'is_official', 'is_automated', 'collaborators'],
      features: { facetSearch: false, filter: { equality: true, comparison: false } },
    },
  ],
  sortableAttributes: ['star_count', 'pull_count', 'last_updated'],
  // `id`: the API looks up by it whether what was found may still be shown.
  displayedAttributes: ['id', 'full_name', 'description', 'star_count', 'is_official', 'is_trusted', 'is_automated'],
  rankingRules: ['words', 'is_official:desc', 'typo', 'pop:desc', 'exactness', 'attribute'],
  typoTolerance: {
    enabled: true,
    minWordSizeForTypos: { oneTypo: 4, twoTypos: 8 },
    disableOnAttributes: ['description'],
  },
  pagination: { maxTotalHits: 1000 },
  faceting: { maxValuesPerFacet: 10 },
  proximityPrecision: 'byWord',
  prefixSearch: 'indexingTime',
  facetSearch: false,
  searchCutoffMs: 500,
  stopWords: [],
  synonyms: {},
  nonSeparatorTokens: [],
  separatorTokens: [],
};
