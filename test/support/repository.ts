/** One repository as its tests see it: how it is addressed, who may do what to it, and the steps of its lives. */
import { valuesOf } from './exchange.ts';
import type { Answer, Header } from './exchange.ts';
import { arranged, basic, firstImage, fresh, headersWith, tokenOf, wantsToken } from './stage.ts';
import type { Image, Stage } from './stage.ts';
import type { Credentials } from './world.ts';

/** The two ways in which the text addresses a repository. */
export type Form = 'user' | 'library';

export const templates = {
  user: '/v1/repositories/(namespace)/(repo_name)',
  library: '/v1/repositories/(repo_name)',
} as const;

export interface Repository {
  readonly stage: Stage;
  readonly form: Form;
  readonly name: string;
  readonly fullName: string;
  /** The path without a slash at its end. */
  readonly path: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly pusher: Credentials;
  /** Active, with the right password, and without a right to push here. */
  readonly outsider: Credentials;
}

export function repositoryOf(stage: Stage, form: Form, name = fresh('bar-')): Repository {
  const { owner, admin, stranger } = stage;
  switch (form) {
    case 'user': {
      const fullName = `${owner.name}/${name}`;
      const parameters = { namespace: owner.name, repo_name: name };
      const path = `/v1/repositories/${fullName}`;
      return { stage, form, name, fullName, path, parameters, pusher: owner, outsider: stranger };
    }
    case 'library': {
      const fullName = `library/${name}`;
      const parameters = { repo_name: name };
      const path = `/v1/repositories/${name}`;
      return { stage, form, name, fullName, path, parameters, pusher: admin, outsider: owner };
    }
  }
}

export async function announce(repository: Repository, images: readonly unknown[]): Promise<string> {
  const { stage, path, pusher } = repository;
  const body = JSON.stringify(images);
  const headers = headersWith(basic(pusher), wantsToken);
  return tokenOf(arranged(await stage.send({ method: 'PUT', target: `${path}/`, headers, body }), 200));
}

/** Announces the images and sends their checksums; answers with the write token. */
export async function push(repository: Repository, images: readonly Image[] = [firstImage]): Promise<string> {
  const token = await announce(
    repository,
    images.map(({ id }) => ({ id })),
  );
  arranged(await putImages(repository, images, token), 204);
  return token;
}

export function putImages(repository: Repository, images: readonly unknown[], authorization: string): Promise<Answer> {
  const { stage, path } = repository;
  const headers = headersWith(authorization);
  return stage.send({ method: 'PUT', target: `${path}/images`, headers, body: JSON.stringify(images) });
}

export function remove(repository: Repository, authorization: string, ...more: readonly Header[]): Promise<Answer> {
  const { stage, path } = repository;
  return stage.send({ method: 'DELETE', target: `${path}/`, headers: headersWith(authorization, ...more), body: '""' });
}

export async function requestDeletion(repository: Repository): Promise<string> {
  return tokenOf(arranged(await remove(repository, basic(repository.pusher), wantsToken), 202));
}

export function authorize({ stage, path }: Repository, authorization: string | null): Promise<Answer> {
  return stage.send({ method: 'PUT', target: `${path}/auth`, headers: headersWith(authorization), body: null });
}

/** Deletes the repository as far as a registry takes it: the delete token is there and spent. */
export async function spendDeletion(repository: Repository): Promise<string> {
  const token = await requestDeletion(repository);
  arranged(await authorize(repository, token), 200);
  return token;
}

/** Deletes the repository, from the request for deletion to the second DELETE; answers with the delete token, spent. */
export async function deleteWholly(repository: Repository): Promise<string> {
  const token = await spendDeletion(repository);
  arranged(await remove(repository, basic(repository.pusher)), 200);
  return token;
}

export function readImages(
  { stage, path }: Repository,
  authorization: string | null = null,
  ...more: readonly Header[]
): Promise<Answer> {
  const headers = headersWith(authorization, ...more);
  return stage.send({ method: 'GET', target: `${path}/images`, headers, body: null });
}

export async function readToken(repository: Repository): Promise<string> {
  return tokenOf(arranged(await readImages(repository, basic(repository.pusher), wantsToken), 200));
}

/** The text says write, the signed claims say read: what a registry that believes the text must be saved from. */
export async function rewrittenToken(repository: Repository): Promise<string> {
  return (await readToken(repository)).replace(/access=read$/, 'access=write');
}

export function endpointsOf(answer: Answer): string[] {
  return valuesOf(answer, 'X-Docker-Endpoints');
}
