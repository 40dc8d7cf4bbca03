// Chats outlive the page, the line and the server: what was written is kept, and what was cut off goes on.

import type { Response } from '@playwright/test';
import { ChatPage } from '../pages/chat.ts';
import { Sidebar } from '../pages/sidebar.ts';
import { expect, prompt, test } from '../fixtures.ts';

const LOST = 'The connection is lost. Connecting again…';
const AWAY = 'Runnel cannot be reached. Trying again…';

/** Prose for some seconds, which is shown as it was written: no part of it means anything in Markdown. */
const PROSE = { delta_ms: 20, characters: 4, repeat: 60 };

/** What is written in 50 ms by the emulator's own pace, and some: a crash may cost so much, in characters. */
const MOST_LOST = 100;

/** What a page is told of its chat, beside its HTML. */
interface PageData {
  conversation: { answers: { seq: number; content: [{ text: string }] }[] };
}

function pageData(html: string): PageData {
  const found = /<script type="application\/json" id="page-data">([^<]*)<\/script>/.exec(html)?.[1];
  return JSON.parse(found ?? 'null') as PageData;
}

async function documentOf(response: Response | null): Promise<string> {
  if (response === null) {
    throw new Error('The page has no response.');
  }
  return response.text();
}

test('a reload in the middle brings the text so far with the first HTML, and goes on after exactly that event', async ({
  chat,
  page,
  emulator,
}) => {
  const { typed, asked } = prompt('Survive a reload.', PROSE);
  const answer = await chat.ask(typed, { model: 'demo/echo' });
  await answer.hasGrownTo(200);
  const before = await answer.words();

  const following = page.waitForRequest((request) => request.url().includes('/api/follow_answer'));
  const html = await documentOf(await page.reload());
  expect(html).toContain('data-status="running"');
  const [told] = pageData(html).conversation.answers;
  expect(told?.content[0].text.startsWith(before), 'all that was seen is in the first HTML').toBe(true);
  expect((await following).postDataJSON()).toMatchObject({ after: told?.seq });

  await answer.isRunning();
  await answer.grows();
  expect(await emulator.stats(asked)).toMatchObject({ requests: 1, open: 1 });
  await chat.stop.click();
  await answer.ended('stopped');
  const whole = asked.repeat(PROSE.repeat);
  for (const text of [await answer.words(), await answer.read()]) {
    expect(text.length).toBeGreaterThan(before.length);
    expect(whole.startsWith(text), 'without a gap and without a repetition').toBe(true);
  }
});

test('without JavaScript a running answer’s text is there to read, and the list of chats beside it', async ({
  chat,
  page,
  browser,
}) => {
  const { typed, asked } = prompt('Be readable.', PROSE);
  const answer = await chat.ask(typed, { model: 'demo/echo' });
  await answer.hasGrownTo(200);
  const before = await answer.words();

  const context = await browser.newContext({ javaScriptEnabled: false });
  const plain = new ChatPage(await context.newPage());
  await plain.page.goto(page.url());
  await expect(plain.questions).toHaveText([typed]);
  await plain.answer().isRunning();
  expect((await plain.answer().words()).startsWith(before)).toBe(true);
  await expect(plain.answer().text).toBeVisible();
  const sidebar = new Sidebar(plain.page);
  await expect(sidebar.chat(asked)).toBeVisible();
  await expect(sidebar.chat(asked)).toHaveAttribute('aria-current', 'page');
  await context.close();

  await chat.stop.click();
  await answer.ended('stopped');
});

