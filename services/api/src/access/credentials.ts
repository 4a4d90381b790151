/** What an operation may want of credentials: the words of the document and the function that asks, together. */
import { isRefusal } from '@docket/shared/refusal';

import type { Credentials } from '../http/operation.ts';
import {
  authenticate,
  authenticateAny,
  authenticatePerson,
  authenticateVisitor,
  unauthorized,
} from './authenticate.ts';
import type { Authentication, Caller, Person, Visitor } from './authenticate.ts';
import { refuseAllButAdmins } from './rights.ts';

/** A name and password, and nothing else. */
export const passwordHolder: Credentials<Authentication, Extract<Caller, { by: 'password' }>> = {
  wanted: 'needed',
  authenticate: async (using, request) => {
    const caller = await authenticate(using, request);
    if (isRefusal(caller) || caller.by === 'password') return caller;
    return unauthorized('a name and password are needed');
  },
};

/** Anybody: nobody in particular, a person, or the holder of a token. */
export const anyCaller: Credentials<Authentication, Caller> = { wanted: 'optional', authenticate: authenticateAny };

/** A person or nobody in particular, and no token. */
export const visitor: Credentials<Authentication, Visitor> = {
  wanted: 'optional person',
  authenticate: authenticateVisitor,
};

export const person: Credentials<Authentication, Person> = { wanted: 'person', authenticate: authenticatePerson };

/** For what belongs to no namespace: the right is that of the index. */
export const indexAdmin: Credentials<Authentication, Person> = {
  wanted: 'person',
  authenticate: async (using, request) => {
    const caller = await authenticatePerson(using, request);
    return isRefusal(caller) ? caller : (refuseAllButAdmins(caller.account) ?? caller);
  },
};
