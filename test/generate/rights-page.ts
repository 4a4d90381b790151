/** `docs/rights.md`, made of the function that decides and of the table of operations. */
import { actions, needed, roles } from '@docket/api/access/rights';
import type { Action } from '@docket/api/access/rights';

import { endpoints } from '../support/mounted-routes.ts';
import { markdownTable } from './markdown-table.ts';

const meanings: Readonly<Record<Action, string>> = {
  read: 'its images, tokens to pull, tags, stars, history; being found',
  star: 'give it a star; with an account',
  push: 'push to it while it lives',
  manage: 'describe it, hide it, let others in',
  delete: 'delete it',
  create: 'begin a repository in the namespace, or a deleted one anew',
  restore: 'have a deleted one back',
  see_members: 'see who belongs to the organization',
  manage_members: 'say who belongs to the organization',
  take_down: 'take a repository or an image down, and undo it',
};

export function rightsPage(): string {
  return `# Who may do what

One function decides, \`may\` in \`services/api/src/access/rights.ts\`, anew at every request and of the present state. A caller stands in one
role to a repository, and each role includes those before it:

${bullets([
  '`none`: a private repository of somebody else.',
  '`read`: everybody for what is public, members of the organization, and who was let in to read.',
  '`write`, `admin`: who was let in to do so. Ends with the repository.',
  '`owner`: whose namespace it is, and the owners of an organization.',
  '`index_admin`: the admins of the index.',
])}

${markdownTable(
  ['to', ...roles.map((role) => `\`${role}\``)],
  actions.map((action) => [
    `\`${action}\`: ${meanings[action]}`,
    ...roles.map((role) => (roles.indexOf(role) >= roles.indexOf(needed[action]) ? 'yes' : '')),
  ]),
)}

What is being deleted, is deleted or was taken down is read by nobody; who may \`manage\` it sees its history, and why it was taken down.
What was taken down is pushed to by nobody. An access token narrows to one repository, one life of it and one access, and is worth what its
holder may do at the moment that it is shown.

Wrong credentials are answered 401, also where none are needed; right ones of an account that is not active 403. Who may not read a
repository is told 404, word for word what is told of one that never was. Who sees it and may not do what was asked is told 403. On \`/v2\`
access tokens open nothing but the history, and on \`/v1\` sessions nothing but search.

## Every route

What is said here of \`/v1/repositories/{namespace}/{repo_name}/\` and below holds of the official repositories by their bare name too.

${markdownTable(
  ['', 'needs'],
  endpoints
    .filter(({ path }) => !path.startsWith('/v1/repositories/{repo_name}'))
    .map(({ method, path, needs }) => [`\`${method} ${path}\``, needs]),
)}
`;
}

function bullets(lines: readonly string[]): string {
  return lines.map((line) => `- ${line}`).join('\n');
}
