/** Conditional requests: the entity tag of a repository, and the versions that `If-Match` asks for (RFC 9110, 8.8.3 and 13.1.1). */
import type { ApiRequest } from './request.ts';

/** Entity tags are stream versions. */
export function etagOf(version: number): string {
  return `"${version}"`;
}

/** The versions of `If-Match`; undefined is any. A tag that is none of ours matches nothing. */
export function versionsWanted(request: ApiRequest): readonly number[] | undefined {
  const header = request.header('if-match')?.trim();
  if (header === undefined || header === '*') return undefined;
  return header.split(',').flatMap((tag) => {
    const [, version] = /^"(\d{1,9})"$/.exec(tag.trim()) ?? [];
    return version === undefined ? [] : [Number(version)];
  });
}
