/** Limits of the API that are about a request, an answer or a connection, whatever it asks for. Each has its unit and its reason. */

/** The list of a large repository: docker 0.3 to 1.9 send all ids of all layers at once. */
export const bodyBytesMax = 10 * 1024 * 1024;
/**
 * What a repository may hold, over all its pushes. An image of then has up to 127 layers, and docker of then sends those of all tags; a
 * push of as many is decided in some 20 ms.
 */
export const repositoryImagesMax = 20_000;
export const repositoryTagsMax = 20_000;
/** Users, tokens and searches need no more. */
export const smallBodyBytesMax = 64 * 1024;
/** A README of 25 000 characters, each written as two escapes of JSON at worst. */
export const descriptionBytesMax = 320 * 1024;
/** 20 000 images of 100 bytes over a modem at 5 kB/s take 400 s. */
export const requestMsMax = 600_000;
export const headersMsMax = 20_000;
/** How much later than its time at most a connection is ended. */
export const requestsCheckedMs = 5_000;
/** A tenth of what a modem does. A client that sends a body slower than this holds a connection, not a push. */
export const bodyBytesPerSecondMin = 512;
/** The stretch of time that the pace is taken of: a link that loses packets may be silent for 15 s (1 + 2 + 4 + 8). */
export const bodyPaceMs = 20_000;
/** A connection on which nothing moves in either direction, because the client does not read its answer. */
export const silenceMsMax = 120_000;
/** What has been refused is read and thrown away for so long: closed at once, the connection would take the refusal with it. */
export const lingerMs = 2_000;

/**
 * Requests of one connection that wait for those before them; beyond it the socket is not read. No client of the protocol has more than
 * one; a request that waits holds 4 to 7 kB, so that a connection holds half a megabyte at worst, with its buffers.
 */
export const pipelinedMax = 32;
/** What is parsed at once at most: one head, or some 28 of the smallest where their lines end in a way of their own. */
export const parsedBytesMax = 512;
/**
 * Two gigabytes where each of them does its worst, and below the open files that systems usually allow a process. Beyond it a new
 * connection is closed as soon as it is made, and those that are idle are closed to make room for the next.
 */
export const connectionsMax = 4_096;

/** Above the 60 s after which common proxies drop an idle connection, so that they do it first. */
export const keepAliveMs = 65_000;
/** What is accepted is finished: the time that a stop waits for it. */
export const drainMsMax = 8_000;

export const databaseConnectionsMax = 16;

/** Changes of one repository that wait in a process for those before them; together as many as may wait for the log. */
export const waitingOfStreamMax = 1_000;
export const waitingMax = 5_000;
/** After that long a change that others were always faster than is refused. Shorter than the patience of a client. */
export const contendedMsMax = 8_000;
/** Decided and appended at once: half of a call to the log, so that strangers' changes have a place in it. */
export const decidedAtOnceMax = 100;
/** Deciding holds the event loop; what is not decided by then is decided in the next turn. */
export const decidingMsMax = 20;
/** After a lost race. The first pause is about as long as a call to the log. */
export const retryPauseMsMin = 4;
export const retryPauseMsMax = 100;

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
