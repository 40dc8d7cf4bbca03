// What the tests in Firefox stand on: the distribution's own Firefox, spoken to as WebDriver BiDi has it.

import puppeteer, { type Browser, type Page } from 'puppeteer-core';
import { ConsoleWatch, programs } from '../fixtures.ts';
import { ChatWindow } from './window.ts';

export { expect, prompt } from '../fixtures.ts';

const FIREFOX = process.env['FIREFOX'] ?? '/usr/bin/firefox-esr';

/** On a busy machine Firefox needs some seconds to be there. */
const START_TIMEOUT_MS = 60_000;

/** What is not there yet may take so long; as in playwright.config.ts. */
const PATIENCE_MS = 10_000;

const PREFERENCES = {
  // Without a screen Firefox says that there is no mouse, and the page takes it for a phone. 2: points finely, 4: hovers.
  'ui.primaryPointerCapabilities': 2 + 4,
  'ui.allPointerCapabilities': 2 + 4,
  // A turn of the wheel is over at once.
  'general.smoothScroll': false,
  // Whatever the environment says: Runnel is on this machine.
  'network.proxy.type': 0,
};

/** Has errors sent to the console as their words: the driver would say that there was one, and not which. */
function tellErrors(): void {
  for (const level of ['error', 'warn'] as const) {
    const tell = console[level].bind(console);
    console[level] = (...args: unknown[]) => tell(...args.map((arg) => (arg instanceof Error ? `${arg.name}: ${arg.message}` : arg)));
  }
}

/** Says what a page complains about. Failed requests are among it, which Firefox does not report to its console. */
function listen(page: Page, watch: ConsoleWatch): void {
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warn') {
      watch.note(`${message.type()}: ${message.text()} (${message.location().url})`);
    }
  });
  page.on('pageerror', (error) => watch.note(`uncaught: ${error instanceof Error ? error.message : String(error)}`));
  page.on('response', (response) => {
    if (response.status() >= 400) {
      watch.note(`error: status of ${response.status()} (${response.url()})`);
    }
  });
  page.on('requestfailed', (request) => {
    const why = request.failure()?.errorText;
    // The page itself no longer wanted it.
    if (why !== 'NS_BINDING_ABORTED') {
      watch.note(`error: ${why} (${request.url()})`);
    }
  });
}

interface Fixtures {
  consoleWatch: ConsoleWatch;
  /** Opens another window of the same browser: they share what it stores. */
  openWindow: () => Promise<ChatWindow>;
  /** A window that shows a new chat. */
  chat: ChatWindow;
}

export const test = programs.extend<Fixtures, { firefox: Browser }>({
  defaultModel: ['demo/echo', { scope: 'worker' }],

  firefox: [
    async ({}, use) => {
      const firefox = await puppeteer.launch({
        browser: 'firefox',
        executablePath: FIREFOX,
        headless: true,
        defaultViewport: { width: 1280, height: 800 },
        extraPrefsFirefox: PREFERENCES,
        timeout: START_TIMEOUT_MS,
        // Playwright ends its workers itself: they stop the programs then, too.
        handleSIGINT: false,
        handleSIGTERM: false,
        handleSIGHUP: false,
      });
      await use(firefox);
      await firefox.close();
    },
    { scope: 'worker', timeout: START_TIMEOUT_MS },
  ],

  consoleWatch: [
    async ({}, use) => {
      const watch = new ConsoleWatch();
      await use(watch);
      watch.verify();
    },
    { auto: true },
  ],

  openWindow: async ({ firefox, runnel, consoleWatch }, use, testInfo) => {
    const context = await firefox.createBrowserContext();
    const windows: ChatWindow[] = [];
    await use(async () => {
      // A window and not a tab: all windows are in sight, and are drawn.
      const page = await context.newPage({ type: 'window' });
      page.setDefaultTimeout(PATIENCE_MS);
      // As there, a page may take as long as the test.
      page.setDefaultNavigationTimeout(0);
      await page.evaluateOnNewDocument(tellErrors);
      listen(page, consoleWatch);
      const window = new ChatWindow(page, runnel.url);
      windows.push(window);
      return window;
    });
    if (testInfo.status !== testInfo.expectedStatus) {
      for (const [index, { page }] of windows.entries()) {
        await testInfo.attach(`window ${index}`, { body: Buffer.from(await page.screenshot()), contentType: 'image/png' });
        await testInfo.attach(`page ${index}`, { body: await page.content(), contentType: 'text/html' });
      }
    }
    await context.close();
  },

  chat: async ({ openWindow }, use) => {
    const chat = await openWindow();
    await chat.open();
    await use(chat);
  },
});
