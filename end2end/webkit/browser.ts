// What the tests in WebKit stand on: the small browser of WebKitGTK, on a display of its own, spoken to as WebDriver has
// it. Its driver has one session at a time, so that each worker has a driver, and each test a session.

import { type Actions, Builder, By, Key, until, type WebDriver, type WebElement } from 'selenium-webdriver';
import { expect, programs } from '../fixtures.ts';
import type { Status } from '../pages/chat.ts';
import { freePort, Program } from '../programs.ts';

export { expect, prompt } from '../fixtures.ts';

const DRIVER = process.env['WEBKIT_DRIVER'] ?? '/usr/bin/WebKitWebDriver';

/** On a busy machine a browser needs some seconds to be there. */
const START_TIMEOUT_MS = 60_000;

/** What is not there yet may take so long. WebKitGTK draws without a graphics card: on a busy machine all takes longer. */
const PATIENCE_MS = 30_000;

/** What an answer may take to its end. */
const ANSWER_TIMEOUT_MS = 60_000;

const MESSAGE = '#message';
const STOP = 'button[aria-label="Stop"]';
const ANSWER = '[role="log"] article.answer';
const TEXT = '.answer-text:not(.refusal, .earlier)';

/** A chat in WebKit. What is asked of it here is what pages/chat.ts asks of Chromium's pages. */
export class ChatWindow {
  constructor(
    readonly driver: WebDriver,
    /** Where Runnel is. */
    private readonly home: string,
  ) {}

  /** Opens a page of Runnel. */
  async open(path = '/'): Promise<void> {
    await this.driver.get(new URL(path, this.home).href);
    await this.isAlive();
  }

  async reload(): Promise<void> {
    await this.driver.navigate().refresh();
    await this.isAlive();
  }

  /** Opens another window at the same page, and goes there. Gives the name of the one that it came from. */
  async openAnother(path: string): Promise<string> {
    const name = await this.driver.getWindowHandle();
    await this.driver.switchTo().newWindow('window');
    await this.open(path);
    return name;
  }

  async path(): Promise<string> {
    return new URL(await this.driver.getCurrentUrl()).pathname;
  }

  /** Waits until the page is alive: until then it shows everything and hears nothing. */
  async isAlive(): Promise<void> {
    await this.until(() => document.documentElement.dataset['alive'] === 'true', 'the page is alive', [], START_TIMEOUT_MS);
  }

  /** Waits until this is so in the page. */
  async until<A extends unknown[]>(is: (...args: A) => boolean, what: string, args: A, patience = PATIENCE_MS): Promise<void> {
    await this.driver.wait(() => this.ask(is, ...args), patience, what);
  }

  /** What the page says. */
  async ask<R, A extends unknown[]>(about: (...args: A) => R, ...args: A): Promise<R> {
    return this.driver.executeScript<R>(`return (${about}).apply(null, arguments)`, ...args);
  }

  async type(...keys: string[]): Promise<void> {
    await this.driver.findElement(By.css(MESSAGE)).sendKeys(...keys);
  }

  async draft(): Promise<string> {
    return this.ask((selector) => document.querySelector<HTMLTextAreaElement>(selector)?.value ?? '', MESSAGE);
  }

  /** Types a question and sends it, and waits for its answer to be there. */
  async send(question: string): Promise<void> {
    const before = (await this.driver.findElements(By.css(ANSWER))).length;
    await this.type(question);
    await this.until(() => document.querySelector('button[aria-label="Send"]:not(:disabled)') !== null, 'it can be sent', []);
    await this.type(Key.ENTER);
    const isThere = (selector: string, before: number) => document.querySelectorAll(selector).length > before;
    await this.until(isThere, 'the answer is there', [ANSWER, before]);
  }

  async click(selector: string): Promise<void> {
    await this.driver.findElement(By.css(selector)).click();
  }

  async stop(): Promise<void> {
    await this.click(STOP);
  }

  /** Has the next questions answered by another model. */
  async choose(model: string): Promise<void> {
    await this.click('#settings-button');
    const field = await this.driver.wait(until.elementLocated(By.css('#chat-settings #model')), PATIENCE_MS);
    await field.clear();
    await field.sendKeys(model);
    await this.click('#settings-button');
    const isChosen = (model: string) => document.querySelector('#settings-button .model-name')?.textContent === model;
    await this.until(isChosen, `${model} is chosen`, [model]);
  }

