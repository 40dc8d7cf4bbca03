// A window of Firefox that shows a chat. What is asked of it here is what pages/chat.ts asks of Chromium's pages.

import { expect } from '@playwright/test';
import type { Locator, Page } from 'puppeteer-core';
import type { Status } from '../pages/chat.ts';

/** What an answer may take to its end. */
const ANSWER_TIMEOUT_MS = 20_000;

const MESSAGE = 'textarea[aria-label="Message"]';
const SEND = 'button[aria-label="Send"]';
const STOP = 'button[aria-label="Stop"]';
const LOG = '[role="log"]';
const QUESTIONS = `${LOG} article.question .question-text`;
const ANSWERS = `${LOG} article.answer`;
const MODEL_NAME = '#settings-button .model-name';
const PANEL = '#chat-settings';

/** Where something is pressed, once it is there and rests. It may take as long as the test, as in the other browser tests. */
export function find(page: Page, selector: string): Locator<Element> {
  return page.locator(selector).setTimeout(0);
}

export class ChatWindow {
  readonly sidebar: Sidebar;

  constructor(
    readonly page: Page,
    /** Where Runnel is. */
    private readonly home: string,
  ) {
    this.sidebar = new Sidebar(page);
  }

  /** Opens a page of Runnel, or of another address. */
  async open(path = '/'): Promise<void> {
    await this.page.goto(new URL(path, this.home).href);
    await this.isAlive();
  }

  async reload(): Promise<void> {
    await this.page.reload();
    await this.isAlive();
  }

  /** Waits until the page is alive: until then it shows everything and hears nothing. */
  async isAlive(): Promise<void> {
    await this.page.waitForSelector('html[data-alive="true"]');
  }

  /** Waits until one element with this selector, and with these words in it, is in sight. */
  async shows(selector: string, words = ''): Promise<void> {
    const isShown = (selector: string, words: string) =>
      [...document.querySelectorAll(selector)].some(
        (found) => found.checkVisibility({ visibilityProperty: true }) && found.textContent?.includes(words),
      );
    await this.page.waitForFunction(isShown, {}, selector, words);
  }

  /** Waits until no element with this selector is in sight. */
  async hides(selector: string): Promise<void> {
    await this.page.waitForSelector(selector, { hidden: true });
  }

  /** Types in place of what stands in the field. */
  async type(text: string): Promise<void> {
    await this.page.focus(MESSAGE);
    await this.press('Control+a');
    await this.page.keyboard.type(text);
  }

  /** Presses a key, such as Enter or Control+a. */
  async press(keys: 'Enter' | 'Escape' | 'Shift+Enter' | 'Control+a' | 'Control+v'): Promise<void> {
    const [key, modifier] = keys.split('+').reverse() as ['Enter', 'Shift' | 'Control' | undefined];
    if (modifier === undefined) {
      await this.page.keyboard.press(key);
    } else {
      await this.page.keyboard.down(modifier);
      await this.page.keyboard.press(key);
      await this.page.keyboard.up(modifier);
    }
  }

  /** What stands in the field. */
  async draft(): Promise<string> {
    return this.page.$eval(MESSAGE, (field) => (field as HTMLTextAreaElement).value);
  }

  /** Waits until this stands in the field. */
  async hasDraft(draft: string): Promise<void> {
    await expect.poll(() => this.draft(), { message: 'what stands in the field' }).toBe(draft);
  }

  /** Waits until what is typed can be sent: the page has heard of it. */
  async canSend(): Promise<void> {
    await this.page.waitForSelector(`${SEND}:not(:disabled)`);
  }

  async stop(): Promise<void> {
    await find(this.page, STOP).click();
  }

  async newChat(): Promise<void> {
    await find(this.page, 'a[title="New chat"]').click();
    await this.shows('h1', 'What would you like to know?');
  }

  /** Has the next questions answered by another model. */
  async choose(model: string): Promise<void> {
    const button = find(this.page, '#settings-button');
    await button.click();
    await find(this.page, `${PANEL} #model`).fill(model);
    await button.click();
    await this.hides(PANEL);
    await this.shows(MODEL_NAME, model);
  }

  /** Types a question and sends it. Gives the answer to it. */
  async ask(question: string, model?: string): Promise<Answer> {
    if (model !== undefined) {
      await this.choose(model);
    }
    const before = (await this.page.$$(ANSWERS)).length;
    await this.type(question);
    await this.canSend();
    await this.press('Enter');
    const answer = this.answer(before);
    await answer.isThere();
    return answer;
  }

  /** Has the echo say this text in a new chat, at once. */
  async hear(text: string): Promise<Answer> {
    // All at once, since lines that are typed would be sent one by one.
    const paste = (field: Element, text: string) => {
      (field as HTMLTextAreaElement).value = text;
      field.dispatchEvent(new InputEvent('input', { bubbles: true }));
    };
    await this.page.$eval(MESSAGE, paste, `[[delta_ms=1 characters=200]]\n${text}`);
    await this.canSend();
    await this.page.focus(MESSAGE);
    await this.press('Enter');
    const answer = this.answer();
    await answer.isThere();
    return answer;
  }

  /** The answer to question `index`, from 0. */
  answer(index = 0): Answer {
    return new Answer(this.page, index);
  }

  async questions(): Promise<string[]> {
    return this.page.$$eval(QUESTIONS, (questions) => questions.map(({ textContent }) => textContent ?? ''));
  }

