// What every test stands on: one emulator and one Runnel a worker, a chat page, and a watch over the console.

import { randomUUID } from 'node:crypto';
import { type BrowserContext, type ConsoleMessage, type Page, expect, test as base } from '@playwright/test';
import { Line } from './line.ts';
import { ChatPage } from './pages/chat.ts';
import { Emulator, Runnel } from './programs.ts';

export { expect } from '@playwright/test';

/** How quickly the emulator gives one answer; see src/server/demo/directives.rs. */
export interface Pace {
  delta_ms?: number;
  characters?: number;
  comment_ms?: number;
  first_ms?: number;
  split?: number;
  repeat?: number;
}

/** A prompt that no other test asks. */
export interface Prompt {
  /** What is typed, directives for the emulator included. */
  typed: string;
  /** What the emulator takes it for, and counts it under. */
  asked: string;
}

export function prompt(words: string, pace: Pace = {}): Prompt {
  const asked = `${words} #${randomUUID().slice(0, 8)}`;
  const directives = Object.entries(pace).map(([name, value]) => `${name}=${value}`);
  return { asked, typed: directives.length > 0 ? `${asked} [[${directives.join(' ')}]]` : asked };
}

/** Holds back the requests of a page whose addresses match, until the function that it gives is called. */
export async function hold(page: Page, addresses: string): Promise<() => void> {
  let release = (): void => {};
  const mayGo = new Promise<void>((resolve) => {
    release = resolve;
  });
  await page.route(addresses, async (route) => {
    await mayGo;
    await route.continue();
  });
  return release;
}

/** Fails the test if a page complains. */
export class ConsoleWatch {
  private readonly complaints: string[] = [];
  private readonly allowed: RegExp[] = [];
  private isOver = false;

  watch(context: BrowserContext): void {
    context.on('console', (message: ConsoleMessage) => {
      if (message.type() === 'error' || message.type() === 'warning') {
        this.note(`${message.type()}: ${message.text()} (${message.location().url})`);
      }
    });
    context.on('weberror', (error) => this.note(`uncaught: ${error.error().message}`));
  }

  /** The test is over: what a page says while its server is taken away is no fault of the page. */
  end(): void {
    this.isOver = true;
  }

  /** Expects such a message. The reason is for the reader of the test. */
  allow(pattern: RegExp, _reason: string): void {
    this.allowed.push(pattern);
  }

  /** Expects what is said about requests that fail because the test cuts the line. */
  allowBrokenLine(): void {
    this.allow(/^error: Failed to load resource: net::ERR_/, 'Chromium itself reports them.');
    this.allow(/^error: TypeError: network error/, 'server_fn itself reports a stream that breaks off.');
    const why = 'The loader of the parts itself reports one that does not come. It is asked for again.';
    this.allow(/^error: TypeError: Failed to fetch\s+at \S+__wasm_split/, why);
  }

  /** Expects what is said about requests that a gateway answers in Runnel's place, once the line was broken for it. */
  allowGateway(): void {
    this.allowBrokenLine();
    this.allow(/status of 50[24]/, 'Chromium itself reports responses with an error status.');
  }

  /** Expects what is said about an answer whose events are gone with the Runnel that wrote it. */
  allowRestart(): void {
    this.allowBrokenLine();
    this.allow(/status of 410 .*follow_answer/, 'Chromium itself reports responses with an error status.');
  }

  /** A page complained. */
  note(complaint: string): void {
    if (!this.isOver) {
      this.complaints.push(complaint);
    }
  }

  verify(): void {
    const unexpected = this.complaints.filter((text) => !this.allowed.some((pattern) => pattern.test(text)));
    expect(unexpected, 'the console stays silent').toEqual([]);
  }
}

interface ProgramFixtures {
  /** Keeps what the programs said beside a test that failed. */
  programLogs: void;
  /** A line to Runnel that can be cut. */
  line: Line;
}

interface TestFixtures {
  /** The page of a new chat, opened. */
  chat: ChatPage;
  consoleWatch: ConsoleWatch;
  /** Starts another Runnel for this test alone. */
  startRunnel: (env: Record<string, string>) => Promise<Runnel>;
  /** A Runnel for this test alone, without chats, that may be ended and started again. */
  ownRunnel: Runnel;
  /** Opens a chat page in another browser, as another device would have it. */
  newDevice: () => Promise<ChatPage>;
  /** Opens another browser: no storage and no connections are shared with the first. */
  newContext: () => Promise<BrowserContext>;
}

interface WorkerFixtures {
  /** The model that answers in Runnel, if no other is chosen. */
  defaultModel: string;
  emulator: Emulator;
  runnel: Runnel;
}

/** The programs alone: what opens a page is left to who extends it. */
export const programs = base.extend<ProgramFixtures, WorkerFixtures>({
  defaultModel: ['demo/plain', { scope: 'worker' }],

  emulator: [
    async ({}, use) => {
      const emulator = await Emulator.start();
      await use(emulator);
      await emulator.program.stop();
    },
    { scope: 'worker' },
  ],

  runnel: [
    async ({ emulator, defaultModel }, use) => {
      const runnel = await Runnel.start({ OPENROUTER_BASE_URL: emulator.baseUrl, RUNNEL_DEFAULT_MODEL: defaultModel });
      await use(runnel);
      await runnel.program.stop();
    },
    { scope: 'worker' },
  ],

  programLogs: [
    async ({ runnel, emulator }, use, testInfo) => {
      await use();
      if (testInfo.status !== testInfo.expectedStatus) {
        await testInfo.attach('runnel', { body: runnel.program.said });
        await testInfo.attach('emulator', { body: emulator.program.said });
      }
    },
    { auto: true },
  ],

  line: async ({ runnel }, use) => {
    const line = await Line.to(runnel.url);
    await use(line);
    await line.close();
  },
});

export const test = programs.extend<TestFixtures>({
  baseURL: async ({ runnel }, use) => use(runnel.url),

  consoleWatch: [
    async ({ context }, use) => {
      const watch = new ConsoleWatch();
      watch.watch(context);
      await use(watch);
      watch.verify();
    },
    { auto: true },
  ],

  chat: async ({ page }, use) => {
    const chat = new ChatPage(page);
    await chat.open();
    await use(chat);
  },

  startRunnel: async ({ consoleWatch }, use, testInfo) => {
    const started: Runnel[] = [];
    await use(async (env) => {
      const runnel = await Runnel.start(env);
      started.push(runnel);
      return runnel;
    });
    consoleWatch.end();
    await Promise.all(started.map((runnel) => runnel.program.stop()));
    if (testInfo.status !== testInfo.expectedStatus) {
      await Promise.all(started.map((runnel) => testInfo.attach('own runnel', { body: runnel.program.said })));
    }
  },

  ownRunnel: async ({ startRunnel, emulator }, use) => {
    await use(await startRunnel({ OPENROUTER_BASE_URL: emulator.baseUrl, RUNNEL_DEFAULT_MODEL: 'demo/plain' }));
  },

  newDevice: async ({ newContext }, use) => {
    await use(async () => new ChatPage(await (await newContext()).newPage()));
  },

  newContext: async ({ browser, baseURL, consoleWatch }, use) => {
    const contexts: BrowserContext[] = [];
    await use(async () => {
      const context = await browser.newContext(baseURL === undefined ? {} : { baseURL });
      consoleWatch.watch(context);
      contexts.push(context);
      return context;
    });
    await Promise.all(contexts.map((context) => context.close()));
  },
});