  /** What is shown of the last answer. */
  async words(): Promise<string> {
    const words = (answer: string, text: string) =>
      [...([...document.querySelectorAll(answer)].at(-1)?.querySelectorAll(text) ?? [])].map(({ textContent }) => textContent).join('');
    return this.ask(words, ANSWER, TEXT);
  }

  /** Waits until at least `length` characters of the last answer are there. */
  async hasGrownTo(length: number): Promise<void> {
    await this.driver.wait(async () => (await this.words()).trim().length >= length, PATIENCE_MS, `${length} characters`);
  }

  /** Waits until the last answer is longer by `more` characters than now. */
  async grows(more = 40): Promise<void> {
    await this.hasGrownTo((await this.words()).trim().length + more);
  }

  async status(): Promise<string | undefined> {
    const status = (answer: string) => [...document.querySelectorAll<HTMLElement>(answer)].at(-1)?.dataset['status'];
    return this.ask(status, ANSWER);
  }

  /** Waits until the last answer has ended, and this is how. */
  async ended(how: Status): Promise<void> {
    await this.driver.wait(async () => (await this.status()) !== 'running', ANSWER_TIMEOUT_MS, 'the answer has ended');
    expect(await this.status()).toBe(how);
  }

  async questions(): Promise<string[]> {
    return this.ask(() => [...document.querySelectorAll('article.question .question-text')].map(({ textContent }) => textContent ?? ''));
  }

  /** The titles in the list of chats. */
  async titles(): Promise<string[]> {
    return this.ask(() => [...document.querySelectorAll('.chat-item .chat-title')].map(({ textContent }) => textContent ?? ''));
  }

  /** Opens the chat with these words in its title. */
  async openChat(words: string): Promise<void> {
    await this.driver.findElement(By.xpath(`//*[contains(@class, "chat-link")][contains(., ${JSON.stringify(words)})]`)).click();
  }

  /** Turns the wheel over the transcript. */
  async turnWheel(down: number): Promise<void> {
    const log = await this.driver.findElement(By.css('[role="log"]'));
    const actions = this.driver.actions() as Actions & Scroll;
    await actions.scroll(0, 0, 0, down, log).perform();
  }

  /** How far the transcript's visible part is from its end, in CSS pixels. */
  async distanceToEnd(): Promise<number> {
    return this.ask(() => {
      const log = document.querySelector('[role="log"]')!;
      return log.scrollHeight - log.clientHeight - log.scrollTop;
    });
  }
}

/** What its types leave out. */
interface Scroll {
  scroll(x: number, y: number, right: number, down: number, origin: WebElement): Actions;
}

interface Fixtures {
  webkit: WebDriver;
  /** A window that shows a new chat. */
  chat: ChatWindow;
}

export const test = programs.extend<Fixtures, { driver: string }>({
  defaultModel: ['demo/echo', { scope: 'worker' }],

  driver: [
    async ({}, use) => {
      const path = process.env['PATH'] ?? '';
      const [display, number] = await Program.start('Xvfb', ['-displayfd', '1', '-screen', '0', '1280x800x24', '-nolisten', 'tcp'], { PATH: path }, /(\d+)\n/);
      const port = await freePort();
      const [driver] = await Program.start(
        'sh',
        ['-c', `echo starting; exec "${DRIVER}" --port=${port}`],
        { PATH: path, DISPLAY: `:${number}` },
        /(starting)/,
      );
      const address = `http://127.0.0.1:${port}`;
      await expect.poll(() => fetch(`${address}/status`).then(({ ok }) => ok, () => false), { timeout: START_TIMEOUT_MS }).toBe(true);
      await use(address);
      await driver.stop();
      await display.stop();
    },
    { scope: 'worker', timeout: START_TIMEOUT_MS },
  ],

  webkit: async ({ driver }, use, testInfo) => {
    const webkit = await new Builder()
      .usingServer(driver)
      .withCapabilities({ browserName: 'MiniBrowser' })
      .build();
    await webkit.manage().window().setRect({ x: 0, y: 0, width: 1280, height: 800 });
    await use(webkit);
    if (testInfo.status !== testInfo.expectedStatus) {
      await testInfo.attach('window', { body: Buffer.from(await webkit.takeScreenshot(), 'base64'), contentType: 'image/png' });
    }
    await webkit.quit();
  },

  chat: async ({ webkit, runnel }, use) => {
    const chat = new ChatWindow(webkit, runnel.url);
    await chat.open();
    await use(chat);
  },
});
