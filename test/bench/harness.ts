/**
 * Figures that can be trusted on a noisy machine: the contenders run in turn, round after round, and what counts is the ratio of one to
 * another within a round. Medians over the rounds; absolute figures are told, not compared.
 */
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';

import pg from 'pg';

export interface Contender {
  readonly name: string;
  /** Works for about so many milliseconds and says how much it did per second. */
  readonly perSecond: (roundMs: number) => Promise<number>;
}

export interface Rounds {
  readonly contenders: readonly Contender[];
  readonly rounds: number;
  readonly roundMs: number;
}

export type Figures = ReadonlyMap<string, readonly number[]>;

/** One round warms up and is not counted. Every round begins with another contender, so that nobody always runs after the same one. */
export async function interleave({ contenders, rounds, roundMs }: Rounds): Promise<Figures> {
  const figures = new Map(contenders.map(({ name }): [string, number[]] => [name, []]));
  for (let round = 0; round <= rounds; round++) {
    const first = round % contenders.length;
    for (const { name, perSecond } of [...contenders.slice(first), ...contenders.slice(0, first)]) {
      const figure = await perSecond(roundMs);
      if (round > 0) figures.get(name)?.push(figure);
    }
  }
  return figures;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The quantile is interpolated between the two nearest values. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const below = sorted[Math.floor(at)] ?? Number.NaN;
  const above = sorted[Math.ceil(at)] ?? Number.NaN;
  return below + (above - below) * (at - Math.floor(at));
}

export interface Comparison {
  readonly name: string;
  /** Median of what it did per second. */
  readonly perSecond: number;
  /** Median of the ratios to the baseline, each of one round, and the quarter of the rounds below and above. */
  readonly ratio: number;
  readonly lower: number;
  readonly upper: number;
}

export function compare(figures: Figures, baseline: string): Comparison[] {
  const base = figures.get(baseline) ?? [];
  return [...figures].map(([name, values]) => {
    const ratios = values.map((value, round) => value / (base[round] ?? Number.NaN));
    return {
      name,
      perSecond: median(values),
      ratio: median(ratios),
      lower: quantile(ratios, 0.25),
      upper: quantile(ratios, 0.75),
    };
  });
}

/** Columns as wide as they must be; figures to the right. */
export function printTable(heads: readonly string[], rows: readonly (readonly (string | number)[])[]): void {
  const lines = [heads, ...rows].map((cells) => cells.map(shown));
  const widths = heads.map((_, column) => Math.max(...lines.map((cells) => (cells[column] ?? '').length)));
  for (const [index, cells] of lines.entries()) {
    const padded = cells.map((cell, column) => {
      const width = widths[column] ?? 0;
      return typeof rows[0]?.[column] === 'number' ? cell.padStart(width) : cell.padEnd(width);
    });
    console.log(padded.join('  ').trimEnd());
    if (index === 0) console.log(widths.map((width) => '-'.repeat(width)).join('  '));
  }
}

function shown(cell: string | number): string {
  if (typeof cell === 'string') return cell;
  return cell >= 100 ? cell.toFixed(0) : cell.toPrecision(3);
}

export function printComparisons(title: string, comparisons: readonly Comparison[]): void {
  console.log(`\n${title}`);
  printTable(
    ['', 'per second', 'ratio', 'quarter below', 'quarter above'],
    comparisons.map(({ name, perSecond, ratio, lower, upper }) => [name, perSecond, ratio, lower, upper]),
  );
}

/** The machine and the versions, without which a figure is worth nothing. */
export async function printMachine(databaseUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ name: string; setting: string }>(
      `select name, setting from pg_settings
       where name in ('server_version', 'fsync', 'synchronous_commit', 'full_page_writes', 'shared_buffers') order by name`,
    );
    const postgres = rows.map(({ name, setting }) => `${name} ${setting}`).join(', ');
    const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
    const [load = 0] = loadavg();
    console.log(
      `machine: ${availableParallelism()} × ${cpus()[0]?.model.trim() ?? 'unknown'}, ${memory}, load average ${load.toFixed(1)}`,
    );
    console.log(`node ${process.version}; postgres: ${postgres}`);
  } finally {
    await client.end();
  }
}

/** Calls `work` from so many callers at once until the time is over; how often it ended per second. */
export async function repeatedly(callers: number, roundMs: number, work: (caller: number) => Promise<unknown>) {
  const started = performance.now();
  const end = started + roundMs;
  const counts = await Promise.all(
    Array.from({ length: callers }, async (_, caller) => {
      let count = 0;
      for (; performance.now() < end; count++) await work(caller);
      return count;
    }),
  );
  const seconds = (performance.now() - started) / 1_000;
  return counts.reduce((sum, count) => sum + count, 0) / seconds;
}
