/** Which images and tags commands name: no others have to be known to decide on them, however many a repository holds. */
import type { ImageId, TagName } from '@docket/shared/names';
import type { NamedImages } from '@docket/store/read/images';

import type { RepositoryCommand } from './decider.ts';

/** Undefined where nobody names any. */
export function namedImages(commands: readonly RepositoryCommand[]): NamedImages | undefined {
  const imageIds = new Set<ImageId>();
  const tags = new Set<TagName>();
  const announcedLengths = new Set<number>();
  for (const command of commands) {
    if (command.type !== 'OpenPush' && command.type !== 'PutImages') continue;
    for (const { id, tag } of command.images) {
      imageIds.add(id);
      if (tag !== undefined) tags.add(tag);
    }
    if (command.type === 'OpenPush') announcedLengths.add(command.images.length);
  }
  if (imageIds.size === 0 && announcedLengths.size === 0) return undefined;
  return { imageIds: [...imageIds], tags: [...tags], announcedLengths: [...announcedLengths] };
}
