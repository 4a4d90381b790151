/**
 * What one request, connection or account may cost, and what waits or is kept because of it: every limit of that kind, with its unit and
 * its reason. Those that an operator may change are settings, whose defaults stand here and whose names stand in the table of the README.
 * What a name or an id may look like is in `names.ts`. How a part works inside (pauses, batches, intervals) stands beside its code.
 */

// Repositories and their lists.

/**
 * Setting `REPOSITORY_IMAGES_MAX`: of one list that is sent, and of all that a repository has. An image has up to 127 layers, and docker
 * 0.3 to 1.9 send all layers of all tags at once: a hundred and fifty images that share nothing.
 */
export const repositoryImagesDefault = 20_000;
/** Setting `REPOSITORY_TAGS_MAX`: of a repository. A tag for every build, ten builds a day, for five years. */
export const repositoryTagsDefault = 20_000;
/** What both settings may be at most: a list of so many short entries is as large as a body may be. */
export const repositoryEntriesMax = 100_000;
/**
 * Commas, braces and brackets in a list, for each entry that it may have: three fields need four, and old clients may send fields of their
 * own. They are counted before the list is parsed, which would make a value of each.
 */
export const marksOfEntryMax = 12;
/** Entries that are looked at in one turn of the event loop. A thousand take a few milliseconds. */
export const entriesAtOnceMax = 1_000;
/** The data of one event as the log takes it: as large as a body, which is the most that an event can be made of. */
export const eventBytesMax = 10 * 1024 * 1024;
/** As at the Hub. */
export const descriptionCharactersMax = 100;
export const fullDescriptionCharactersMax = 25_000;
/** A sentence or two, shown to whoever pushes what was taken down. */
export const takedownReasonCharactersMax = 500;
/** Registries that a client says it pushed to; no client names more than a few. */
export const endpointsMax = 16;
export const endpointCharactersMax = 255;

// Accounts. The first five are settings; 0 is without bound, and admins of the index and imports are held to none of them.

/** Setting `NAMESPACE_REPOSITORIES_MAX`: the largest organizations of the Hub have some thousands. */
export const namespaceRepositoriesDefault = 10_000;
/** From so little room in a namespace on, repositories begin in it one after the other; more than can be on their way at once. */
export const quotaLockedFromLeft = 1_000;
/** Setting `ACCOUNT_ORGANIZATIONS_MAX`: that one account made. A person works for a few. */
export const accountOrganizationsDefault = 50;
/** Setting `ACCOUNT_UNCONFIRMED_ADDRESSES_MAX`: each is a mail to somebody who may not have asked for it. */
export const accountUnconfirmedAddressesDefault = 3;
/** Setting `ACCOUNT_DAILY_EVENTS_MAX`: a push is three or four; this is one every half second, day and night. */
export const accountDailyEventsDefault = 500_000;
/** Setting `ACCOUNT_DAILY_MEGABYTES_MAX`: the data of those events; three hundred lists of the largest size, or ten million of one image. */
export const accountDailyMegabytesDefault = 1_000;
/** What the settings may be at most: far from where numbers end. */
export const quotaMax = 999_999_999;
/** Confirmed or not: where activation is open nobody has to confirm, and every change reads all addresses of the account. */
export const accountAddressesMax = 100;
/** The longest path that mail takes (RFC 5321). */
export const emailCharactersMax = 254;
/** How long the link in the mail is good, and how long an unconfirmed account keeps its name and address. */
export const confirmationHoursMax = 48;
/** bcrypt looks at 72 bytes and no more: a longer password would be cut without a word. */
export const passwordBytesMax = 72;
export const passwordCharactersMin = 5;

// What a process knows of the use that accounts make of a day.

/** Accounts whose use is known at once; those that appended nothing for the longest time are read again when they come back. */
export const usagesKnownMax = 20_000;
/** How long a process adds up before it writes, while the account is far from its quota. */
export const usageWrittenAfterMs = 1_000;
/** What is this share of a quota is written at once: so much each process may be ahead of what the others know. */
export const usageWrittenShare = 0.01;
/** From this share of a quota on, every command is written at once and reads what other processes wrote. */
export const usageCloseShare = 0.9;
/** How old what a process knows may be while an account is far from its quota. */
export const usageKnownMsMax = 60_000;
/** Days that are over are kept for operators. */
export const usageDaysKept = 31;

