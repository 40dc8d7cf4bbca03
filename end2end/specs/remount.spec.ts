// An answer belongs to the server: pages come and go while it is written, and the model is asked once.

import { type Answer, ChatPage } from '../pages/chat.ts';
import { SettingsPage } from '../pages/settings.ts';
import { expect, prompt, test } from '../fixtures.ts';
import { recordStreams } from '../recorders.ts';

test('an answer goes on while the settings page is open, over one connection', async ({ chat, page, emulator }) => {
  const streams = recordStreams(page);
  const { typed, asked } = prompt('Write on while I am away.');
  const answer = await chat.ask(typed, { model: 'demo/long' });
  await answer.hasGrownTo(40);
  const before = await answer.length();

  await chat.settingsLink.click();
  await expect(new SettingsPage(page).heading).toBeVisible();
  await expect(chat.log).toBeHidden();
  await page.goBack();
  await answer.isRunning();
  expect(await answer.length()).toBeGreaterThanOrEqual(before);
  await answer.grows();

  expect(streams, 'one stream, read by the page and not by the component').toEqual(['/api/send_message']);
  expect(await emulator.stats(asked)).toMatchObject({ requests: 1, open: 1 });
  await chat.stop.click();
  await answer.ended('stopped');
});

test('an answer that ended while the settings page was open is whole afterwards', async ({ chat, page, emulator }) => {
  const { typed, asked } = prompt('Finish while I am away.', { delta_ms: 5 });
  const answer = await chat.ask(typed);
  await answer.hasGrownTo(10);
  await chat.settingsLink.click();
  await expect(new SettingsPage(page).heading).toBeVisible();
  await expect.poll(async () => (await emulator.stats(asked)).completed).toBe(1);
  await page.goBack();
  await answer.ended('complete');
  expect(await answer.read()).toBe(await emulator.wholeAnswer('demo/plain', asked));
});

test('two chats of one page do not disturb each other', async ({ chat, page }) => {
  const first = prompt('The first chat.', { delta_ms: 20, characters: 2, repeat: 14 });
  const firstAnswer = await chat.ask(first.typed, { model: 'demo/echo' });
  await firstAnswer.hasGrownTo(20);
  const firstAddress = page.url();

  await chat.newChat.click();
  await expect(chat.greeting).toBeVisible();
  const second = prompt('The second chat.', { delta_ms: 1 });
  const secondAnswer = await chat.ask(second.typed);
  await secondAnswer.ended('complete');
  await expect(chat.questions).toHaveText([second.typed]);
  expect(page.url()).not.toBe(firstAddress);

  await page.goBack();
  await expect(chat.greeting).toBeVisible();
  await page.goBack();
  expect(page.url()).toBe(firstAddress);
  await expect(chat.questions).toHaveText([first.typed]);
  await chat.answer().ended('complete');
  await expect(chat.answer().text).toHaveText(first.asked.repeat(14));
});

test('a second tab follows the same answer to its end', async ({ chat, context, page, emulator }) => {
  // Slower than any machine opens a tab; it ends when both have seen it grow.
  const { typed, asked } = prompt('For two tabs.', { delta_ms: 60 });
  const answer = await chat.ask(typed);
  await answer.hasGrownTo(40);
  const other = new ChatPage(await context.newPage());
  await other.open(page.url());
  await other.answer().isRunning();
  await other.answer().grows(20);
  await emulator.finish(asked);
  await Promise.all([answer.ended('complete'), other.answer().ended('complete')]);
  const whole = await emulator.wholeAnswer('demo/plain', asked);
  expect(await answer.read()).toBe(whole);
  expect(await other.answer().read()).toBe(whole);
  // The whole answer was asked for above, by this test.
  expect(await emulator.stats(asked)).toMatchObject({ requests: 2, streams: 1, completed: 1 });
});

