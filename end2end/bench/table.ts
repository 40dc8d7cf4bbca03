// Prints what was measured: for each speed of the processor a table, and how it compares with the yardstick.

import type { TestInfo } from '@playwright/test';
import type { Reporter, TestCase, TestResult } from '@playwright/test/reporter';
import { type Measured, quantile } from './measure.ts';
import { type SubjectName, YARDSTICK } from './subjects.ts';

/** What one test found. */
export interface Finding {
  subject: SubjectName;
  rate: number;
  measured: Measured;
}

const ATTACHMENT = 'measured';

/** Hands a finding on to the table. */
export async function report(testInfo: TestInfo, finding: Finding): Promise<void> {
  await testInfo.attach(ATTACHMENT, { body: JSON.stringify(finding), contentType: 'application/json' });
}

/** A column: its heading, its figure, and how many decimals that has. */
interface Column {
  heading: string;
  unit: string;
  of: (measured: Measured) => number;
  decimals: number;
  /** Whether it says something as a multiple of the yardstick's. */
  compared?: boolean;
}

const COLUMNS: readonly Column[] = [
  { heading: 'main', unit: 's', of: ({ mainThread }) => mainThread / 1_000, decimals: 2, compared: true },
  { heading: 'script', unit: 's', of: ({ script }) => script / 1_000, decimals: 2, compared: true },
  { heading: 'layout', unit: 's', of: ({ layout }) => layout / 1_000, decimals: 2, compared: true },
  { heading: 'style', unit: 's', of: ({ style }) => style / 1_000, decimals: 2, compared: true },
  { heading: 'long', unit: 'tasks', of: ({ longTasks }) => longTasks, decimals: 0 },
  { heading: 'worst', unit: 'ms', of: ({ longestTask }) => longestTask, decimals: 0 },
  { heading: 'frame', unit: 'p99 ms', of: ({ frame99 }) => frame99, decimals: 0, compared: true },
  { heading: 'worst', unit: 'ms', of: ({ longestFrame }) => longestFrame, decimals: 0, compared: true },
  { heading: 'lag', unit: 'ms', of: ({ lag }) => lag, decimals: 0, compared: true },
  { heading: 'shift', unit: 'sum', of: ({ shift }) => shift, decimals: 3 },
  { heading: 'nodes', unit: '', of: ({ nodes }) => nodes, decimals: 0, compared: true },
  { heading: 'heap', unit: 'MB', of: ({ heap }) => heap / 1e6, decimals: 1, compared: true },
  { heading: 'wasm', unit: 'MB', of: ({ wasm }) => wasm / 1e6, decimals: 1 },
  { heading: 'shown', unit: 'kchars', of: ({ characters }) => characters / 1e3, decimals: 1 },
  // Above a fifth of a second for each kB, the machine was busy with something else.
  { heading: 'sent in', unit: 's', of: ({ streamed }) => streamed / 1_000, decimals: 1 },
  { heading: 'load', unit: '', of: ({ load }) => load, decimals: 1 },
];

const NAME_WIDTH = 20;
const COLUMN_WIDTH = 9;

/** The reporter that Playwright is given. */
export default class Table implements Reporter {
  private readonly findings: Finding[] = [];

  /** What a benchmark prints itself. */
  onStdOut(text: string | Buffer): void {
    process.stdout.write(text);
  }

  onTestEnd(test: TestCase, result: TestResult): void {
    for (const { name, body } of result.attachments) {
      if (name === ATTACHMENT && body !== undefined) {
        this.findings.push(JSON.parse(body.toString()) as Finding);
      }
    }
    const seconds = (result.duration / 1_000).toFixed(0);
    print(`${result.status === 'passed' ? 'measured' : result.status}: ${test.title} (${seconds} s)`);
    for (const { message, stack } of result.errors) {
      print(stack ?? message ?? '');
    }
  }

  onError(error: { message?: string; stack?: string }): void {
    print(error.stack ?? error.message ?? '');
  }

  onEnd(): void {
    for (const [rate, findings] of groupBy(this.findings, ({ rate }) => rate)) {
      const subjects = groupBy(findings, ({ subject }) => subject);
      const rows = [...subjects].map(([name, found]) => new Row(name, found.map(({ measured }) => measured)));
      const yardstick = rows.find(({ name }) => name === YARDSTICK);
      print(`\nProcessor ${rate} x slower\n`);
      print(line('', COLUMNS.map(({ heading }) => heading)));
      print(line('', COLUMNS.map(({ unit }) => unit)));
      rows.forEach((row) => print(line(row.name, row.figures())));
      if (yardstick !== undefined) {
        print(`\n  as a multiple of ${YARDSTICK}`);
        rows.forEach((row) => print(line(row.name, row.comparedWith(yardstick))));
      }
    }
  }
}

/** One subject at one speed. */
class Row {
  constructor(
    readonly name: SubjectName,
    private readonly measured: readonly Measured[],
  ) {}

  figures(): string[] {
    return COLUMNS.map((column) => this.median(column).toFixed(column.decimals));
  }

  comparedWith(yardstick: Row): string[] {
    return COLUMNS.map((column) => {
      const whole = yardstick.median(column);
      return column.compared === true && whole > 0 ? `${(this.median(column) / whole).toFixed(2)} x` : '';
    });
  }

  private median({ of }: Column): number {
    return quantile(this.measured.map(of), 0.5);
  }
}

/** In the order in which the keys come. */
function groupBy<Item, Key>(items: readonly Item[], key: (item: Item) => Key): Map<Key, Item[]> {
  const groups = new Map<Key, Item[]>();
  for (const item of items) {
    groups.set(key(item), [...(groups.get(key(item)) ?? []), item]);
  }
  return groups;
}

function line(name: string, cells: readonly string[]): string {
  return name.padEnd(NAME_WIDTH) + cells.map((cell) => cell.padStart(COLUMN_WIDTH)).join('');
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
