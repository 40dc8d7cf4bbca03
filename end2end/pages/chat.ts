// The chat page, as a person finds their way in it: by roles and names.

import { randomUUID } from 'node:crypto';
import { expect, type Locator, type Page } from '@playwright/test';
import type { Pace } from '../fixtures.ts';
import { MarkdownText } from './markdown.ts';

/** How an answer ends. */
export type Status = 'complete' | 'stopped' | 'failed' | 'interrupted';

/** What can be set for a chat's next question. */
export interface Settings {
  model?: string;
  systemPrompt?: string;
  temperature?: string;
  maxTokens?: string;
}

export class ChatPage {
  readonly log: Locator;
  readonly message: Locator;
  readonly send: Locator;
  readonly stop: Locator;
  readonly settingsButton: Locator;
  readonly settingsPanel: Locator;
  /** The beginning of the chat's system prompt, in the composer. */
  readonly systemPrompt: Locator;
  readonly skipLink: Locator;
  readonly newChat: Locator;
  readonly settingsLink: Locator;
  readonly toEnd: Locator;
  readonly status: Locator;
  readonly notice: Locator;
  readonly greeting: Locator;
  readonly questions: Locator;
  readonly answers: Locator;

  constructor(readonly page: Page) {
    this.log = page.getByRole('log', { name: 'Conversation' });
    this.message = page.getByRole('textbox', { name: 'Message', exact: true });
    this.send = page.getByRole('button', { name: 'Send', exact: true });
    this.stop = page.getByRole('button', { name: 'Stop', exact: true });
    this.settingsButton = page.getByRole('button', { name: 'Chat settings' });
    this.settingsPanel = page.getByRole('group', { name: 'For this chat' });
    this.systemPrompt = page.getByRole('button', { name: 'System prompt: ' });
    this.skipLink = page.getByRole('link', { name: 'Skip to message field' });
    this.newChat = page.getByRole('link', { name: 'New chat', exact: true });
    this.settingsLink = page.getByRole('link', { name: 'Settings', exact: true });
    this.toEnd = page.getByRole('button', { name: 'Go to the end' });
    this.status = page.getByRole('status');
    this.notice = page.getByRole('alert');
    this.greeting = page.getByRole('heading', { name: 'What would you like to know?' });
    this.questions = this.log.getByRole('article', { name: 'You' });
    this.answers = this.log.getByRole('article', { name: 'Answer' });
  }

  async open(path = '/'): Promise<void> {
    await this.page.goto(path);
    await expect(this.message).toBeVisible();
    await this.isAlive();
  }

  /** Waits until the page is alive: until then it shows everything and hears nothing. */
  async isAlive(): Promise<void> {
    await expect(this.page.locator('html')).toHaveAttribute('data-alive', 'true');
  }

  /** Waits until the parts of the page that it loads when it is idle are here: then it needs nobody to show anything. */
  async hasParts(): Promise<void> {
    const loaded = () => {
      const ended = performance.getEntriesByType('resource').filter((entry) => (entry as PerformanceResourceTiming).responseEnd > 0);
      return ['split_transcript', 'split_settings'].every((part) => ended.some(({ name }) => name.includes(part)));
    };
    await this.page.waitForFunction(loaded);
  }

  field(name: 'Model' | 'System prompt' | 'Temperature' | 'Max tokens'): Locator {
    return this.page.getByLabel(name, { exact: true });
  }

  /** Opens the panel. The button does nothing until the page is alive, so it is pressed until it does. */
  async openSettings(): Promise<void> {
    await expect(async () => {
      if ((await this.settingsButton.getAttribute('aria-expanded')) !== 'true') {
        await this.settingsButton.click();
      }
      await expect(this.settingsPanel).toBeVisible({ timeout: 500 });
    }).toPass();
  }

