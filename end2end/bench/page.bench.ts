// What it takes a phone on a slow line to open Runnel: empty, and at the end of a chat of a thousand messages.
//
// Run by `make bench-page`. The line has 1.6 Mbit/s and 150 ms, the processor is made 4 times slower. Settings, in the
// environment:
//
//   REPEAT   how often each page is opened; 3. The table has the medians.
//
// It measures and asserts nothing about time. It fails only if a page does not come.

import { execFile } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Browser, type BrowserContext, type CDPSession, chromium, devices, type Page, test as base } from '@playwright/test';
import { exportOf } from '../exports.ts';
import { Emulator, Runnel } from '../programs.ts';
import { quantile } from './measure.ts';

const REPEAT = Number(process.env['REPEAT'] ?? '3');

/** "Slow 4G", as Lighthouse has it: https://github.com/GoogleChrome/lighthouse/blob/main/docs/throttling.md */
const LINE = { offline: false, latency: 150, downloadThroughput: 1.6e6 / 8, uploadThroughput: 0.75e6 / 8 };
const SLOWER = 4;

const LIGHTHOUSE = join(import.meta.dirname, 'node_modules/lighthouse/cli/index.js');
const CATEGORIES = ['performance', 'accessibility', 'best-practices'] as const;

/** A chat of a thousand messages. */
const TURNS = 500;
const SENTENCE = 'A stream is text that is on its way, and what has arrived can be read while the rest is written. ';

/** Times are in milliseconds since the navigation, but for those that say otherwise. */
interface Opened {
  'first paint, ms': number;
  'largest paint, ms': number;
  'usable, ms': number;
  'blocking, ms': number;
  'longest task, ms': number;
  'first key to paint, ms': number;
  'requests until usable': number;
  'kB until usable': number;
}

interface Fixtures {
  /** The address of each page, by its name. */
  pages: ReadonlyMap<string, string>;
}

const test = base.extend<object, Fixtures>({
  pages: [
    async ({}, use) => {
      const emulator = await Emulator.start();
      const runnel = await Runnel.start({ OPENROUTER_BASE_URL: emulator.baseUrl, RUNNEL_DEFAULT_MODEL: 'demo/plain' });
      const turns = Array.from({ length: TURNS }, (_, at) => ({
        question: `Question number ${at} of the long chat.`,
        answer: `Answer number ${at}. ${SENTENCE.repeat(2 + (at % 7))}\n\nThat was answer ${at}.`,
      }));
      const made = exportOf([{ title: 'A thousand messages', turns }]);
      await runnel.import(made.lines);
      await use(
        new Map([
          ['a new chat', `${runnel.url}/`],
          ['a chat of 1,000 messages', `${runnel.url}${made.paths[0]}`],
        ]),
      );
      await runnel.program.stop();
      await emulator.program.stop();
    },
    { scope: 'worker' },
  ],
});

for (const name of ['a new chat', 'a chat of 1,000 messages']) {
  test(name, async ({ browser, pages }) => {
    const url = pages.get(name) ?? '';
    const opened: Opened[] = [];
    for (let round = 0; round < REPEAT; round += 1) {
      opened.push(await open(browser, url));
    }
    print(`\n${name}\n`);
    const [first] = opened;
    for (const figure of Object.keys(first ?? {}) as (keyof Opened)[]) {
      print(row(figure, quantile(opened.map((one) => one[figure]), 0.5)));
    }
    for (const [category, score] of await lighthouse(url)) {
      print(row(`Lighthouse, ${category}`, score));
    }
  });
}

/** Opens a page as somebody does who was never here, and presses a key as soon as the page takes it. */
async function open(browser: Browser, url: string): Promise<Opened> {
  const context = await browser.newContext({ ...devices['Pixel 7'] });
  try {
    return await openIn(context, url);
  } finally {
    await context.close();
  }
}

