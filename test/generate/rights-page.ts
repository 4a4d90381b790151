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

## When a right ends

A removal, a changed password, an account that is not active any more and an admin who is none count from their answer on:

${bullets([
  'A request whose last byte is sent after that is refused, also when its head, or all but that byte, was sent before. Who asks is asked ' +
    'before a long body is read and again when it is there.',
  'Members of an organization, stars, organizations, accounts and takedowns of images are changed in a transaction that holds the account ' +
    'of whoever changes them, and what it is to the organization: what takes the right comes before it, and it is refused, or after it.',
  'A push and every other change of a repository is judged by what was found some 100 ms before it is decided at most, and then waits for ' +
    'the calls to the log before it. A right that ends in these milliseconds may be used once more; where the connection to the ' +
    'database breaks, the call is sent again for up to 8 s. A grant is of the repository itself, and has no such time.',
  'Sessions, refresh tokens and access tokens end with the password that they were given for, in every process. An access token from ' +
    'before Docket wrote this into them counts where the password was never changed.',
])}

Grants stay: an owner of an organization who is put out keeps what that account was let into as a person, and whoever it let in stays in.
And who knows the id of a private image can name it in a repository of their own, and is then told by \`layer/…/access\` that their token
is good for it: in the first protocol the id of an image is as good as a key to it.

A page of another site has a browser change nothing, whatever name and password the browser knows for this host: what is not a GET is
refused with 403 where \`Sec-Fetch-Site\` is another than \`same-origin\` or \`none\`, or where there is none and \`Origin\` is neither the
host that was asked (as a trusted proxy names it) nor that of \`PUBLIC_URL\`.

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