  async closeSettings(): Promise<void> {
    if ((await this.settingsButton.getAttribute('aria-expanded')) === 'true') {
      await this.settingsButton.click();
    }
    await expect(this.settingsPanel).toBeHidden();
  }

  /** Sets what is given, in the panel. */
  async set(settings: Settings): Promise<void> {
    await this.openSettings();
    const fields = [
      [this.field('Model'), settings.model],
      [this.field('System prompt'), settings.systemPrompt],
      [this.field('Temperature'), settings.temperature],
      [this.field('Max tokens'), settings.maxTokens],
    ] as const;
    for (const [field, value] of fields) {
      if (value !== undefined) {
        await field.fill(value);
      }
    }
    await this.closeSettings();
  }

  /** Types a question and sends it. Gives the answer to it. */
  async ask(text: string, settings: Settings = {}): Promise<Answer> {
    const before = await this.answers.count();
    if (Object.keys(settings).length > 0) {
      await this.set(settings);
    }
    await this.message.fill(text);
    return this.sendAfter(before);
  }

  /** Has the demo's echo say this text, at once if no pace is given. */
  async hear(text: string, pace: Pace = { delta_ms: 1, characters: 200 }): Promise<Answer> {
    const directives = Object.entries(pace).map(([name, value]) => `${name}=${value}`);
    // Before the text, since a text may hold brackets of its own.
    const question = `[[${directives.join(' ')}]]\n${text}`;
    const before = await this.answers.count();
    if (!(await this.settingsButton.textContent())?.includes('demo/echo')) {
      await this.set({ model: 'demo/echo' });
    }
    // All at once: to type some thousands of lines takes half a minute.
    await this.message.evaluate((field: HTMLTextAreaElement, question) => {
      field.value = question;
      field.dispatchEvent(new InputEvent('input', { bubbles: true }));
    }, question);
    return this.sendAfter(before);
  }

  /** Sends what stands in the field, after so many answers. Gives the answer to it. */
  private async sendAfter(before: number): Promise<Answer> {
    // Enabled means also that the page is alive.
    await expect(this.send).toBeEnabled();
    // Enter alone breaks the line where the only keyboard is one on the screen.
    await this.message.press('ControlOrMeta+Enter');
    await expect(this.answers).toHaveCount(before + 1);
    return this.answer(before);
  }

  /** The answer to question `index`, from 0. */
  answer(index = 0): Answer {
    return new Answer(this.answers.nth(index));
  }

  /** Question `index`, from 0. */
  question(index = 0): Question {
    return new Question(this.questions.nth(index));
  }

  /** How far the transcript's visible part is from its end, in CSS pixels. */
  async distanceToEnd(): Promise<number> {
    return this.log.evaluate((log) => log.scrollHeight - log.clientHeight - log.scrollTop);
  }

  async scrollTop(): Promise<number> {
    return this.log.evaluate((log) => log.scrollTop);
  }
}

/** One answer. */
export class Answer {
  /** What this answer wrote: all of it, or what it added to an earlier one. */
  readonly text: Locator;
  /** The same, as blocks. */
  readonly markdown: MarkdownText;
  /** What earlier answers wrote, which this one goes on from: each in an element of its own. */
  readonly earlier: Locator;
  readonly model: Locator;
  readonly progress: Locator;
  readonly outcome: Locator;
  /** What became of it, in a sentence. */
  readonly verdict: Locator;
  readonly stats: Locator;
  readonly statsLine: Locator;
  readonly tryAgain: Locator;
  readonly goOn: Locator;
  readonly fork: Locator;
  readonly versions: Versions;
  readonly copy: Locator;
  readonly copyRich: Locator;

