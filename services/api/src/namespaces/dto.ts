import { z } from 'zod';

const name = z.string();
const type = z.enum(['user', 'organization']);

export const namespaceAnswer = z.object({ name, type });
export type NamespaceDto = z.infer<typeof namespaceAnswer>;

/** One in which the asker may create. */
export const ownNamespace = z.object({ name, type, role: z.enum(['owner', 'member']) });
export type OwnNamespaceDto = z.infer<typeof ownNamespace>;
