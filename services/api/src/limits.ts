/** Limits of the API that are about a request, an answer or a connection, whatever it asks for. Each has its unit and its reason. */

/** The list of a large repository: docker 0.3 to 1.9 send all ids of all layers at once. */
export const bodyBytesMax = 10 * 1024 * 1024;
/** Users, tokens and searches need no more. */
export const smallBodyBytesMax = 64 * 1024;
/** A README of 25 000 characters, each written as two escapes of JSON at worst. */
export const descriptionBytesMax = 320 * 1024;
/** A client that sends slower than this holds a connection, not a push. */
export const requestMsMax = 120_000;
export const headersMsMax = 20_000;
/** Above the 60 s after which common proxies drop an idle connection, so that they do it first. */
export const keepAliveMs = 65_000;
/** What is accepted is finished: the time that a stop waits for it. */
export const drainMsMax = 8_000;

export const databaseConnectionsMax = 16;

/** Lost races of one command before the client is asked to come again. */
export const attemptsMax = 25;

export const searchResultsDefault = 25;
/** docker and podman ask for at most 100; podman does not clamp itself. */
export const searchResultsMax = 100;
/** `maxTotalHits` of the index: there is nothing behind. */
export const searchDepthMax = 1_000;
export const searchMsMax = 3_000;

export const historyPageDefault = 25;
export const historyPageMax = 100;

/** As the registry of distribution has them. */
export const catalogPageDefault = 100;
export const catalogPageMax = 1_000;