test('a reload in the middle shows the text so far, and the answer goes on', async ({ chat, page, emulator }) => {
  const { typed, asked } = prompt('Survive a reload.');
  const answer = await chat.ask(typed, { model: 'demo/long' });
  await answer.hasGrownTo(60);
  const before = await answer.length();

  // As the server rendered it, before any script.
  const html = await (await page.request.get(page.url())).text();
  expect(html).toContain('data-status="running"');
  expect(html).toContain(asked);

  await page.reload();
  await answer.isRunning();
  expect(await answer.length()).toBeGreaterThanOrEqual(before);
  await answer.grows();
  expect(await emulator.stats(asked)).toMatchObject({ requests: 1, open: 1 });
  await chat.stop.click();
  await answer.ended('stopped');
  expect((await emulator.wholeAnswer('demo/long', `${asked} whole`)).startsWith(await answer.read())).toBe(true);
});

test('an answer is finished although its tab was closed', async ({ chat, context, page, emulator }) => {
  const { typed, asked } = prompt('Finish without me.', { delta_ms: 5 });
  const answer = await chat.ask(typed);
  await answer.hasGrownTo(10);
  const address = page.url();
  await page.close();
  await expect.poll(() => emulator.stats(asked)).toMatchObject({ requests: 1, completed: 1, aborted: 0 });
  const other = new ChatPage(await context.newPage());
  await other.open(address);
  await other.answer().ended('complete');
  expect(await other.answer().read()).toBe(await emulator.wholeAnswer('demo/plain', asked));
});

test('a lost connection is made again, and the answer goes on where it was', async ({
  page,
  line,
  emulator,
  consoleWatch,
}) => {
  consoleWatch.allowBrokenLine();
  const chat = new ChatPage(page);
  await chat.open(line.url);
  const { typed, asked } = prompt('Survive a broken line.');
  const answer = await chat.ask(typed, { model: 'demo/long' });
  await answer.hasGrownTo(40);
  line.cut();
  await expect(answer.progress).toHaveText('The connection is lost. Connecting again…');
  await answer.isRunning();
  line.mend();
  await answer.grows();
  await expect(answer.progress).toBeHidden();
  expect(await emulator.stats(asked)).toMatchObject({ requests: 1, open: 1 });
  await chat.stop.click();
  await answer.ended('stopped');
  expect((await emulator.wholeAnswer('demo/long', `${asked} whole`)).startsWith(await answer.read())).toBe(true);
});

test('several tabs stream at the same time', async ({ context, emulator }) => {
  const prompts = [1, 2, 3, 4].map((number) => prompt(`Tab ${number}, please.`));
  const tabs = await Promise.all(
    prompts.map(async ({ typed }): Promise<[ChatPage, Answer]> => {
      const tab = new ChatPage(await context.newPage());
      await tab.open();
      return [tab, await tab.ask(typed, { model: 'demo/long' })];
    }),
  );
  await Promise.all(tabs.map(([, answer]) => answer.hasGrownTo(40)));
  for (const { asked } of prompts) {
    expect(await emulator.stats(asked), 'all of them at once').toMatchObject({ requests: 1, open: 1 });
  }
  await Promise.all(tabs.map(([, answer]) => answer.grows()));
  for (const [tab, answer] of tabs) {
    await tab.stop.click();
    await answer.ended('stopped');
  }
  for (const { asked } of prompts) {
    await expect.poll(async () => (await emulator.stats(asked)).open).toBe(0);
  }
});

test('a page in the background gives its connection back, and goes on when it is looked at', async ({
  chat,
  page,
  emulator,
}) => {
  const look = (hidden: boolean) =>
    page.evaluate((hidden) => {
      Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
      document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
    }, hidden);
  const streams = recordStreams(page);
  const { typed, asked } = prompt('Write on while nobody looks.', { delta_ms: 5 });
  const answer = await chat.ask(typed);
  await answer.hasGrownTo(40);

  const given = page.waitForEvent('requestfailed', (request) => request.url().endsWith('/api/send_message'));
  await look(true);
  await given;
  await expect.poll(async () => (await emulator.stats(asked)).completed, 'the answer goes on').toBe(1);
  await look(false);
  await answer.ended('complete');
  expect(streams).toEqual(['/api/send_message', '/api/follow_answer']);
  expect((await emulator.stats(asked)).requests).toBe(1);
  expect(await answer.read()).toBe(await emulator.wholeAnswer('demo/plain', asked));
});
