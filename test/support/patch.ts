/**
 * Processes of another version than this checkout's: what was built is changed while it is loaded, one text for another, and no file is
 * touched. For an older reader, and for rules that are taken out to see whether anybody notices.
 */
import { existsSync } from 'node:fs';

/** The root of the project: this file runs from its source folder and from its build folder. */
const root = rootFrom(new URL('.', import.meta.url));

export interface Patch {
  /** The end of the path of a file that was built, from the name of its package on. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** The variables that patch a process. A patch that finds nothing to change ends the process; a patch of no file is refused here. */
export function patched(patches: readonly Patch[]): Readonly<Record<string, string>> {
  for (const { file } of patches) {
    if (!['packages', 'services'].some((folder) => existsSync(new URL(`${folder}${file}`, root)))) {
      throw new Error(`nothing to patch: no package was built to ${file}`);
    }
  }
  const hooks = `
    const patches = ${JSON.stringify(patches)};
    export async function load(url, context, next) {
      const loaded = await next(url, context);
      const those = patches.filter(({ file }) => url.endsWith(file));
      if (those.length === 0) return loaded;
      let source = loaded.source.toString();
      for (const { from, to } of those) {
        if (!source.includes(from)) throw new Error('nothing to patch in ' + url + ': ' + from);
        source = source.replaceAll(from, to);
      }
      return { ...loaded, source };
    }`;
  const registration = `import { register } from 'node:module'; register(${JSON.stringify(moduleUrl(hooks))});`;
  return { NODE_OPTIONS: `--import=${moduleUrl(registration)}` };
}

function rootFrom(folder: URL): URL {
  return existsSync(new URL('pnpm-workspace.yaml', folder)) ? folder : rootFrom(new URL('..', folder));
}

function moduleUrl(source: string): string {
  return `data:text/javascript;base64,${Buffer.from(source).toString('base64')}`;
}