  /** Waits until these are the questions of the chat. */
  async hasQuestions(questions: string[]): Promise<void> {
    await expect.poll(() => this.questions(), { message: 'the questions' }).toEqual(questions);
  }

  async scrollTop(): Promise<number> {
    return this.page.$eval(LOG, (log) => log.scrollTop);
  }

  /** How far the transcript's visible part is from its end, in CSS pixels. */
  async distanceToEnd(): Promise<number> {
    return this.page.$eval(LOG, (log) => log.scrollHeight - log.clientHeight - log.scrollTop);
  }

  /** Waits until the transcript is scrolled down by more than `distance` CSS pixels. */
  async isScrolledBeyond(distance: number): Promise<void> {
    const isBeyond = (selector: string, distance: number) => (document.querySelector(selector)?.scrollTop ?? 0) > distance;
    await this.page.waitForFunction(isBeyond, { timeout: ANSWER_TIMEOUT_MS }, LOG, distance);
  }
}

/** One answer. */
export class Answer {
  constructor(
    private readonly page: Page,
    private readonly index: number,
  ) {}

  async isThere(): Promise<void> {
    const isThere = (selector: string, index: number) => document.querySelectorAll(selector).length > index;
    await this.page.waitForFunction(isThere, {}, ANSWERS, this.index);
  }

  /** What is shown of it. */
  async words(): Promise<string> {
    return this.page.evaluate(
      (selector, index) => {
        const texts = document.querySelectorAll(selector)[index]?.querySelectorAll('.answer-text:not(.refusal, .earlier)');
        return [...(texts ?? [])].map(({ textContent }) => textContent).join('');
      },
      ANSWERS,
      this.index,
    );
  }

  /** Waits until at least `length` characters of it are there. */
  async hasGrownTo(length: number): Promise<void> {
    const hasGrown = (selector: string, index: number, length: number) => {
      const text = document.querySelectorAll(selector)[index]?.querySelector('.answer-text:not(.refusal, .earlier)');
      return (text?.textContent ?? '').trim().length >= length;
    };
    await this.page.waitForFunction(hasGrown, {}, ANSWERS, this.index, length);
  }

  /** Waits until it is longer by `more` characters than now. */
  async grows(more = 40): Promise<void> {
    await this.hasGrownTo((await this.words()).trim().length + more);
  }

  async status(): Promise<string | null> {
    const status = (selector: string, index: number) => document.querySelectorAll(selector)[index]?.getAttribute('data-status') ?? null;
    return this.page.evaluate(status, ANSWERS, this.index);
  }

  /** Waits until it has ended, and this is how. */
  async ended(how: Status): Promise<void> {
    const hasEnded = (selector: string, index: number) => {
      const status = document.querySelectorAll(selector)[index]?.getAttribute('data-status');
      return typeof status === 'string' && status !== 'running';
    };
    await this.page.waitForFunction(hasEnded, { timeout: ANSWER_TIMEOUT_MS }, ANSWERS, this.index);
    expect(await this.status()).toBe(how);
  }

  /** What became of it, in a sentence. */
  async verdict(): Promise<string> {
    const verdict = (selector: string, index: number) =>
      document.querySelectorAll(selector)[index]?.querySelector('.outcome-what')?.textContent ?? '';
    return this.page.evaluate(verdict, ANSWERS, this.index);
  }
}

/** The list of chats. A title is the question's first words. */
export class Sidebar {
  constructor(private readonly page: Page) {}

  /** How many chats have these words in their titles. */
  async count(words: string): Promise<number> {
    const count = (titles: Element[], words: string) => titles.filter(({ textContent }) => textContent?.includes(words)).length;
    return this.page.$$eval('.chat-item .chat-title', count, words);
  }

  /** Waits until one chat has these words in its title. */
  async has(words: string): Promise<void> {
    await expect.poll(() => this.count(words), { message: `chats with ${words} in their titles` }).toBe(1);
  }

  /** Waits until no chat has these words in its title. */
  async hasNot(words: string): Promise<void> {
    await expect.poll(() => this.count(words), { message: `chats with ${words} in their titles` }).toBe(0);
  }

  /** Waits until the chat with these words in its title is marked as the one that is open. */
  async marks(words: string): Promise<void> {
    const isMarked = (words: string) => document.querySelector('.chat-item [aria-current="page"]')?.textContent?.includes(words);
    await this.page.waitForFunction(isMarked, {}, words);
  }

  async open(title: string): Promise<void> {
    await find(this.page, `.chat-item .chat-link ::-p-text(${title})`).click();
  }

  /** Opens the chat's menu and takes one of its actions. */
  async act(title: string, action: 'Rename' | 'Delete'): Promise<void> {
    await find(this.page, `.chat-more[aria-label^="Actions for “${title}"]`).click();
    await find(this.page, `.chat-menu[aria-label="Actions"] ::-p-text(${action})`).click();
  }

  /** Renames a chat, and waits until the list says so. */
  async rename(title: string, to: string): Promise<void> {
    await this.act(title, 'Rename');
    await this.page.waitForSelector('input[aria-label="New title"]:focus');
    await this.page.keyboard.type(to);
    await this.page.keyboard.press('Enter');
    await this.has(to);
  }

  /** Brings back what was just deleted. */
  async undo(): Promise<void> {
    await find(this.page, '.undo button').click();
  }
}
