/** Runs in a thread of its own: bcrypt is a quarter of a second of pure computing. */
import { compare, hash } from 'bcryptjs';

export type PasswordTask =
  | { readonly task: 'hash'; readonly password: string; readonly cost: number }
  | { readonly task: 'compare'; readonly password: string; readonly hash: string };

export async function run(task: PasswordTask): Promise<string | boolean> {
  switch (task.task) {
    case 'hash':
      return hash(task.password, task.cost);
    case 'compare':
      return compare(task.password, task.hash);
  }
}
