/**
 * One sample of every version of every event that was ever written, as it stands in the log. Samples are only ever added: an event that
 * changes gets a new version with a sample of its own, and today's code must still read the old one.
 */
import type { StoredEvent } from './stored-event.ts';

const id = '01996d1c-5b0a-7cc3-8f6e-0d4a3c2b1a09';
const image = { id: 'a'.repeat(64), checksum: `sha256:${'b'.repeat(64)}`, tag: 'latest' };
const endpoints = ['https://registry.example.org/v1/'];

export const eventSamples: readonly StoredEvent[] = [
  { type: 'AccountRegistered', schema_version: 1, data: { namespace_id: id, is_admin: false } },
  { type: 'AddressAdded', schema_version: 1, data: { address_id: id, confirmation: 'mail' } },
  { type: 'AddressConfirmed', schema_version: 1, data: { address_id: id } },
  { type: 'AccountActivated', schema_version: 1, data: {} },
  { type: 'PasswordChanged', schema_version: 1, data: { credential_version: 2 } },
  { type: 'RegistrationLapsed', schema_version: 1, data: {} },
  { type: 'RepositoryCreated', schema_version: 1, data: { namespace_id: id, name: 'redis', life: 1 } },
  { type: 'PushOpened', schema_version: 1, data: { push: 1, images: [image, { id: 'parent' }] } },
  { type: 'PushOpened', schema_version: 2, data: { push: 1, images: [image], endpoints } },
  { type: 'ImagesAdded', schema_version: 1, data: { images: [image] } },
  { type: 'ImagesAdded', schema_version: 1, data: { images: [image], endpoints } },
  { type: 'PushCompleted', schema_version: 1, data: { push: 1 } },
  { type: 'PushCompleted', schema_version: 1, data: { push: 1, endpoints } },
  { type: 'DeletionRequested', schema_version: 1, data: {} },
  { type: 'DeletionAuthorized', schema_version: 1, data: { token_id: 'Zk3f' } },
  { type: 'RepositoryDeleted', schema_version: 1, data: {} },
  { type: 'DescriptionChanged', schema_version: 1, data: { description: 'Keeps what is asked for often.' } },
  { type: 'CountsObserved', schema_version: 1, data: { star_count: 12, pull_count: 34_567 } },
  { type: 'CountsObserved', schema_version: 1, data: { pull_count: 34_567 } },
  { type: 'VisibilityChanged', schema_version: 1, data: { is_private: true } },
  { type: 'CountsObserved', schema_version: 1, data: { star_count: null } },
  { type: 'AutomationChanged', schema_version: 1, data: { is_automated: true } },
  { type: 'FullDescriptionChanged', schema_version: 1, data: { full_description: '# Redis\r\n\u{1F433} \n' } },
  { type: 'AccessGranted', schema_version: 1, data: { account_id: id, role: 'write' } },
  { type: 'AccessRevoked', schema_version: 1, data: { account_id: id } },
  { type: 'RepositoryStarred', schema_version: 1, data: { account_id: id } },
  { type: 'RepositoryUnstarred', schema_version: 1, data: { account_id: id } },
  { type: 'RepositoryTakenDown', schema_version: 1, data: { reason: 'It mines coins.' } },
  { type: 'RepositoryReinstated', schema_version: 1, data: {} },
  { type: 'RepositoryRestored', schema_version: 1, data: {} },
  { type: 'OrganizationCreated', schema_version: 1, data: { namespace_id: id } },
  { type: 'MemberAdded', schema_version: 1, data: { account_id: id, role: 'owner' } },
  { type: 'MemberRemoved', schema_version: 1, data: { account_id: id } },
  { type: 'ImageTakenDown', schema_version: 1, data: { image_id: image.id, reason: 'It holds a private key.' } },
  { type: 'ImageReinstated', schema_version: 1, data: { image_id: image.id } },
  { type: 'FullDescriptionChanged', schema_version: 1, data: { full_description: '# Redis\n\nKeeps it.' } },
  { type: 'LastUpdatedObserved', schema_version: 1, data: { last_updated: '2024-08-16T05:01:22.863Z' } },
  { type: 'ImagesRestored', schema_version: 1, data: { images: [image, { id: 'parent' }] } },
];