test('a crash in the middle of an answer costs a moment of it: the rest is kept, and Continue goes on from there', async ({
  page,
  ownRunnel,
  emulator,
  consoleWatch,
}) => {
  consoleWatch.allowRestart();
  const chat = new ChatPage(page);
  await chat.open(ownRunnel.url);
  const { typed, asked } = prompt('Survive a crash.');
  const answer = await chat.ask(typed, { model: 'demo/long' });
  await answer.hasGrownTo(300);
  const seen = await answer.length();

  await ownRunnel.program.crash();
  await expect(answer.progress).toHaveText(LOST);
  await answer.isRunning();
  await ownRunnel.startAgain();
  await answer.ended('interrupted');
  await expect(answer.goOn).toBeEnabled();
  await expect(answer.tryAgain).toBeEnabled();
  const shown = await answer.words();
  expect(shown.length).toBeGreaterThan(seen - MOST_LOST);
  const kept = await answer.read();
  expect((await emulator.wholeAnswer('demo/long', `${asked} whole`)).startsWith(kept)).toBe(true);
  expect((await emulator.stats(asked)).requests, 'nothing was asked again by itself').toBe(1);

  await chat.set({ model: 'demo/plain' });
  await answer.goOn.click();
  await chat.answer().ended('complete');
  await expect(chat.answers).toHaveCount(1);
  await expect(chat.question().text).toHaveText(typed);
  expect(await answer.earlierText(), 'what was there stands before the continuation').toBe(shown);
  const added = await answer.words();
  expect(added.length).toBeGreaterThan(40);
  expect(await answer.text.evaluate((text) => getComputedStyle(text).borderBlockStartStyle)).toBe('dashed');
  expect((await emulator.lastRequest()).body.messages).toMatchObject([
    { role: 'user', content: typed },
    { role: 'assistant', content: kept },
    { role: 'user' },
  ]);

  await page.reload();
  await answer.ended('complete');
  expect(await answer.earlierText(), 'the continuation is kept').toBe(shown);
  expect(await answer.words()).toBe(added);
  await expect(answer.versions.place).toHaveText('2/2');
});

test('a crash before the first word leaves the question, and Try again', async ({ page, ownRunnel, consoleWatch }) => {
  consoleWatch.allowRestart();
  const chat = new ChatPage(page);
  await chat.open(ownRunnel.url);
  const { typed, asked } = prompt('Crash before a word.');
  const answer = await chat.ask(typed, { model: 'demo/comments' });
  await expect(answer.progress).toContainText('The model is getting ready.');
  await ownRunnel.restart();
  await answer.ended('interrupted');
  await expect(chat.question().text).toHaveText(typed);
  await expect(answer.goOn, 'there is nothing to go on from').toBeHidden();
  await chat.set({ model: 'demo/echo' });
  await answer.tryAgain.click();
  await chat.answer().ended('complete');
  await expect(chat.answer().text).toHaveText(asked);
});

test('an idle page says that the server is away, and works on when it is back', async ({
  page,
  ownRunnel,
  consoleWatch,
}) => {
  consoleWatch.allowRestart();
  const chat = new ChatPage(page);
  await chat.open(ownRunnel.url);
  const first = prompt('Before.', { delta_ms: 1 });
  await (await chat.ask(first.typed, { model: 'demo/echo' })).ended('complete');

  await ownRunnel.program.crash();
  const notice = new Sidebar(page).root.getByText(AWAY);
  await expect(notice).toBeVisible();
  await ownRunnel.startAgain();
  await expect(notice).toBeHidden();

  const second = prompt('After.', { delta_ms: 1 });
  const answer = await chat.ask(second.typed);
  await answer.ended('complete');
  await expect(chat.questions).toHaveText([first.typed, second.typed]);
  await page.reload();
  await expect(chat.questions).toHaveText([first.typed, second.typed]);
});

test('told to end, the server lets a running answer end first', async ({ page, ownRunnel, emulator, consoleWatch }) => {
  consoleWatch.allowRestart();
  const chat = new ChatPage(page);
  await chat.open(ownRunnel.url);
  const { typed, asked } = prompt('Let me finish.', { delta_ms: 5 });
  const answer = await chat.ask(typed);
  await answer.hasGrownTo(40);
  await ownRunnel.program.askToEnd();
  await answer.ended('complete');
  const whole = await emulator.wholeAnswer('demo/plain', asked);
  expect(await answer.read()).toBe(whole);
  await ownRunnel.startAgain();
  await page.reload();
  await answer.ended('complete');
  expect(await answer.read()).toBe(whole);
});

test('a chat and its draft survive a restart, also on another device', async ({
  page,
  ownRunnel,
  newDevice,
  consoleWatch,
}) => {
  consoleWatch.allowRestart();
  const chat = new ChatPage(page);
  await chat.open(ownRunnel.url);
  const { typed, asked } = prompt('Keep me.', { delta_ms: 1 });
  await (await chat.ask(typed, { model: 'demo/echo' })).ended('complete');
  const isDraft = (body: string | null) => body?.includes('Half a thought') === true;
  const kept = page.waitForResponse((response) => isDraft(response.request().postData()) && response.ok());
  await chat.message.fill('Half a thought');
  await kept;

  await ownRunnel.restart();
  const other = await newDevice();
  await other.open(page.url());
  await expect(other.questions).toHaveText([typed]);
  await expect(other.answer().text).toHaveText(asked);
  await expect(other.message).toHaveValue('Half a thought');
  await page.reload();
  await expect(chat.message).toHaveValue('Half a thought');
});

