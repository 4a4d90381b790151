/**
 * Paths as they are documented and as they are mounted; and which repository a path below /v1/repositories/ means, and what of it.
 * `foo/…` and `library/foo/…` are one repository (docker up to 1.4 and from 1.5 on); `images`, `auth` and `layer` as second segment
 * always mean the library form; more than one slash is refused.
 */
import {
  imageId,
  inSmallLetters,
  library,
  namespaceName,
  repositoryName,
  resourceWords,
  typedName,
  typedNamePattern,
} from '@docket/shared/names';
import type { FullName, ImageId } from '@docket/shared/names';
import { isRefusal, refuse } from '@docket/shared/refusal';
import type { Refusal } from '@docket/shared/refusal';
import { z } from 'zod';

export type RepositoryResource =
  | { readonly resource: 'repository' | 'images' | 'auth'; readonly fullName: FullName }
  | { readonly resource: 'layer'; readonly fullName: FullName; readonly imageId: ImageId };

/** `path` is what stands behind `/v1/repositories/`, as it came over the wire. */
export function parseRepositoryPath(path: string): RepositoryResource | Refusal {
  const segments: string[] = [];
  for (const segment of path.replace(/\/$/, '').split('/')) {
    const text = decoded(segment);
    if (text === undefined) return refuse('malformed_request', 'the path is not validly percent-encoded');
    segments.push(text);
  }
  const resourceAt = segments.length > 1 && resourceWords.includes(segments[1] ?? '') ? 1 : 2;
  const names = segments.slice(0, resourceAt);
  const fullName = fullNameOf(names);
  if (isRefusal(fullName)) return fullName;
  return resourceOf(fullName, segments.slice(resourceAt));
}

function fullNameOf(names: readonly string[]): FullName | Refusal {
  const [first = '', second] = names;
  const namespace = second === undefined ? library : named(namespaceName, 'namespace', first);
  if (isRefusal(namespace)) return namespace;
  const name = named(repositoryName, 'repo_name', second ?? first);
  return isRefusal(name) ? name : { namespace, name };
}

function named<Schema extends z.ZodType>(schema: Schema, field: string, text: string): z.output<Schema> | Refusal {
  const result = schema.safeParse(text);
  if (result.success) return result.data;
  return refuse('invalid_field', `${field} ${result.error.issues[0]?.message ?? 'is not valid'}`, field);
}

function resourceOf(fullName: FullName, [word, id, access, ...more]: readonly string[]): RepositoryResource | Refusal {
  if (word === undefined) return { resource: 'repository', fullName };
  if ((word === 'images' || word === 'auth') && id === undefined) return { resource: word, fullName };
  if (word === 'layer' && id !== undefined && access === 'access' && more.length === 0) {
    const image = named(imageId, 'image_id', id);
    return isRefusal(image) ? image : { resource: 'layer', fullName, imageId: image };
  }
  return refuse('malformed_request', 'a repository is named by a namespace and a name, with one slash between');
}

function decoded(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

const v1Repositories = '/v1/repositories';

/** Each resource of a repository as it is documented below both forms of its name. */
const v1Resources: Readonly<Record<RepositoryResource['resource'], string>> = {
  repository: '/',
  images: '/images',
  auth: '/auth',
  layer: '/layer/{image_id}/access',
};

/** The paths of a resource of a repository: by namespace and name, and for official repositories by the bare name too. */
export function v1RepositoryPaths(resource: RepositoryResource['resource']): readonly [string, string] {
  const rest = v1Resources[resource];
  return [`${v1Repositories}/{namespace}/{repo_name}${rest}`, `${v1Repositories}/{repo_name}${rest}`];
}

/** Where both forms are mounted: their segments mean what `parseRepositoryPath` says, which no pattern of express can. */
export const v1RepositoriesRoute = `${v1Repositories}/*path`;

/** What a path below it means: the documented path, and the parameters under their documented names. */
export function locateV1(
  path: string,
): { readonly path: string; readonly parameters: Readonly<Record<string, string>> } | Refusal {
  const target = parseRepositoryPath(path.slice(`${v1Repositories}/`.length));
  if (isRefusal(target)) return target;
  const { namespace, name } = target.fullName;
  const image = target.resource === 'layer' ? { image_id: target.imageId } : {};
  return { path: v1RepositoryPaths(target.resource)[0], parameters: { namespace, repo_name: name, ...image } };
}

/** The route of express for a path of OpenAPI: `/v1/users/:username`. */
export function routeOf(path: string): string {
  if (path.startsWith(`${v1Repositories}/`)) return v1RepositoriesRoute;
  return path.replaceAll(/\{(\w+)\}/g, ':$1').replace(/(?<=.)\/$/, '');
}

/** Both ways in which the Hub writes the path of a repository. */
export function repositoryPaths(rest = ''): readonly string[] {
  return [
    `/v2/repositories/{namespace}/{repo_name}${rest}`,
    `/v2/namespaces/{namespace}/repositories/{repo_name}${rest}`,
  ];
}

/** Both ways in which it writes the list of a namespace. */
export const namespacePaths: readonly string[] = [
  '/v2/repositories/{namespace}',
  '/v2/namespaces/{namespace}/repositories',
];

export const namespaceParameter = z.object({ namespace: typedName });
export const repositoryParameters = z.object({ namespace: typedName, repo_name: repositoryName });

export function fullNameIn({ namespace, repo_name }: z.output<typeof repositoryParameters>): FullName {
  return { namespace, name: repo_name };
}

/** An account in a path. A text that is no name of one names nobody, and is answered so. */
export const accountName = z.string().overwrite(inSmallLetters).meta({ pattern: typedNamePattern });
