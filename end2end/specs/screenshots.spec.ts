// Pictures of every screen, for people to look at: `npm run screenshots` puts them into test-results/screenshots.

import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { ChatPage } from '../pages/chat.ts';
import { SettingsPage } from '../pages/settings.ts';
import { expect, test } from '../fixtures.ts';
import { freePort } from '../programs.ts';

const FOLDER = join(import.meta.dirname, '../test-results/screenshots');
const SIZES = { desktop: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } };

for (const [size, viewport] of Object.entries(SIZES)) {
  for (const colorScheme of ['light', 'dark'] as const) {
    test.describe(`${size}, ${colorScheme}`, () => {
      test.use({
        viewport,
        colorScheme,
        isMobile: size === 'phone',
        hasTouch: size === 'phone',
        deviceScaleFactor: size === 'phone' ? 2 : 1,
      });

      const take = async (page: Page, name: string) => {
        await page.screenshot({ path: join(FOLDER, `${name}-${size}-${colorScheme}.png`) });
      };

      test('empty, and the panel', async ({ chat, page }) => {
        await take(page, 'empty');
        await chat.openSettings();
        await chat.field('Model').fill('demo/long');
        await chat.field('Temperature').fill('hot');
        await take(page, 'panel');
      });

      test('a system prompt, and the panel of a chat that has begun', async ({ chat, page }) => {
        const settings = { model: 'demo/echo', systemPrompt: 'Answer as a pirate would who has read many books.' };
        const answer = await chat.ask('Ahoy! [[delta_ms=1]]', settings);
        await answer.ended('complete');
        await take(page, 'system-prompt');
        await chat.openSettings();
        await take(page, 'panel-of-a-chat');
      });

      test('an upstream that is not there', async ({ page, startRunnel }) => {
        const port = await freePort();
        const chat = new ChatPage(page);
        await chat.open((await startRunnel({ OPENROUTER_BASE_URL: `http://127.0.0.1:${port}/v1` })).url);
        await expect(page.getByText('cannot be reached')).toBeVisible();
        await take(page, 'trouble');
      });

      test('the link past everything', async ({ chat, page }) => {
        await chat.isAlive();
        await chat.skipLink.focus();
        await take(page, 'skip-link');
      });

      test('one turn', async ({ chat, page }) => {
        const answer = await chat.ask('What is Runnel, in a few words? [[delta_ms=1]]');
        await answer.ended('complete');
        await take(page, 'one-turn');
        await answer.statsLine.click();
        await answer.statsLine.scrollIntoViewIfNeeded();
        await take(page, 'figures');
      });

      test('a long answer', async ({ chat, page }) => {
        const answer = await chat.ask('How do streams work?', { model: 'demo/long' });
        await answer.hasGrownTo(60);
        await take(page, 'streaming-begin');
        await answer.hasGrownTo(2400);
        await take(page, 'streaming');
        await chat.log.evaluate((log) => log.scrollTo(0, 300));
        await expect(chat.toEnd).toBeVisible();
        await take(page, 'scrolled-up');
        await chat.stop.click();
        await answer.ended('stopped');
        await chat.toEnd.click();
        await take(page, 'stopped');
      });

      test('waiting, and trying again', async ({ chat, page }) => {
        const waiting = await chat.ask('Think first. [[first_ms=60000]]', { model: 'demo/slow' });
        await expect(waiting.progress).toContainText('getting ready. 1 s');
        await take(page, 'waiting');
        await chat.stop.click();
        await waiting.ended('stopped');
        const flaky = await chat.ask(`Are you busy? ${size} ${colorScheme}`, { model: 'demo/flaky' });
        await expect(flaky.progress).toContainText('Trying again');
        await take(page, 'retrying');
        await flaky.ended('complete');
      });

      test('failed', async ({ chat, page }) => {
        const before = await chat.ask('What does it cost?', { model: 'demo/error-402' });
        await before.ended('failed');
        await take(page, 'failed');
        const after = await chat.ask('And in the middle? [[delta_ms=1]]', { model: 'demo/midstream-documented-after-text' });
        await after.ended('failed');
        await take(page, 'failed-in-the-middle');
      });

      test('the connection is lost', async ({ page, line, consoleWatch }) => {
        consoleWatch.allowBrokenLine();
        const chat = new ChatPage(page);
        await chat.open(line.url);
        const answer = await chat.ask('How do streams work?', { model: 'demo/long' });
        await answer.hasGrownTo(300);
        line.cut();
        await expect(answer.progress).toContainText('The connection is lost.');
        await take(page, 'offline');
        line.mend();
        await answer.grows();
        await chat.stop.click();
        await answer.ended('stopped');
      });

      test('settings', async ({ page }) => {
        await new SettingsPage(page).open();
        await take(page, 'settings');
      });

      test('demo mode', async ({ page, startRunnel }) => {
        const runnel = await startRunnel({});
        const chat = new ChatPage(page);
        await chat.open(runnel.url);
        await take(page, 'demo-mode');
      });
    });
  }
}
