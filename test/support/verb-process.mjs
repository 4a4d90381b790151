/**
 * A process that runs one verb of what was built after the other, each as `./docket` would: with arguments, an environment and an input
 * of its own, and an output and a status that are sent back. Only the loading of modules, a second each time, is done once.
 */
import { Readable } from 'node:stream';
import { inspect } from 'node:util';

const program = new URL('../../services/cli/dist/main.js', import.meta.url);
const [path] = [process.env.PATH];
let runs = 0;

process.once('disconnect', () => process.kill(process.pid, 'SIGKILL'));

process.on('message', (verb) => void run(verb));

async function run({ words, env, input }) {
  const output = { stdout: '', stderr: '' };
  let status = null;
  for (const name of ['stdout', 'stderr']) {
    process[name].write = (text) => {
      output[name] += text;
      return true;
    };
  }
  process.exit = (code) => {
    status = code;
  };
  process.argv = [process.execPath, program.pathname, ...words];
  process.env = { PATH: path, ...env };
  const stdin = Readable.from(input === '' ? [] : [Buffer.from(input)], { objectMode: false });
  Object.defineProperty(process, 'stdin', { value: stdin, configurable: true });
  runs += 1;
  try {
    // The query makes another module of it, which runs anew; what it imports is there already.
    await import(`${program.href}?run=${runs}`);
  } catch (error) {
    status = 1;
    output.stderr += `${inspect(error)}\n`;
  }
  for (const signal of ['SIGINT', 'SIGTERM']) process.removeAllListeners(signal);
  process.send({ status, ...output });
}
