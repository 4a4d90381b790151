/** How far something long has come: a bar that is written over on a terminal, a line now and then elsewhere. */
const terminalMs = 200;
const elsewhereMs = 2_000;
const barCharacters = 24;

export interface Progress {
  readonly show: (done: number) => void;
  /** A line that stays, above the bar. */
  readonly say: (line: string) => void;
  readonly end: () => void;
}

export interface ProgressOptions {
  /** `importing`. */
  readonly doing: string;
  /** `lines`. */
  readonly unit: string;
  readonly total: number | undefined;
  readonly output: NodeJS.WriteStream;
}

export function progress({ doing, unit, total, output }: ProgressOptions): Progress {
  const isTerminal = output.isTTY;
  const clear = isTerminal ? '\r\u001b[K' : '';
  const started = performance.now();
  let shownAt = started - elsewhereMs;
  return {
    show: (done) => {
      const now = performance.now();
      if (now - shownAt < (isTerminal ? terminalMs : elsewhereMs)) return;
      shownAt = now;
      output.write(
        `${clear}${doing} ${progressText({ done, total, unit, elapsedMs: now - started })}${isTerminal ? '' : '\n'}`,
      );
    },
    say: (line) => output.write(`${clear}${line}\n`),
    end: () => output.write(clear),
  };
}

interface Measured {
  readonly done: number;
  readonly total: number | undefined;
  readonly unit: string;
  readonly elapsedMs: number;
}

/** `[######..................] 25 %, 20000 of 80000 lines, 10000/s, 6 s left`. */
export function progressText({ done, total, unit, elapsedMs }: Measured): string {
  const perSecond = done / (elapsedMs / 1_000);
  const rate = `${Math.round(perSecond)}/s`;
  if (total === undefined) return `${done} ${unit}, ${rate}, no end known`;
  const fraction = total === 0 ? 1 : Math.min(done / total, 1);
  const filled = Math.floor(fraction * barCharacters);
  const bar = `[${'#'.repeat(filled)}${'.'.repeat(barCharacters - filled)}]`;
  const left = done === 0 ? '' : `, ${Math.ceil((total - done) / perSecond)} s left`;
  return `${bar} ${Math.floor(fraction * 100)} %, ${done} of ${total} ${unit}, ${rate}${left}`;
}