  constructor(readonly root: Locator) {
    this.text = root.locator('.answer-text:not(.refusal, .earlier)');
    this.markdown = new MarkdownText(this.text);
    this.earlier = root.locator('.answer-text.earlier');
    this.model = root.locator('.answer-model');
    this.progress = root.locator('.progress');
    this.outcome = root.locator('.outcome');
    this.verdict = root.locator('.outcome-what');
    this.stats = root.locator('.stats');
    this.statsLine = this.stats.locator('summary');
    this.tryAgain = root.getByRole('button', { name: 'Try again' });
    this.goOn = root.getByRole('button', { name: 'Continue', exact: true });
    this.fork = root.getByRole('button', { name: 'Branch into new chat' });
    this.versions = new Versions(root);
    this.copy = root.locator('.answer-foot').getByRole('button', { name: 'Copy', exact: true });
    this.copyRich = root.locator('.answer-foot').getByRole('button', { name: /rich text/i });
  }

  /** What is shown of it, as it is in the document; white space counts. */
  async words(): Promise<string> {
    await this.root.waitFor();
    return (await this.text.allTextContents()).join('');
  }

  /** What the model wrote, as Copy gives it: once it has ended, if there is text. */
  async read(): Promise<string> {
    const page = this.root.page();
    const nothing = `Nothing was copied yet, ${randomUUID()}`;
    await page.evaluate((nothing) => navigator.clipboard.writeText(nothing), nothing);
    // By its class, since it is called otherwise for a moment after it was pressed.
    await this.root.locator('.answer-foot button.copy:not([data-do="copy-rich"])').click();
    const clipboard = () => page.evaluate(() => navigator.clipboard.readText());
    await expect.poll(clipboard, { message: 'Copy copies' }).not.toBe(nothing);
    return clipboard();
  }

  /** All that earlier answers wrote, which this one goes on from. */
  async earlierText(): Promise<string> {
    return (await this.earlier.allTextContents()).join('');
  }

  /** How many characters of it are shown. */
  async length(): Promise<number> {
    return (await this.words()).trim().length;
  }

  /** Waits until it is being written and at least `length` characters are there. */
  async hasGrownTo(length: number): Promise<void> {
    await expect.poll(() => this.length(), { message: 'the text grows' }).toBeGreaterThanOrEqual(length);
  }

  /** Waits until it is longer by `more` characters than now. */
  async grows(more = 40): Promise<void> {
    await this.hasGrownTo((await this.length()) + more);
  }

  async isRunning(): Promise<void> {
    await expect(this.root).toHaveAttribute('data-status', 'running');
  }

  async ended(status: Status, timeout = 20_000): Promise<void> {
    await expect(this.root).toHaveAttribute('data-status', status, { timeout });
  }

  /** One of the figures under it, by name. The figures have to be open. */
  figure(name: string): Locator {
    return this.stats.locator('dl > div').filter({ has: this.root.page().getByText(name, { exact: true }) }).locator('dd');
  }
}

/** One question. */
export class Question {
  readonly text: Locator;
  readonly edit: Locator;
  /** The question in a field, while it is edited. */
  readonly field: Locator;
  readonly ask: Locator;
  readonly cancel: Locator;
  readonly versions: Versions;

  constructor(readonly root: Locator) {
    this.text = root.locator('.question-text');
    this.edit = root.getByRole('button', { name: 'Edit the question' });
    this.field = root.getByRole('textbox', { name: 'Question' });
    this.ask = root.getByRole('button', { name: 'Ask', exact: true });
    this.cancel = root.getByRole('button', { name: 'Cancel', exact: true });
    this.versions = new Versions(root);
  }

  /** Asks it in other words. */
  async askInstead(text: string): Promise<void> {
    await this.edit.click();
    await this.field.fill(text);
    await this.ask.click();
  }
}

/** The versions of a question or of an answer, and the arrows between them. */
export class Versions {
  readonly before: Locator;
  readonly next: Locator;
  /** Such as 2/3. */
  readonly place: Locator;

  constructor(root: Locator) {
    this.before = root.getByRole('button', { name: 'Previous version' });
    this.next = root.getByRole('button', { name: 'Next version' });
    this.place = root.locator('.versions span');
  }
}