test('a finished answer has its figures and its cost after a restart', async ({ page, ownRunnel, consoleWatch }) => {
  consoleWatch.allowRestart();
  const chat = new ChatPage(page);
  await chat.open(ownRunnel.url);
  const answer = await chat.ask(prompt('Count for me.', { delta_ms: 1 }).typed);
  await answer.ended('complete');
  const line = (await answer.statsLine.textContent()) ?? '';
  expect(line).toMatch(/\d+ tokens · \d+ tokens\/s · \$0\.\d+$/);

  await ownRunnel.restart();
  await page.reload();
  await expect(answer.statsLine).toHaveText(line);
  await answer.statsLine.click();
  await expect(answer.figure('Cost')).toHaveText(/^\$0\.\d+$/);
});

test('what a stopped answer cost is told once it is known', async ({ page, startRunnel }) => {
  // In demo mode, whose upstream can be asked for bills as OpenRouter can.
  const runnel = await startRunnel({});
  const chat = new ChatPage(page);
  await chat.open(runnel.url);
  const answer = await chat.ask(prompt('Write an article.').typed, { model: 'demo/long' });
  await answer.hasGrownTo(100);
  await chat.stop.click();
  await answer.ended('stopped');
  await expect(answer.statsLine).toHaveText(/about [\d,]+ tokens · cost pending$/);
  await expect(answer.statsLine).toHaveText(/ \d+ tokens · \d+ tokens\/s · \$0\.\d+$/);
  const line = (await answer.statsLine.textContent()) ?? '';
  await page.reload();
  await expect(answer.statsLine).toHaveText(line);
});

test('Stop works after a reload', async ({ chat, page, emulator }) => {
  const { typed, asked } = prompt('Write until after the reload.');
  const answer = await chat.ask(typed, { model: 'demo/long' });
  await answer.hasGrownTo(40);
  await page.reload();
  await answer.grows();
  await chat.stop.click();
  await answer.ended('stopped');
  await expect.poll(() => emulator.stats(asked)).toMatchObject({ requests: 1, open: 0, aborted: 1 });
});

test('Stop in two tabs at once stops once', async ({ chat, context, page, emulator }) => {
  const { typed, asked } = prompt('Be stopped twice.');
  const answer = await chat.ask(typed, { model: 'demo/long' });
  await answer.hasGrownTo(40);
  const other = new ChatPage(await context.newPage());
  await other.open(page.url());
  await other.answer().grows();
  // Escape, since a button that came too late would be Send again.
  await Promise.all([chat.message.press('Escape'), other.message.press('Escape')]);
  await Promise.all([answer.ended('stopped'), other.answer().ended('stopped')]);
  expect(await answer.read()).toBe(await other.answer().read());
  await expect.poll(() => emulator.stats(asked)).toMatchObject({ requests: 1, open: 0, aborted: 1 });
});

test('offline in the middle of an answer, and back: it goes on where it was', async ({
  page,
  context,
  line,
  emulator,
  consoleWatch,
}) => {
  consoleWatch.allowBrokenLine();
  const chat = new ChatPage(page);
  await chat.open(line.url);
  const { typed, asked } = prompt('Survive a tunnel.');
  const answer = await chat.ask(typed, { model: 'demo/long' });
  await answer.hasGrownTo(100);
  // Chromium's own switch leaves connections alone that are there already.
  await context.setOffline(true);
  line.cut();
  await expect(answer.progress).toHaveText(LOST);
  await answer.isRunning();
  const before = await answer.length();
  line.mend();
  await context.setOffline(false);
  await answer.hasGrownTo(before + 100);
  await expect(answer.progress).toBeHidden();
  expect(await emulator.stats(asked)).toMatchObject({ requests: 1, open: 1 });
  await chat.stop.click();
  await answer.ended('stopped');
  expect((await emulator.wholeAnswer('demo/long', `${asked} whole`)).startsWith(await answer.read())).toBe(true);
});
