/** The tables as kysely sees them, and nothing else. Positions are bigint: never a JavaScript number. */
import type { Account } from '@docket/shared/accounts';
import type { NamespaceName, RepositoryName } from '@docket/shared/names';
import type { GrantRole, Repository } from '@docket/shared/repositories';
import type { ColumnType, Generated, GeneratedAlways } from 'kysely';

export interface EventTable {
  position: GeneratedAlways<bigint>;
  stream_id: string;
  version: number;
  type: string;
  schema_version: number;
  command_id: string;
  command_seq: number;
  data: unknown;
  metadata: unknown;
  recorded_at: Generated<Date>;
}

interface RequestContextTable {
  command_id: string;
  ip: string | null;
  user_agent: string | null;
  fingerprint: string | null;
  recorded_at: Generated<Date>;
}

interface ProjectionTable {
  name: string;
  version: number;
  position: Generated<bigint>;
  command_id: string | null;
  moved_at: Generated<Date>;
  holder: string | null;
  fence: Generated<bigint>;
  held_until: Generated<Date>;
  target: string | null;
  trouble: 'halted' | 'waiting' | 'failing' | null;
  trouble_reason: string | null;
  trouble_since: Date | null;
  trouble_position: bigint | null;
  trouble_failures: number | null;
}

interface ProjectionFailureTable {
  id: GeneratedAlways<bigint>;
  projection: string;
  position: bigint;
  subject: string;
  reason: string;
  failed_at: Generated<Date>;
  attempts: Generated<number>;
  retry_at: Date | null;
}

interface SupersededIndexTable {
  uid: string;
  since: Generated<Date>;
}

interface InstallationTable {
  singleton: Generated<boolean>;
  id: Generated<string>;
}

interface NamespaceTable {
  id: string;
  name: NamespaceName;
  account_id: string | null;
  is_organization: Generated<boolean>;
  made_by: string | null;
}

interface MemberTable {
  namespace_id: string;
  account_id: string;
  role: 'owner' | 'member';
}

interface UsageTable {
  account_id: string;
  /** The day in UTC: `2024-08-16`. */
  day: ColumnType<string, string, never>;
  events: bigint;
  bytes: bigint;
}

interface RateLimitTable {
  key: string;
  points: number;
  expire: bigint | null;
}

interface StarTable {
  repository_id: string;
  account_id: string;
  life: number;
  starred_at: Generated<Date>;
}

interface BlockedImageTable {
  image_id: string;
  reason: string;
  blocked_at: Generated<Date>;
}

interface NamespaceCountTable {
  namespace_id: string;
  public_count: bigint;
  private_count: bigint;
}

interface GrantTable {
  repository_id: string;
  account_id: string;
  role: GrantRole;
}

interface AccountTable {
  id: string;
  namespace_id: string;
  name: NamespaceName | null;
  is_admin: boolean;
  status: Exclude<Account['status'], 'absent'>;
  password_hash: string;
  credential_version: Generated<number>;
  registered_at: Generated<Date>;
}

interface AddressTable {
  id: string;
  account_id: string;
  address: string;
  address_key: string;
  confirmed: Generated<boolean>;
  added_at: Generated<Date>;
}

interface SpentLinkTable {
  link_id: string;
  spent_at: Generated<Date>;
}

interface RepositoryNameTable {
  namespace_id: string;
  name: RepositoryName;
  repository_id: string;
}

export interface RepositoryTable {
  repository_id: string;
  number: bigint;
  namespace_id: string;
  name: RepositoryName;
  status: Repository['status'] | 'taken_down';
  is_private: boolean;
  description: string;
  star_count: bigint | null;
  pull_count: bigint | null;
  last_updated: Date;
  version: number;
  /** Written by the projector alone, from the same type. */
  state: ColumnType<Repository, string, string>;
  /** The version of the projection that wrote the row. */
  tables_version: Generated<number>;
  image_count: Generated<number>;
  tag_count: Generated<number>;
}

export interface ImageTable {
  repository_id: string;
  image_id: string;
  checksum: string | null;
  ordinal: Generated<number>;
}

export interface TagTable {
  repository_id: string;
  tag: string;
  image_id: string;
  position: bigint | null;
}

interface ImportSourceTable {
  id: string;
  contents_sha256: string;
  format: string;
  namespace: string;
  begun_at: Generated<Date>;
}

export interface Tables {
  'es.events': EventTable;
  'es.request_contexts': RequestContextTable;
  'es.projections': ProjectionTable;
  'es.projection_failures': ProjectionFailureTable;
  'es.superseded_indexes': SupersededIndexTable;
  'directory.installation': InstallationTable;
  'directory.namespaces': NamespaceTable;
  'directory.accounts': AccountTable;
  'directory.addresses': AddressTable;
  'directory.spent_links': SpentLinkTable;
  'directory.repository_names': RepositoryNameTable;
  'directory.members': MemberTable;
  'directory.usage': UsageTable;
  'directory.rate_limits': RateLimitTable;
  'directory.stars': StarTable;
  'directory.blocked_images': BlockedImageTable;
  'directory.imports': ImportSourceTable;
  'read.repositories': RepositoryTable;
  'read.images': ImageTable;
  'read.tags': TagTable;
  'read.grants': GrantTable;
  'read.namespaces': NamespaceCountTable;
}
