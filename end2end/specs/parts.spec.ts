// Parts of the page are loaded when they are needed. While one cannot be, the rest of the page works on.

import type { Page } from '@playwright/test';
import { type ConsoleWatch, expect, prompt, test } from '../fixtures.ts';
import { ChatPage } from '../pages/chat.ts';
import { Sidebar } from '../pages/sidebar.ts';

const MISSING = 'A part of this page could not be loaded. Check the connection. Trying again…';

/** Has this part fail to load, in any of the ways in which it may, until the function that it gives is called. */
async function lose(page: Page, part: string, consoleWatch: ConsoleWatch): Promise<() => Promise<void>> {
  consoleWatch.allow(/Failed to load resource: (net::ERR_|.*status of 50)/, 'Chromium itself reports them.');
  consoleWatch.allow(/^error: (TypeError|CompileError): /, 'What loads a part reports that it could not.');
  const path = `**/pkg/*/split_${part}.wasm`;
  let tries = 0;
  await page.route(path, async (route) => {
    tries += 1;
    await [
      () => route.abort('connectionreset'),
      () => route.fulfill({ status: 502, contentType: 'text/html', body: '<h1>502 Bad Gateway</h1>' }),
      () => route.fulfill({ status: 200, contentType: 'application/wasm', body: 'half a file' }),
    ][tries % 3]?.();
  });
  return () => page.unroute(path);
}

test('the parts that are likely to be needed come when the page is idle', async ({ chat }) => {
  await chat.hasParts();
  await chat.openSettings();
  await chat.closeSettings();
  await (await chat.ask(prompt('At once.', { delta_ms: 1 }).typed)).ended('complete');
});

test('settings that cannot be loaded say so, and come once they can', async ({ page, consoleWatch }) => {
  const find = await lose(page, 'settings', consoleWatch);
  const chat = new ChatPage(page);
  await chat.open();
  await chat.settingsButton.click();
  await expect(page.getByText(MISSING)).toBeVisible();
  await chat.message.fill('Typed meanwhile.');
  await find();
  await expect(chat.settingsPanel).toBeVisible();
  await expect(page.getByText(MISSING)).toHaveCount(0);
  await expect(chat.message).toHaveValue('Typed meanwhile.');
  await chat.closeSettings();

  const findAgain = await lose(page, 'settings', consoleWatch);
  await page.goto('/settings');
  await expect(page.getByText(MISSING)).toBeVisible();
  await findAgain();
  await expect(page.getByRole('heading', { name: 'Settings' })).toBeVisible();
});

test('the answer is all there when what shows it could not be loaded at first', async ({ page, consoleWatch }) => {
  const find = await lose(page, 'transcript', consoleWatch);
  const chat = new ChatPage(page);
  await chat.open();
  const { typed } = prompt('Is this heard?', { delta_ms: 1 });
  await chat.message.fill(typed);
  await chat.send.click();
  await expect(page.getByText(MISSING)).toBeVisible();
  await expect(chat.message, 'it is asked').toHaveValue('');
  await find();
  await chat.answer().ended('complete');
  await expect(chat.questions).toHaveText([typed]);
});

test('a chat whose answers cannot be shown stands there as it came, then says so', async ({ chat, page, consoleWatch }) => {
  const answer = await chat.ask(prompt('Stay here.', { delta_ms: 1 }).typed);
  await answer.ended('complete');
  const words = await answer.words();
  const find = await lose(page, 'transcript', consoleWatch);
  await page.reload();
  await chat.message.fill('Typed early.');
  expect(await answer.words(), 'what the server wrote').toBe(words);
  await expect(page.getByText(MISSING)).toBeVisible();
  await expect(chat.message).toHaveValue('Typed early.');
  await find();
  await answer.ended('complete');
  expect(await answer.words()).toBe(words);
  await expect(chat.message).toHaveValue('Typed early.');
  const other = new ChatPage(page);
  await (await other.ask(prompt('And go on.', { delta_ms: 1 }).typed)).ended('complete');
});

test.describe('after an upgrade', () => {
  const UPDATED = 'Runnel was updated. Reload the page to use the new version.';

  /** The server tells from now on that it has another build of the page, until the function that it gives is called. */
  async function upgrade(page: Page): Promise<() => Promise<void>> {
    const path = '**/api/list_conversations';
    await page.route(path, async (route) => {
      // A server that was started again has news.
      const response = await route.fetch({ postData: JSON.stringify({ ...route.request().postDataJSON(), revision: 0 }) });
      await route.fulfill({ response, json: { ...(await response.json()), site: '/pkg/another/runnel.js' } });
    });
    return () => page.unroute(path);
  }

  const isAnew = (page: Page) => page.evaluate(() => !('wasThere' in window));

  test('an open page says so, and is loaded anew without losing what was typed', async ({ chat, page }) => {
    await (await chat.ask(prompt('Before.', { delta_ms: 1 }).typed)).ended('complete');
    await chat.message.fill('Typed before');
    await page.evaluate(() => Object.assign(window, { wasThere: true }));
    const undo = await upgrade(page);
    await expect(page.getByText(UPDATED)).toBeVisible();
    await expect(chat.message).toHaveValue('Typed before');
    expect(await isAnew(page), 'it is not loaded anew by itself').toBe(false);
    await undo();
    await page.getByRole('link', { name: 'Reload the page' }).click();
    await expect(page.getByText(UPDATED)).toBeHidden();
    await expect(chat.message).toHaveValue('Typed before');
    expect(await isAnew(page)).toBe(true);
  });

  test('links load the new page, but not over a question that is being edited', async ({ chat, page }) => {
    const { typed, asked } = prompt('Before.', { delta_ms: 1 });
    await (await chat.ask(typed)).ended('complete');
    await page.evaluate(() => Object.assign(window, { wasThere: true }));
    const undo = await upgrade(page);
    await expect(page.getByText(UPDATED)).toBeVisible();
    await undo();
    await chat.question().edit.click();
    await chat.question().field.fill('Half typed');
    await chat.settingsLink.click();
    await expect(page.getByRole('heading', { name: 'Settings' })).toBeVisible();
    expect(await isAnew(page)).toBe(false);
    await new Sidebar(page).chat(asked).click();
    await expect(chat.question().field).toHaveValue('Half typed');
    await chat.question().field.press('Escape');
    await chat.settingsLink.click();
    await expect(page.getByRole('heading', { name: 'Settings' })).toBeVisible();
    await expect.poll(() => isAnew(page)).toBe(true);
  });

  test('a question on its way is not left behind', async ({ chat, page, consoleWatch }) => {
    consoleWatch.allow(/Failed to load resource: net::ERR_/, 'Chromium itself reports what is cut off.');
    await (await chat.ask(prompt('Before.', { delta_ms: 1 }).typed)).ended('complete');
    await page.evaluate(() => Object.assign(window, { wasThere: true }));
    const undo = await upgrade(page);
    await expect(page.getByText(UPDATED)).toBeVisible();
    await undo();
    const send = '**/api/send_message';
    await page.route(send, (route) => route.abort('connectionreset'));
    const { typed } = prompt('Will this arrive?', { delta_ms: 1 });
    await chat.message.fill(typed);
    await chat.send.click();
    await expect(chat.questions.last()).toHaveText(typed);
    await chat.newChat.click();
    await expect(chat.greeting).toBeVisible();
    expect(await isAnew(page)).toBe(false);
    await page.unroute(send);
    await page.goBack();
    await chat.answer(1).ended('complete');
    await chat.newChat.click();
    await expect.poll(() => isAnew(page)).toBe(true);
  });
});
