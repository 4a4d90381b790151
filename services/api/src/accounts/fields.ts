/** What people type about an account, in one grammar for the API and the console (seed, "User Register"). */
import { emailCharactersMax, passwordBytesMax, passwordCharactersMin } from '@docket/shared/limits';
import { z } from 'zod';

export const emailField = z
  .email('must be an e-mail address')
  .max(emailCharactersMax, `must have at most ${emailCharactersMax} characters`);

export const passwordField = z
  .string()
  .min(passwordCharactersMin, `must have at least ${passwordCharactersMin} characters`)
  .refine((password) => Buffer.byteLength(password) <= passwordBytesMax, `must have at most ${passwordBytesMax} bytes`)
  // bcrypt ends at a zero byte in some implementations.
  .refine((password) => !password.includes('\0'), 'must not contain a zero character');
