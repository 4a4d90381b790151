import type { Contract } from './contract.ts';

/**
 * The cases of the published API text: the project's own copy of the contract, for every place where the text itself is not at
 * hand. Nothing here is typed by hand or corrected: a test holds it equal to what `extract.ts` reads in the text, and the places
 * where the text contradicts itself stand in `exceptions.ts`.
 */
export const seedCases: Contract = {
  preamble: [
    { titles: ['Introduction'], sentence: 'This is the REST API for [Docker Hub](https://hub.docker.com).' },
    { titles: ['Introduction'], sentence: 'Authorization is done with basic auth over SSL' },
    { titles: ['Introduction'], sentence: 'Not all commands require authentication, only those noted as such.' },
    { titles: ['Search'], sentence: 'If you need to search the index, this is the endpoint you would use.' },
  ],
  endpoints: [
    {
      titles: ['Repository', 'Repositories', 'User Repo'],
      method: 'PUT',
      path: '/v1/repositories/(namespace)/(repo_name)/',
      remarks: 'Create a user repository with the given `namespace` and `repo_name`.',
      parameters: [
        { in: 'path', name: 'namespace', words: 'the namespace for the repo' },
        { in: 'path', name: 'repo_name', words: 'the name for the repo' },
      ],
      request: {
        method: 'PUT',
        target: '/v1/repositories/foo/bar/',
        headers: [
          ['Host', 'index.docker.io'],
          ['Accept', 'application/json'],
          ['Content-Type', 'application/json'],
          ['Authorization', 'Basic akmklmasadalkm=='],
          ['X-Docker-Token', 'true'],
        ],
        body: '[{"id": "9e89cc6f0bc3c38722009fe6857087b486531f9a779a0c17e3ed29dae8f12c4f"}]',
      },
      response: {
        status: 200,
        reason: null,
        headers: [
          ['Vary', 'Accept'],
          ['Content-Type', 'application/json'],
          ['WWW-Authenticate', 'Token signature=123abc,repository="foo/bar",access=write'],
          ['X-Docker-Token', 'signature=123abc,repository="foo/bar",access=write'],
          ['X-Docker-Endpoints', 'registry-1.docker.io [, registry-2.docker.io]'],
        ],
        body: '""',
      },
      statuses: [
        { code: 200, words: 'Created' },
        { code: 400, words: 'Errors (invalid json, missing or invalid fields, etc)' },
        { code: 401, words: 'Unauthorized' },
        { code: 403, words: 'Account is not Active' },
      ],
    },
    {
      titles: ['Repository', 'Repositories', 'User Repo'],
      method: 'DELETE',
      path: '/v1/repositories/(namespace)/(repo_name)/',
      remarks: 'Delete a user repository with the given `namespace` and `repo_name`.',
      parameters: [
        { in: 'path', name: 'namespace', words: 'the namespace for the repo' },
        { in: 'path', name: 'repo_name', words: 'the name for the repo' },
      ],
      request: {
        method: 'DELETE',
        target: '/v1/repositories/foo/bar/',
        headers: [
          ['Host', 'index.docker.io'],
          ['Accept', 'application/json'],
          ['Content-Type', 'application/json'],
          ['Authorization', 'Basic akmklmasadalkm=='],
          ['X-Docker-Token', 'true'],
        ],
        body: '""',
      },
      response: {
        status: 202,
        reason: null,
        headers: [
          ['Vary', 'Accept'],
          ['Content-Type', 'application/json'],
          ['WWW-Authenticate', 'Token signature=123abc,repository="foo/bar",access=delete'],
          ['X-Docker-Token', 'signature=123abc,repository="foo/bar",access=delete'],
          ['X-Docker-Endpoints', 'registry-1.docker.io [, registry-2.docker.io]'],
        ],
        body: '""',
      },
      statuses: [
        { code: 200, words: 'Deleted' },
        { code: 202, words: 'Accepted' },
        { code: 400, words: 'Errors (invalid json, missing or invalid fields, etc)' },
        { code: 401, words: 'Unauthorized' },
        { code: 403, words: 'Account is not Active' },
      ],
    },
    {
      titles: ['Repository', 'Repositories', 'Library Repo'],
      method: 'PUT',
      path: '/v1/repositories/(repo_name)/',
      remarks:
        'Create a library repository with the given `repo_name`. This is a restricted feature only available to docker admins. When namespace is missing, it is assumed to be `library`',
      parameters: [{ in: 'path', name: 'repo_name', words: 'the library name for the repo' }],
      request: {
        method: 'PUT',
        target: '/v1/repositories/foobar/',
        headers: [
          ['Host', 'index.docker.io'],
          ['Accept', 'application/json'],
          ['Content-Type', 'application/json'],
          ['Authorization', 'Basic akmklmasadalkm=='],
          ['X-Docker-Token', 'true'],
        ],
        body: '[{"id": "9e89cc6f0bc3c38722009fe6857087b486531f9a779a0c17e3ed29dae8f12c4f"}]',
      },
      response: {
        status: 200,
        reason: null,
        headers: [
          ['Vary', 'Accept'],
          ['Content-Type', 'application/json'],
          ['WWW-Authenticate', 'Token signature=123abc,repository="library/foobar",access=write'],
          ['X-Docker-Token', 'signature=123abc,repository="foo/bar",access=write'],
          ['X-Docker-Endpoints', 'registry-1.docker.io [, registry-2.docker.io]'],
        ],
        body: '""',
      },
      statuses: [
        { code: 200, words: 'Created' },
        { code: 400, words: 'Errors (invalid json, missing or invalid fields, etc)' },
        { code: 401, words: 'Unauthorized' },
        { code: 403, words: 'Account is not Active' },
      ],
    },
    {
      titles: ['Repository', 'Repositories', 'Library Repo'],
      method: 'DELETE',
      path: '/v1/repositories/(repo_name)/',
      remarks:
        'Delete a library repository with the given `repo_name`. This is a restricted feature only available to docker admins. When namespace is missing, it is assumed to be `library`',
      parameters: [{ in: 'path', name: 'repo_name', words: 'the library name for the repo' }],
      request: {
        method: 'DELETE',
        target: '/v1/repositories/foobar/',
        headers: [
          ['Host', 'index.docker.io'],
          ['Accept', 'application/json'],
          ['Content-Type', 'application/json'],
          ['Authorization', 'Basic akmklmasadalkm=='],
          ['X-Docker-Token', 'true'],
        ],
        body: '""',
      },
      response: {
        status: 202,
        reason: null,
        headers: [
          ['Vary', 'Accept'],
          ['Content-Type', 'application/json'],
          ['WWW-Authenticate', 'Token signature=123abc,repository="library/foobar",access=delete'],
          ['X-Docker-Token', 'signature=123abc,repository="foo/bar",access=delete'],
          ['X-Docker-Endpoints', 'registry-1.docker.io [, registry-2.docker.io]'],
        ],
        body: '""',
      },
      statuses: [
        { code: 200, words: 'Deleted' },
        { code: 202, words: 'Accepted' },
        { code: 400, words: 'Errors (invalid json, missing or invalid fields, etc)' },
        { code: 401, words: 'Unauthorized' },
        { code: 403, words: 'Account is not Active' },
      ],
    },
    {
      titles: ['Repository', 'Repository Images', 'User Repo Images'],
      method: 'PUT',
      path: '/v1/repositories/(namespace)/(repo_name)/images',
      remarks: 'Update the images for a user repo.',
      parameters: [
        { in: 'path', name: 'namespace', words: 'the namespace for the repo' },
        { in: 'path', name: 'repo_name', words: 'the name for the repo' },
      ],
      request: {
        method: 'PUT',
        target: '/v1/repositories/foo/bar/images',
        headers: [
          ['Host', 'index.docker.io'],
          ['Accept', 'application/json'],
          ['Content-Type', 'application/json'],
          ['Authorization', 'Basic akmklmasadalkm=='],
        ],
        body: '[{"id": "9e89cc6f0bc3c38722009fe6857087b486531f9a779a0c17e3ed29dae8f12c4f",\n"checksum": "b486531f9a779a0c17e3ed29dae8f12c4f9e89cc6f0bc3c38722009fe6857087"}]',
      },
      response: {
        status: 204,
        reason: null,
        headers: [
          ['Vary', 'Accept'],
          ['Content-Type', 'application/json'],
        ],
        body: '""',
      },
      statuses: [
        { code: 204, words: 'Created' },
        { code: 400, words: 'Errors (invalid json, missing or invalid fields, etc)' },
        { code: 401, words: 'Unauthorized' },
        { code: 403, words: 'Account is not Active or permission denied' },
      ],
    },
    {
      titles: ['Repository', 'Repository Images', 'User Repo Images'],
      method: 'GET',
      path: '/v1/repositories/(namespace)/(repo_name)/images',
      remarks: 'Get the images for a user repo.',
      parameters: [
        { in: 'path', name: 'namespace', words: 'the namespace for the repo' },
        { in: 'path', name: 'repo_name', words: 'the name for the repo' },
      ],
      request: {
        method: 'GET',
        target: '/v1/repositories/foo/bar/images',
        headers: [
          ['Host', 'index.docker.io'],
          ['Accept', 'application/json'],
        ],
        body: null,
      },
      response: {
        status: 200,
        reason: null,
        headers: [
          ['Vary', 'Accept'],
          ['Content-Type', 'application/json'],
        ],
        body: '[{"id": "9e89cc6f0bc3c38722009fe6857087b486531f9a779a0c17e3ed29dae8f12c4f",\n"checksum": "b486531f9a779a0c17e3ed29dae8f12c4f9e89cc6f0bc3c38722009fe6857087"},\n{"id": "ertwetewtwe38722009fe6857087b486531f9a779a0c1dfddgfgsdgdsgds",\n"checksum": "34t23f23fc17e3ed29dae8f12c4f9e89cc6f0bsdfgfsdgdsgdsgerwgew"}]',
      },
      statuses: [
        { code: 200, words: 'OK' },
        { code: 404, words: 'Not found' },
      ],
    },
    {
      titles: ['Repository', 'Repository Images', 'Library Repo Images'],
      method: 'PUT',
      path: '/v1/repositories/(repo_name)/images',
      remarks: 'Update the images for a library repo.',
      parameters: [{ in: 'path', name: 'repo_name', words: 'the library name for the repo' }],
      request: {
        method: 'PUT',
        target: '/v1/repositories/foobar/images',
        headers: [
          ['Host', 'index.docker.io'],
          ['Accept', 'application/json'],
          ['Content-Type', 'application/json'],
          ['Authorization', 'Basic akmklmasadalkm=='],
        ],
        body: '[{"id": "9e89cc6f0bc3c38722009fe6857087b486531f9a779a0c17e3ed29dae8f12c4f",\n"checksum": "b486531f9a779a0c17e3ed29dae8f12c4f9e89cc6f0bc3c38722009fe6857087"}]',
      },
      response: {
        status: 204,
        reason: null,
        headers: [
          ['Vary', 'Accept'],
          ['Content-Type', 'application/json'],
        ],
        body: '""',
      },
      statuses: [
        { code: 204, words: 'Created' },
        { code: 400, words: 'Errors (invalid json, missing or invalid fields, etc)' },
        { code: 401, words: 'Unauthorized' },
        { code: 403, words: 'Account is not Active or permission denied' },
      ],
    },
    {
      titles: ['Repository', 'Repository Images', 'Library Repo Images'],
      method: 'GET',
      path: '/v1/repositories/(repo_name)/images',
      remarks: 'Get the images for a library repo.',
      parameters: [{ in: 'path', name: 'repo_name', words: 'the library name for the repo' }],
      request: {
        method: 'GET',
        target: '/v1/repositories/foobar/images',
        headers: [
          ['Host', 'index.docker.io'],
          ['Accept', 'application/json'],
        ],
        body: null,
      },
      response: {
        status: 200,
        reason: null,
        headers: [
          ['Vary', 'Accept'],
          ['Content-Type', 'application/json'],
        ],
        body: '[{"id": "9e89cc6f0bc3c38722009fe6857087b486531f9a779a0c17e3ed29dae8f12c4f",\n"checksum": "b486531f9a779a0c17e3ed29dae8f12c4f9e89cc6f0bc3c38722009fe6857087"},\n{"id": "ertwetewtwe38722009fe6857087b486531f9a779a0c1dfddgfgsdgdsgds",\n"checksum": "34t23f23fc17e3ed29dae8f12c4f9e89cc6f0bsdfgfsdgdsgdsgerwgew"}]',
      },
      statuses: [
        { code: 200, words: 'OK' },
        { code: 404, words: 'Not found' },
      ],
    },
    {
      titles: ['Repository', 'Repository Authorization', 'Library Repo'],
      method: 'PUT',
      path: '/v1/repositories/(repo_name)/auth',
      remarks: 'Authorize a token for a library repo',
      parameters: [{ in: 'path', name: 'repo_name', words: 'the library name for the repo' }],
      request: {
        method: 'PUT',
        target: '/v1/repositories/foobar/auth',
        headers: [
          ['Host', 'index.docker.io'],
          ['Accept', 'application/json'],
          ['Authorization', 'Token signature=123abc,repository="library/foobar",access=write'],
        ],
        body: null,
      },
      response: {
        status: 200,
        reason: null,
        headers: [
          ['Vary', 'Accept'],
          ['Content-Type', 'application/json'],
        ],
        body: '"OK"',
      },
      statuses: [
        { code: 200, words: 'OK' },
        { code: 403, words: 'Permission denied' },
        { code: 404, words: 'Not found' },
      ],
    },
    {
      titles: ['Repository', 'Repository Authorization', 'User Repo'],
      method: 'PUT',
      path: '/v1/repositories/(namespace)/(repo_name)/auth',
      remarks: 'Authorize a token for a user repo',
      parameters: [
        { in: 'path', name: 'namespace', words: 'the namespace for the repo' },
        { in: 'path', name: 'repo_name', words: 'the name for the repo' },
      ],
      request: {
        method: 'PUT',
        target: '/v1/repositories/foo/bar/auth',
        headers: [
          ['Host', 'index.docker.io'],
          ['Accept', 'application/json'],
          ['Authorization', 'Token signature=123abc,repository="foo/bar",access=write'],
        ],
        body: null,
      },
      response: {
        status: 200,
        reason: null,
        headers: [
          ['Vary', 'Accept'],
          ['Content-Type', 'application/json'],
        ],
        body: '"OK"',
      },
      statuses: [
        { code: 200, words: 'OK' },
        { code: 403, words: 'Permission denied' },
        { code: 404, words: 'Not found' },
      ],
    },
    {
      titles: ['Repository', 'Users', 'User Login'],
      method: 'GET',
      path: '/v1/users',
      remarks: 'If you want to check your login, you can try this endpoint',
      parameters: [],
      request: {
        method: 'GET',
        target: '/v1/users',
        headers: [
          ['Host', 'index.docker.io'],
          ['Accept', 'application/json'],
          ['Authorization', 'Basic akmklmasadalkm=='],
        ],
        body: null,
      },
      response: {
        status: 200,
        reason: 'OK',
        headers: [
          ['Vary', 'Accept'],
          ['Content-Type', 'application/json'],
        ],
        body: 'OK',
      },
      statuses: [
        { code: 200, words: 'no error' },
        { code: 401, words: 'Unauthorized' },
        { code: 403, words: 'Account is not Active' },
      ],
    },
    {
      titles: ['Repository', 'Users', 'User Register'],
      method: 'POST',
      path: '/v1/users',
      remarks: 'Registering a new account.',
      parameters: [
        { in: 'json', name: 'email', words: 'valid email address, that needs to be confirmed' },
        {
          in: 'json',
          name: 'username',
          words: 'min 4 character, max 30 characters, must match the regular expression [a-z0-9_].',
        },
        { in: 'json', name: 'password', words: 'min 5 characters' },
      ],
      request: {
        method: 'POST',
        target: '/v1/users',
        headers: [
          ['Host', 'index.docker.io'],
          ['Accept', 'application/json'],
          ['Content-Type', 'application/json'],
        ],
        body: '{"email": "sam@dotcloud.com",\n "password": "toto42",\n "username": "foobar"}',
      },
      response: {
        status: 201,
        reason: 'OK',
        headers: [
          ['Vary', 'Accept'],
          ['Content-Type', 'application/json'],
        ],
        body: '"User Created"',
      },
      statuses: [
        { code: 201, words: 'User Created' },
        { code: 400, words: 'Errors (invalid json, missing or invalid fields, etc)' },
      ],
    },
    {
      titles: ['Repository', 'Users', 'Update User'],
      method: 'PUT',
      path: '/v1/users/(username)/',
      remarks:
        'Change a password or email address for given user. If you pass in an email, it will add it to your account, it will not remove the old one. Passwords will be updated. It is up to the client to verify that that password that is sent is the one that they want. Common approach is to have them type it twice.',
      parameters: [{ in: 'path', name: 'username', words: 'username for the person you want to update' }],
      request: {
        method: 'PUT',
        target: '/v1/users/fakeuser/',
        headers: [
          ['Host', 'index.docker.io'],
          ['Accept', 'application/json'],
          ['Content-Type', 'application/json'],
          ['Authorization', 'Basic akmklmasadalkm=='],
        ],
        body: '{"email": "sam@dotcloud.com",\n "password": "toto42"}',
      },
      response: {
        status: 204,
        reason: null,
        headers: [
          ['Vary', 'Accept'],
          ['Content-Type', 'application/json'],
        ],
        body: '""',
      },
      statuses: [
        { code: 204, words: 'User Updated' },
        { code: 400, words: 'Errors (invalid json, missing or invalid fields, etc)' },
        { code: 401, words: 'Unauthorized' },
        { code: 403, words: 'Account is not Active' },
        { code: 404, words: 'User not found' },
      ],
    },
    {
      titles: ['Search', 'Search'],
      method: 'GET',
      path: '/v1/search',
      remarks:
        'Search the Index given a search term. It accepts [GET](http://www.w3.org/Protocols/rfc2616/rfc2616-sec9.html#sec9.3) only.',
      parameters: [{ in: 'query', name: 'q', words: 'what you want to search for' }],
      request: {
        method: 'GET',
        target: '/v1/search?q=search_term',
        headers: [
          ['Host', 'example.com'],
          ['Accept', 'application/json'],
        ],
        body: null,
      },
      response: {
        status: 200,
        reason: 'OK',
        headers: [
          ['Vary', 'Accept'],
          ['Content-Type', 'application/json'],
        ],
        body: '{"query":"search_term",\n  "num_results": 3,\n  "results" : [\n     {"name": "ubuntu", "description": "An ubuntu image..."},\n     {"name": "centos", "description": "A centos image..."},\n     {"name": "fedora", "description": "A fedora image..."}\n   ]\n }',
      },
      statuses: [
        { code: 200, words: 'no error' },
        { code: 500, words: 'server error' },
      ],
    },
  ],
};