// What may not happen too often. All are settings; 0 is without bound.

/** How long wrong passwords are remembered, from the first of them on. */
export const loginFailuresSeconds = 900;
/** Setting `LOGIN_FAILURES_MAX`: for one account from one client address. A person who tries all passwords they ever had; 960 guesses a day. */
export const loginFailuresDefault = 10;
/** Setting `CLIENT_LOGIN_FAILURES_MAX`: for whatever accounts from one client address. An office behind one address, on a bad morning. */
export const clientLoginFailuresDefault = 100;
/**
 * Setting `CLIENT_WAITING_PASSWORDS_MAX`: passwords of one client address that wait to be checked in a process: a build that logs in with
 * all of its jobs at once. A second of work.
 */
export const clientWaitingPasswordsDefault = 16;
/**
 * A login that is refused, or wrong as a moment ago, costs nothing to answer, and hundreds of connections would ask as fast as they can. It
 * waits so long for each of its client that waits as well: a client has a hundred such answers a second at most, of which each takes a
 * millisecond.
 */
export const heldBackLoginStepMs = 10;
export const heldBackLoginMsMax = 10_000;
/** Setting `CLIENT_REGISTRATIONS_PER_HOUR`: a class that begins together. */
export const clientRegistrationsDefault = 20;
/** Setting `ACCOUNT_MAILS_PER_HOUR`: addresses of one's own, with a few typing errors. */
export const accountMailsDefault = 5;
/** Setting `CLIENT_MAILS_PER_HOUR`: registrations and changes from one client address together. */
export const clientMailsDefault = 30;
/** Setting `DOMAIN_MAILS_PER_HOUR`: what a mail server takes of a stranger without calling it names. */
export const domainMailsDefault = 300;
/** Setting `CLIENT_SEARCHES_PER_MINUTE`: of one account, or client address where nobody logged in. Twenty a second, all the time. */
export const clientSearchesDefault = 1_200;
/** A process takes this share of a limit on searches at once; so much earlier it may be met. */
export const searchesLotShare = 0.01;

// Requests.

/** The list of a large repository: docker 0.3 to 1.9 send all ids of all layers at once. */
export const bodyBytesMax = 10 * 1024 * 1024;
/** Users, tokens and searches need no more. */
export const smallBodyBytesMax = 64 * 1024;
/** A README of 25 000 characters, each written as two escapes of JSON at worst. */
export const descriptionBytesMax = 320 * 1024;
/**
 * How long a body that is as small as what users send is waited for before its sender is asked about: one that was sent with its head is
 * here by then, and the sender is asked about once.
 */
export const bodyWithHeadMs = 5;
/**
 * Of bodies above `smallBodyBytesMax` together in a process, from the first byte until the request is answered: twelve of the largest. With
 * the text and the values that are made of them it is a few times as much.
 */
export const bodiesBytesMax = 128 * 1024 * 1024;
/** The same of one client. Others are read while it waits for itself. */
export const clientBodiesBytesMax = 32 * 1024 * 1024;
/** A body that finds no room for so long is refused. */
export const bodyWaitMsMax = 15_000;
/** A body that is still to come after so long is cut where others wait for room: who sends slowly holds what nobody else has then. */
export const bodyCutAfterMs = 5_000;
/** 20 000 images of 100 bytes over a modem at 5 kB/s take 400 s. */
export const requestMsMax = 600_000;
export const headersMsMax = 20_000;
/** How much later than its time at most a connection is ended. */
export const requestsCheckedMs = 5_000;
/** A tenth of what a modem does. A client that sends a body slower than this holds a connection, not a push. */
export const bodyBytesPerSecondMin = 512;
/** The stretch of time that the pace is taken of: a link that loses packets may be silent for 15 s (1 + 2 + 4 + 8). */
export const bodyPaceMs = 20_000;
/** The names of commands are chosen by clients; a UUID has 36. */
export const idempotencyKeyCharactersMax = 255;
/** Kept for those who look into the history; browsers send up to 300. */
export const userAgentCharactersMax = 512;
/** A full description and the images of a large repository fit; what is longer is no line but another kind of file. */
export const importLineBytesMax = 4 * 1024 * 1024;
/** As Docker Hub has it for full descriptions; nobody's short one is longer. */
export const importedTextCharactersMax = 25_000;

