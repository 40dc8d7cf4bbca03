// The whole job on a phone.

import type { Page } from '@playwright/test';
import { SettingsPage } from '../pages/settings.ts';
import { smallTargets } from '../audits.ts';
import { expect, prompt, test } from '../fixtures.ts';

const SCREEN = { width: 390, height: 844 };

test.use({ viewport: SCREEN, isMobile: true, hasTouch: true, deviceScaleFactor: 2 });

async function fitsTheWidth(page: Page): Promise<void> {
  // A phone shows a page that is too wide in a wider window: what counts is the screen.
  const widths = await page.evaluate(() => ({ content: document.documentElement.scrollWidth, window: innerWidth }));
  expect(widths, 'no scrolling to the side').toEqual({ content: SCREEN.width, window: SCREEN.width });
}

test('a question is asked, answered, stopped and asked again with taps alone', async ({ chat, page, emulator }) => {
  await fitsTheWidth(page);
  await chat.openSettings();
  await expect(chat.settingsPanel).toBeInViewport({ ratio: 1 });
  await chat.field('Model').fill('demo/long');
  await chat.settingsButton.tap();
  await expect(chat.settingsPanel).toBeHidden();

  const { typed, asked } = prompt('Write an article, please.');
  await chat.message.tap();
  await chat.message.fill(typed);
  await chat.send.tap();
  const answer = chat.answer();
  await answer.hasGrownTo(200);
  await fitsTheWidth(page);
  await expect(chat.message).toBeInViewport({ ratio: 1 });
  await expect(chat.stop).toBeInViewport({ ratio: 1 });
  await chat.stop.tap();
  await answer.ended('stopped');
  await expect.poll(async () => (await emulator.stats(asked)).open).toBe(0);
  await answer.tryAgain.tap();
  await chat.answer().hasGrownTo(20);
  await chat.stop.tap();
  await chat.answer().ended('stopped');
});

test('the panel fits the screen, also with something wrong in it', async ({ chat, page }) => {
  await chat.openSettings();
  await chat.field('Temperature').fill('hot');
  await expect(chat.field('Temperature')).toHaveAttribute('aria-invalid', 'true');
  await expect(page.locator('#chat-settings')).toBeInViewport({ ratio: 1 });
  // Fields that stand side by side stay in one line, whatever is said beneath one of them.
  const temperature = await chat.field('Temperature').boundingBox();
  const maxTokens = await chat.field('Max tokens').boundingBox();
  expect([maxTokens?.y, maxTokens?.height]).toEqual([temperature?.y, temperature?.height]);
});

test('a system prompt leaves room for the model and for Send', async ({ chat, page }) => {
  await chat.set({ model: 'demo/echo', systemPrompt: 'Answer as a pirate would who has read a great many books.' });
  await expect(chat.systemPrompt).toBeVisible();
  expect(await smallTargets(page)).toEqual([]);
  await fitsTheWidth(page);
  const name = chat.settingsButton.locator('.model-name');
  expect(await name.evaluate((name) => name.scrollWidth <= name.clientWidth), 'the model is named in full').toBe(true);
  await chat.systemPrompt.tap();
  await expect(chat.field('System prompt')).toBeInViewport({ ratio: 1 });
});

test('the composer stays in sight under a long answer, and nothing is wider than the screen', async ({ chat, page }) => {
  const answer = await chat.ask(prompt('Write an article.', { delta_ms: 1, characters: 200 }).typed, { model: 'demo/long' });
  await answer.ended('complete');
  await fitsTheWidth(page);
  await expect(chat.message).toBeInViewport({ ratio: 1 });
  await expect(answer.statsLine).toBeInViewport();
  await answer.statsLine.tap();
  await expect(answer.figure('Model')).toBeVisible();
  await fitsTheWidth(page);

  const word = 'Donaudampfschifffahrtsgesellschaft'.repeat(8);
  const second = await chat.ask(prompt(word, { delta_ms: 1, characters: 200 }).typed, { model: 'demo/echo' });
  await second.ended('complete');
  await fitsTheWidth(page);
});

test('an answer with all that there is fits the width: what is wider scrolls within itself', async ({ chat, page }) => {
  const answer = await chat.ask(prompt('Show me everything.', { delta_ms: 1, characters: 200 }).typed, { model: 'demo/showcase' });
  await answer.ended('complete');
  await fitsTheWidth(page);
  const scrolled = await answer.text
    .locator('pre, .table-scroll')
    .evaluateAll((boxes) => boxes.filter((box) => box.scrollWidth > box.clientWidth).length);
  expect(scrolled, 'there is something wider').toBeGreaterThan(1);
});

test('a failure is told and can be tried again on a phone', async ({ chat, page }) => {
  const answer = await chat.ask(prompt('Fail.').typed, { model: 'demo/error-context' });
  await answer.ended('failed');
  await expect(answer.outcome).toBeInViewport();
  await expect(answer.tryAgain).toBeInViewport({ ratio: 1 });
  await fitsTheWidth(page);
});

test('what is tapped within an answer is large enough for a finger', async ({ chat, page }) => {
  const answer = await chat.ask(prompt('Show me everything.', { delta_ms: 1, characters: 200 }).typed, { model: 'demo/showcase' });
  await answer.ended('complete');
  for (const button of ['copy-code', 'wrap-code', 'download-code', 'show-diagram', 'copy-csv', 'copy-table', 'footnote']) {
    await expect(answer.text.locator(`[data-do="${button}"]`).first(), 'there is something to measure').toBeVisible();
  }
  expect(await smallTargets(page)).toEqual([]);
});

test('everything that is tapped is large enough for a finger', async ({ chat, page }) => {
  expect(await smallTargets(page), 'empty').toEqual([]);
  await chat.openSettings();
  expect(await smallTargets(page), 'panel').toEqual([]);
  await chat.closeSettings();
  const answer = await chat.ask(prompt('Hello.', { delta_ms: 1 }).typed, { model: 'demo/reasoning' });
  await answer.ended('complete');
  expect(await smallTargets(page), 'answered').toEqual([]);
  const running = await chat.ask(prompt('Hello again.').typed, { model: 'demo/long' });
  await running.hasGrownTo(20);
  expect(await smallTargets(page), 'answering').toEqual([]);
  await chat.stop.tap();
  await running.ended('stopped');
  await chat.settingsLink.tap();
  await expect(new SettingsPage(page).heading).toBeVisible();
  expect(await smallTargets(page), 'settings').toEqual([]);
  await fitsTheWidth(page);
});
