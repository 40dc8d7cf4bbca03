// No request of the page fails without a word.

import type { Page } from '@playwright/test';
import { expect, prompt, test, type ConsoleWatch } from '../fixtures.ts';
import { ChatPage } from '../pages/chat.ts';
import { SettingsPage } from '../pages/settings.ts';
import { Sidebar } from '../pages/sidebar.ts';

const WHY = 'The disk is full.';

/** From now on the server refuses these requests, until what this returns is called. */
async function refuse(page: Page, watch: ConsoleWatch, name: string): Promise<() => Promise<void>> {
  watch.allow(/status of 500/, 'Chromium itself reports responses with an error status.');
  const address = `**/api/${name}`;
  await page.route(address, (route) => route.fulfill({ status: 500, json: { kind: 'internal', message: WHY } }));
  return () => page.unroute(address);
}

test('a list of chats that is not told says so until it is', async ({ chat, page, consoleWatch }) => {
  const sidebar = new Sidebar(page);
  const { typed, asked } = prompt('Listed.', { delta_ms: 1 });
  await (await chat.ask(typed, { model: 'demo/echo' })).ended('complete');
  await expect(sidebar.chat(asked)).toBeVisible();
  const allow = await refuse(page, consoleWatch, 'list_conversations');
  const note = sidebar.root.getByText(`${WHY} Trying again…`);
  await expect(note).toBeVisible();
  await expect(sidebar.chat(asked), 'what was listed stays').toBeVisible();
  await allow();
  await expect(note).toHaveCount(0);
});

test('a chat that cannot be loaded says why, and opens by itself afterwards', async ({ chat, page, consoleWatch }) => {
  const { typed, asked } = prompt('Loaded later.', { delta_ms: 1 });
  await (await chat.ask(typed, { model: 'demo/echo' })).ended('complete');
  // A page that knows the chat from the list alone.
  await page.goto('/');
  await expect(chat.message).toBeFocused();
  const allow = await refuse(page, consoleWatch, 'load_conversation');
  await new Sidebar(page).chat(asked).click();
  await expect(page.getByText(`Opening the chat… ${WHY} Trying again…`)).toBeVisible();
  await allow();
  await expect(chat.questions).toHaveText([typed]);
});

test('settings without their list of models and without spending say so', async ({ page, consoleWatch }) => {
  await refuse(page, consoleWatch, 'list_models');
  await refuse(page, consoleWatch, 'spending_by_day');
  const settings = new SettingsPage(page);
  await settings.open();
  await expect(page.getByText(`There is no list of models now. Type a model’s name. ${WHY}`)).toBeVisible();
  await expect(page.getByText(`What answers have cost cannot be shown. ${WHY}`)).toBeVisible();
  await settings.field('Model').fill('demo/echo');
  await expect(settings.field('Model')).toHaveValue('demo/echo');
});

test('a chat whose costs are not told says so in its settings', async ({ page, consoleWatch }) => {
  const chat = new ChatPage(page);
  await chat.open();
  await refuse(page, consoleWatch, 'spending_of_conversation');
  await chat.openSettings();
  await expect(page.getByText(`What this chat has cost cannot be shown. ${WHY}`)).toBeVisible();
});
