/** Called with each difference, in one sentence. */
export type Differs = (sentence: string) => void;

/** The number of repositories that are compared at once. */
export const chunkSize = 500;

/** Below every id. */
export const firstId = '00000000-0000-0000-0000-000000000000';