// Answers.

/**
 * What is larger is refused. A list of 20 000 images with their checksums has 4 MB, a page of a hundred search results with the longest
 * imported descriptions 10 MB at worst.
 */
export const answerBytesMax = 16 * 1024 * 1024;
export const searchResultsDefault = 25;
/** docker and podman ask for at most 100; podman does not clamp itself. */
export const searchResultsMax = 100;
/** `maxTotalHits` of the index: there is nothing behind. */
export const searchDepthMax = 1_000;
export const searchMsMax = 3_000;
/** A search box holds a sentence at most. */
export const searchTermCharactersMax = 256;
/** Each is a condition of its own where PostgreSQL answers. */
export const searchWordsMax = 10;

export const pageSizeDefault = 10;
/** As at the Hub. */
export const pageSizeMax = 100;
/** Page × size stays far from where numbers end. */
export const pageMax = 10_000_000;

/** Of a filter of a list: the longest name. */
export const filterCharactersMax = 255;

export const historyPageDefault = 25;
export const historyPageMax = 100;
/** The size of a page, unless one entry alone is larger: three of the largest READMEs, or a hundred pushes of forty images. */
export const historyPageBytesMax = 1024 * 1024;
/** Images of an entry that are told; how many there are is told beside them. */
export const historyImagesMax = 100;
/** Events of a page as they are stored, compressed, which have to be unpacked to be cut: some 100 ms of PostgreSQL. */
export const historyStoredBytesMax = 4 * 1024 * 1024;

/** As the registry of distribution has them. */
export const catalogPageDefault = 100;
export const catalogPageMax = 1_000;
/** Longer than any name, with room for what other registries call their repositories. */
export const catalogLastCharactersMax = 512;

// Connections.

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

// What waits, and what is kept, in a process.

export const databaseConnectionsMax = 16;
/** Changes of one repository that wait in a process for those before them. */
export const waitingOfStreamMax = 1_000;
/** Changes of all repositories together that wait; as many that were decided may wait for the log. Some seconds of work. */
export const waitingMax = 5_000;
/** After that long a change that others were always faster than is refused. Shorter than the patience of a client. */
export const contendedMsMax = 8_000;
/** Decided and appended at once: half of a call to the log, so that strangers' changes have a place in it. */
export const decidedAtOnceMax = 100;
/** The entries of the lists of those commands, one list at least: a hundred lists at once would be a gigabyte. */
export const decidedEntriesMax = 20_000;
/**
 * How old what a request found may be when its command is decided; older, it is looked up again. Usually it is a few milliseconds; long
 * lists and a busy process make it more.
 */
export const foundMsMax = 100;
/** Deciding holds the event loop; what is not decided by then is decided in the next turn. */
export const decidingMsMax = 20;
/** After a lost race. The first pause is about as long as a call to the log. */
export const retryPauseMsMin = 4;
export const retryPauseMsMax = 100;
/** Passwords of all clients that wait to be hashed or compared; a comparison takes a twentieth of a second of a core. */
export const waitingPasswordsMax = 256;
/** A right password counts for so long without being compared: a push asks with it again and again. */
export const rememberedPasswordMs = 60_000;
export const rememberedPasswordsMax = 10_000;
/** A wrong password that comes again meanwhile is wrong without being compared. */
export const rememberedFailureMs = 60_000;
export const rememberedFailuresMax = 10_000;
/**
 * Verifying costs a large part of a millisecond and a registry proves one token on every request of a push. As many as are in use at one
 * time, and no more: each takes a kilobyte, and nothing but others takes its place.
 */
export const verifiedTokensMax = 4_000;

// What a follower of the log takes at once.

/**
 * The data of a page of events as they are unpacked; one event at least. A usual page of a thousand is a twentieth of it. Parsing and
 * folding it must stay far below the time after which the database ends a transaction in which nothing is asked.
 */
export const pageBytesMax = 8 * 1024 * 1024;
/** The states of repositories that are read at once for the search index; one at least. Parsed they take several times as much. */
export const indexedBytesMax = 16 * 1024 * 1024;
