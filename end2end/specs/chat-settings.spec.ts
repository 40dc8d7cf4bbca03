// What is set for a chat: where it is set, and that each chat keeps its own, on every device.

import { SettingsPage } from '../pages/settings.ts';
import { expect, prompt, test } from '../fixtures.ts';

test('the panel takes the focus, and gives it back to its button', async ({ chat, page }) => {
  await chat.openSettings();
  await expect(chat.field('Model')).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(chat.settingsPanel).toBeHidden();
  await expect(chat.settingsButton).toBeFocused();

  await chat.openSettings();
  await expect(chat.field('Model')).toBeFocused();
  await chat.settingsButton.click();
  await expect(chat.settingsPanel).toBeHidden();
  await expect(chat.settingsButton).toBeFocused();
});

test('a click outside closes the panel, and does what it is for', async ({ chat }) => {
  await chat.openSettings();
  await chat.greeting.click();
  await expect(chat.settingsPanel).toBeHidden();
  await chat.openSettings();
  await chat.message.click();
  await expect(chat.settingsPanel).toBeHidden();
  await expect(chat.message).toBeFocused();
});

test('a click inside leaves the panel open, and Enter in it asks nothing', async ({ chat, page }) => {
  await chat.message.fill('Not yet.');
  await chat.openSettings();
  await chat.settingsPanel.getByText('For this chat').click();
  await chat.field('Max tokens').fill('100');
  await page.keyboard.press('Enter');
  await expect(chat.settingsPanel).toBeVisible();
  await expect(chat.questions).toHaveCount(0);
  await expect(chat.message).toHaveValue('Not yet.');
});

test('Tab goes through the panel where it is seen: below the field of a new chat, above that of a begun one', async ({
  chat,
  page,
}) => {
  const top = async (label: string) => (await page.getByLabel(label, { exact: true }).boundingBox())?.y ?? 0;
  const fields = ['System prompt', 'Temperature', 'Max tokens'] as const;
  await chat.openSettings();
  expect(await top('Model')).toBeGreaterThan(await top('Message'));
  await chat.settingsButton.focus();
  for (const name of ['Model', ...fields] as const) {
    await page.keyboard.press('Tab');
    await expect(chat.field(name)).toBeFocused();
  }
  await chat.closeSettings();

  await (await chat.ask(prompt('Begin.', { delta_ms: 1 }).typed, { model: 'demo/echo' })).ended('complete');
  await chat.openSettings();
  await expect(chat.field('Model')).toBeFocused();
  expect(await top('Model')).toBeLessThan(await top('Message'));
  for (const name of fields) {
    await page.keyboard.press('Tab');
    await expect(chat.field(name)).toBeFocused();
  }
  await page.keyboard.press('Tab');
  await expect(chat.message).toBeFocused();
  await page.keyboard.press('Tab');
  await expect(chat.settingsButton).toBeFocused();
});

test('a chat keeps its model and its system prompt, on every device; another chat has its own', async ({
  chat,
  page,
  newDevice,
  emulator,
}) => {
  const first = prompt('In the first chat.', { delta_ms: 1 });
  const settings = { model: 'demo/echo', systemPrompt: 'Answer in rhymes, please.' };
  await (await chat.ask(first.typed, settings)).ended('complete');
  const firstUrl = page.url();

  const other = await newDevice();
  await other.open(firstUrl);
  await expect(other.settingsButton).toContainText('demo/echo');
  await expect(other.systemPrompt).toHaveText('System prompt: Answer in rhymes, please.');

  // Changed on one device, it is another on the other.
  await other.set({ model: 'demo/context', systemPrompt: 'Answer in prose.' });
  await expect(chat.settingsButton).toContainText('demo/context');
  await expect(chat.systemPrompt).toHaveText('System prompt: Answer in prose.');
  const second = prompt('And now?', { delta_ms: 1 });
  await (await chat.ask(second.typed)).ended('complete');
  const { body } = await emulator.lastRequest();
  expect(body.model).toBe('demo/context');
  expect(body.messages[0]).toEqual({ role: 'system', content: 'Answer in prose.' });

  await chat.newChat.click();
  await expect(chat.greeting).toBeVisible();
  await expect(chat.settingsButton, 'a new chat begins anew').toContainText('demo/plain');
  await expect(chat.systemPrompt).toHaveCount(0);
  await (await chat.ask(prompt('In the second chat.', { delta_ms: 1 }).typed, { model: 'demo/unicode' })).ended('complete');
  await page.goto(firstUrl);
  await expect(chat.settingsButton).toContainText('demo/context');
  await expect(chat.systemPrompt).toHaveText('System prompt: Answer in prose.');
});

test('the system prompt is seen in the composer, and a press leads to the whole of it', async ({ chat, page }) => {
  const whole = 'Answer as a pirate would who has read a great many books. '.repeat(20).trim();
  await chat.set({ systemPrompt: whole });
  await expect(chat.systemPrompt).toHaveText('System prompt: Answer as a pirate would who has read a great ma…');
  await expect(chat.send).toBeInViewport({ ratio: 1 });
  await chat.systemPrompt.click();
  await expect(chat.field('System prompt')).toBeFocused();
  await expect(chat.field('System prompt')).toHaveValue(whole);
  await chat.field('System prompt').fill('');
  await page.keyboard.press('Escape');
  await expect(chat.systemPrompt).toHaveCount(0);
});

test('a new chat starts from the settings for new chats, and one that has begun keeps its own', async ({ chat, page }) => {
  const settings = new SettingsPage(page);
  await chat.isAlive();
  await chat.settingsLink.click();
  await settings.field('Model').fill('demo/echo');
  await settings.field('System prompt').fill('Be brief.');
  await chat.newChat.click();
  await expect(chat.settingsButton).toContainText('demo/echo');
  await expect(chat.systemPrompt).toHaveText('System prompt: Be brief.');
  await (await chat.ask(prompt('Begin.', { delta_ms: 1 }).typed)).ended('complete');
  const address = page.url();

  await settings.open();
  await chat.isAlive();
  await settings.field('Model').fill('demo/unicode');
  await settings.field('System prompt').fill('');
  await page.goto(address);
  await expect(chat.settingsButton).toContainText('demo/echo');
  await expect(chat.systemPrompt).toHaveText('System prompt: Be brief.');
  await chat.newChat.click();
  await expect(chat.settingsButton).toContainText('demo/unicode');
  await expect(chat.systemPrompt).toHaveCount(0);
});