async function openIn(context: BrowserContext, url: string): Promise<Opened> {
  const page = await context.newPage();
  const devtools = await context.newCDPSession(page);
  await devtools.send('Network.enable');
  await devtools.send('Network.emulateNetworkConditions', LINE);
  await devtools.send('Emulation.setCPUThrottlingRate', { rate: SLOWER });
  await page.addInitScript(takeNotes);
  const loads = recordLoads(devtools);
  await page.goto(url, { waitUntil: 'commit' });
  await page.waitForFunction(() => window.opening.usableAt > 0);
  const untilUsable = [...loads];
  await page.waitForLoadState('networkidle');
  const notes = await page.evaluate(() => window.opening);
  return {
    'first paint, ms': notes.firstPaint,
    'largest paint, ms': notes.largestPaint,
    'usable, ms': notes.usableAt,
    // As https://web.dev/articles/tbt has it: what a task takes beyond 50 ms, from the first paint on.
    'blocking, ms': sum(notes.tasks.filter(({ at }) => at >= notes.firstPaint).map(({ took }) => took - 50)),
    'longest task, ms': Math.max(0, ...notes.tasks.map(({ took }) => took)),
    'first key to paint, ms': await firstKey(page),
    'requests until usable': untilUsable.length,
    'kB until usable': sum(untilUsable) / 1_000,
  };
}

/** The bytes of each response that has come, as they come. */
function recordLoads(devtools: CDPSession): number[] {
  const loads: number[] = [];
  devtools.on('Network.loadingFinished', ({ encodedDataLength }) => loads.push(encodedDataLength));
  return loads;
}

/** From the first key that is pressed until what it changed is painted, in steps of 8 ms. */
async function firstKey(page: Page): Promise<number> {
  await page.getByRole('textbox', { name: 'Message' }).focus();
  await page.keyboard.press('W');
  const handle = await page.waitForFunction(() => window.opening.firstKey);
  return Number(await handle.jsonValue());
}

/** The scores of Lighthouse for a phone, of 100. It has a browser of its own. */
async function lighthouse(url: string): Promise<[string, number][]> {
  const port = await freePort();
  const browser = await chromium.launch({
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium-headless-shell',
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', `--remote-debugging-port=${port}`],
  });
  try {
    const only = `--only-categories=${CATEGORIES.join(',')}`;
    const run = promisify(execFile);
    const args = [LIGHTHOUSE, url, `--port=${port}`, only, '--output=json', '--quiet', '--no-enable-error-reporting'];
    const { stdout } = await run('node', args, { maxBuffer: 64 << 20 });
    const { categories } = JSON.parse(stdout) as { categories: Record<string, { score: number }> };
    return CATEGORIES.map((category) => [category, Math.round((categories[category]?.score ?? 0) * 100)]);
  } finally {
    await browser.close();
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') {
    throw new Error('There is no free port.');
  }
  return address.port;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}

function row(name: string, figure: number): string {
  return `  ${name.padEnd(28)}${Math.round(figure).toLocaleString('en').padStart(8)}`;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

// The rest runs in the page.

interface Opening {
  firstPaint: number;
  largestPaint: number;
  /** When the page's own field was there to be typed in; 0 before. */
  usableAt: number;
  tasks: { at: number; took: number }[];
  firstKey: number | undefined;
}

declare global {
  interface Window {
    opening: Opening;
  }
}

function takeNotes(): void {
  const opening: Opening = { firstPaint: 0, largestPaint: 0, usableAt: 0, tasks: [], firstKey: undefined };
  window.opening = opening;
  const observe = (type: string, note: (entry: PerformanceEntry) => void) =>
    new PerformanceObserver((list) => list.getEntries().forEach(note)).observe({ type, buffered: true });
  observe('paint', ({ name, startTime }) => {
    if (name === 'first-contentful-paint') {
      opening.firstPaint = startTime;
    }
  });
  observe('largest-contentful-paint', ({ startTime }) => {
    opening.largestPaint = startTime;
  });
  observe('longtask', ({ startTime, duration }) => opening.tasks.push({ at: startTime, took: duration }));
  observe('first-input', ({ duration }) => {
    opening.firstKey = duration;
  });
  new MutationObserver((_, observer) => {
    if (document.documentElement.dataset['alive'] === 'true') {
      opening.usableAt = performance.now();
      observer.disconnect();
    }
  }).observe(document, { subtree: true, attributes: true, attributeFilter: ['data-alive'] });
}
