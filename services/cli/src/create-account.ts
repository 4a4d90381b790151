/** An account by the word of an operator: active at once, its address vouched for. */
import { registerAccount } from '@docket/api/accounts/change';
import { passwords } from '@docket/api/access/password';
import { uncounted } from '@docket/api/commands/usage';
import { emailField, passwordField } from '@docket/api/accounts/fields';
import type { Environment } from '@docket/runtime/environment';
import { namespaceName } from '@docket/shared/names';
import { isRefusal } from '@docket/shared/refusal';
import type { Database } from '@docket/store/connect';
import { notifier } from '@docket/store/log/notify';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';

const account = z.object({ name: namespaceName, email: emailField, password: passwordField });

interface Options {
  readonly database: Database;
  readonly environment: Pick<Environment, 'passwordCost'>;
  readonly name: string;
  readonly email: string;
  readonly password: string;
  readonly isAdmin: boolean;
}

/** Undefined when it was done, else the sentence that says why not. */
export async function createAccount({
  database,
  environment,
  isAdmin,
  ...given
}: Options): Promise<string | undefined> {
  const parsed = account.safeParse(given);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return `${String(issue?.path[0])} ${issue?.message}`;
  }
  const { name, email, password } = parsed.data;
  const pool = passwords({ cost: environment.passwordCost, clientWaitingPasswordsMax: Number.POSITIVE_INFINITY });
  const requestId = uuidv7();
  try {
    const passwordHash = await pool.hash(password, 'console');
    if (isRefusal(passwordHash)) return passwordHash.message;
    const done = await registerAccount(
      { database, onAppended: notifier(database), usage: uncounted },
      { name, email, passwordHash, isAdmin, activation: 'vouched' },
      {
        commandId: uuidv7(),
        metadata: { actor: null, request_id: requestId, correlation_id: requestId, causation_id: requestId },
        context: { ip: null, userAgent: 'docket user', fingerprint: null },
        caller: { by: 'nothing' },
        fingerprints: [],
        heldTo: undefined,
      },
    );
    return isRefusal(done) ? done.message : undefined;
  } finally {
    await pool.stop();
  }
}
