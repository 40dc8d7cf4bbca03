// What is not there says so with status 404, a way home, and the list of chats still beside it.

import { ChatPage } from '../pages/chat.ts';
import { Sidebar } from '../pages/sidebar.ts';
import { expect, prompt, test } from '../fixtures.ts';

const NO_CHAT = 'Chat not found';
const NO_PAGE = 'Page not found';

for (const [name, path, words] of [
  ['a chat that is unknown', '/c/01890000-0000-7000-8000-000000000000', NO_CHAT],
  ['a chat whose id is none', '/c/not-an-id', NO_PAGE],
  ['a chat whose id is cut short', '/c/01890000-0000-7000', NO_PAGE],
  ['a chat without an id', '/c/', NO_PAGE],
  ['an id with a script in it', '/c/%3Cscript%3Ealert(1)%3C%2Fscript%3E', NO_PAGE],
  ['an id that leads out of its folder', '/c/..%2F..%2Fetc%2Fpasswd', NO_PAGE],
  ['a page that is unknown', '/nowhere', NO_PAGE],
] as const) {
  test(`${name} is not found, and leads home`, async ({ chat, page, consoleWatch }) => {
    consoleWatch.allow(/status of 404/, 'Chromium itself reports responses with an error status.');
    const { typed, asked } = prompt('Be there.', { delta_ms: 1 });
    await (await chat.ask(typed, { model: 'demo/echo' })).ended('complete');

    const response = await page.goto(path);
    expect(response?.status()).toBe(404);
    await expect(page.getByRole('heading', { name: words })).toBeVisible();
    await expect(new Sidebar(page).chat(asked), 'the chats are still listed').toBeVisible();
    await page.getByRole('link', { name: 'Start a chat' }).click();
    await expect(chat.greeting).toBeVisible();
    await page.goBack();
    await expect(page.getByRole('heading', { name: words })).toBeVisible();
    await new Sidebar(page).chat(asked).click();
    await expect(chat.questions).toHaveText([typed]);
  });
}

test('what is not there is told without JavaScript too', async ({ browser, runnel }) => {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  const response = await page.goto(`${runnel.url}/c/01890000-0000-7000-8000-000000000000`);
  expect(response?.status()).toBe(404);
  await expect(page.getByRole('heading', { name: NO_CHAT })).toBeVisible();
  await expect(new Sidebar(page).root).toBeVisible();
  await page.getByRole('link', { name: 'Start a chat' }).click();
  await expect(new ChatPage(page).greeting).toBeVisible();
  await context.close();
});
