// A gateway before Runnel, such as nginx, answers with a page of its own while Runnel is away. The page waits for
// Runnel then, as it does when nobody answers at all.

import type { Page } from '@playwright/test';
import { ChatPage } from '../pages/chat.ts';
import { Sidebar } from '../pages/sidebar.ts';
import { expect, prompt, test } from '../fixtures.ts';
import type { Line } from '../line.ts';

const LOST = 'The connection is lost. Connecting again…';

/** Waits until the gateway has answered so many requests for a path. */
async function gatewayAnswers(line: Line, path: string, times = 1): Promise<void> {
  const count = () => line.answeredByGateway.filter((asked) => asked === path).length;
  await expect.poll(count, { message: `the gateway is asked for ${path}` }).toBeGreaterThanOrEqual(times);
}

/** Answers the first request of this kind with a gateway's page. */
async function answerOnce(page: Page, path: string, status: number): Promise<void> {
  let isAnswered = false;
  await page.route(`**${path}*`, async (route) => {
    if (isAnswered) {
      return route.continue();
    }
    isAnswered = true;
    return route.fulfill({ status, contentType: 'text/html', body: `<html>\n:root\n<h1>${status}</h1></html>` });
  });
}

for (const status of [502, 504]) {
  test(`an answer goes on where it was once a gateway no longer says ${status}`, async ({
    page,
    line,
    emulator,
    consoleWatch,
  }) => {
    consoleWatch.allowGateway();
    const chat = new ChatPage(page);
    await chat.open(line.url);
    const { typed, asked } = prompt('Survive a gateway.');
    const answer = await chat.ask(typed, { model: 'demo/long' });
    await answer.hasGrownTo(100);
    line.answerWith(status);
    await gatewayAnswers(line, '/api/follow_answer', 2);
    await expect(answer.progress).toHaveText(LOST);
    await answer.isRunning();
    const before = await answer.length();
    line.mend();
    await answer.hasGrownTo(before + 100);
    await expect(answer.progress).toBeHidden();
    expect(await emulator.stats(asked)).toMatchObject({ requests: 1, open: 1 });
    await chat.stop.click();
    await answer.ended('stopped');
    expect((await emulator.wholeAnswer('demo/long', `${asked} whole`)).startsWith(await answer.read())).toBe(true);
  });
}

test('one 504 after a reload is not the end of reading', async ({ chat, page, consoleWatch }) => {
  consoleWatch.allowGateway();
  const answer = await chat.ask(prompt('Be reloaded.').typed, { model: 'demo/long' });
  await answer.hasGrownTo(40);
  await answerOnce(page, '/api/follow_answer', 504);
  await page.reload();
  await answer.grows(100);
  await expect(answer.progress).toBeHidden();
  await chat.stop.click();
  await answer.ended('stopped');
});

test('a running answer that nobody reads is followed again', async ({ chat, page, consoleWatch }) => {
  consoleWatch.allow(/status of 404/, 'Chromium itself reports responses with an error status.');
  const answer = await chat.ask(prompt('Be found again.').typed, { model: 'demo/long' });
  await answer.hasGrownTo(40);
  let isAnswered = false;
  await page.route('**/api/follow_answer*', async (route) => {
    if (isAnswered) {
      return route.continue();
    }
    isAnswered = true;
    return route.fulfill({ status: 404, json: { kind: 'not_found', message: 'Not yet.' } });
  });
  await page.reload();
  await answer.grows(100);
  await chat.stop.click();
  await answer.ended('stopped');
});

test('a question sent while a gateway says 502 waits, and is asked once', async ({
  page,
  line,
  emulator,
  consoleWatch,
}) => {
  consoleWatch.allowGateway();
  const chat = new ChatPage(page);
  await chat.open(line.url);
  const { typed, asked } = prompt('Wait at the gate.', { delta_ms: 2 });
  await chat.set({ model: 'demo/plain' });
  await chat.hasParts();
  line.answerWith(502);
  const answer = await chat.ask(typed);
  await expect(answer.progress).toHaveText(LOST);
  await expect(chat.questions).toHaveText([typed]);
  await expect(chat.notice).toBeHidden();
  line.mend();
  await answer.ended('complete');
  expect(await emulator.stats(asked)).toMatchObject({ requests: 1, completed: 1 });
});

test('a question that a gateway took for itself, with status 200, is sent again', async ({ chat, page, emulator }) => {
  await answerOnce(page, '/api/send_message', 200);
  const { typed, asked } = prompt('Sign in first.', { delta_ms: 2 });
  const answer = await chat.ask(typed);
  await answer.ended('complete');
  await expect(chat.questions).toHaveText([typed]);
  expect(await emulator.stats(asked)).toMatchObject({ requests: 1, completed: 1 });
});

test('a question that Runnel itself cannot keep is given back, with its reason', async ({ chat, page, consoleWatch }) => {
  consoleWatch.allow(/status of 500/, 'Chromium itself reports responses with an error status.');
  await page.route('**/api/send_message', (route) =>
    route.fulfill({ status: 500, json: { kind: 'internal', message: 'The disk is full. Free some space.' } }),
  );
  const { typed } = prompt('Keep me.');
  await chat.message.fill(typed);
  await expect(chat.send, 'the page is alive').toBeEnabled();
  await chat.message.press('Enter');
  await expect(chat.notice).toHaveText('The disk is full. Free some space.');
  await expect(chat.message).toHaveValue(typed);
});

test('an answer that runs is followed on although Runnel said that something went wrong inside', async ({
  chat,
  page,
  consoleWatch,
}) => {
  consoleWatch.allow(/status of 500/, 'Chromium itself reports responses with an error status.');
  const answer = await chat.ask(prompt('Stumble once.').typed, { model: 'demo/long' });
  await answer.hasGrownTo(40);
  let stumbles = 0;
  await page.route('**/api/follow_answer*', (route) => {
    stumbles += 1;
    return stumbles > 1
      ? route.continue()
      : route.fulfill({ status: 500, json: { kind: 'internal', message: 'The database is busy.' } });
  });
  await page.reload();
  await answer.grows(100);
  await chat.stop.click();
  await answer.ended('stopped');
});

test('a chat that was opened while a gateway said 502 opens by itself afterwards', async ({
  page,
  line,
  consoleWatch,
}) => {
  consoleWatch.allowGateway();
  const chat = new ChatPage(page);
  await chat.open(line.url);
  const { typed, asked } = prompt('Open me later.', { delta_ms: 1 });
  await (await chat.ask(typed, { model: 'demo/echo' })).ended('complete');
  // A page that knows the chat from the list alone.
  await page.goto(line.url);
  const sidebar = new Sidebar(page);
  await expect(sidebar.chat(asked)).toBeVisible();
  await expect(chat.message).toBeFocused();
  line.answerWith(502);
  await sidebar.chat(asked).click();
  await gatewayAnswers(line, '/api/load_conversation');
  await expect(page.getByText('Opening the chat…')).toBeVisible();
  line.mend();
  await expect(chat.questions).toHaveText([typed]);
});

test('a chat whose news could not be loaded has them once the gateway lets them through', async ({
  chat,
  page,
  newDevice,
  consoleWatch,
}) => {
  consoleWatch.allowGateway();
  const first = prompt('Before the news.', { delta_ms: 1 });
  await (await chat.ask(first.typed, { model: 'demo/echo' })).ended('complete');
  // What follows after an answer's end is over.
  await expect(new Sidebar(page).chat(first.asked)).not.toContainText('(answering)');
  const other = await newDevice();
  await other.open(page.url());
  let isRefused = (): void => {};
  const refused = new Promise<void>((resolve) => {
    isRefused = resolve;
  });
  let isMended = false;
  await page.route('**/api/load_conversation*', async (route) => {
    if (isMended) {
      return route.continue();
    }
    await route.fulfill({ status: 502, contentType: 'text/html', body: '<h1>502</h1>' });
    isRefused();
  });
  const second = prompt('The news.', { delta_ms: 1 });
  await (await other.ask(second.typed, { model: 'demo/echo' })).ended('complete');
  await refused;
  isMended = true;
  await expect(chat.questions).toHaveText([first.typed, second.typed]);
});

test('a Stop that does not reach Runnel is tried again until the answer has ended', async ({
  chat,
  page,
  emulator,
  consoleWatch,
}) => {
  consoleWatch.allowGateway();
  const { typed, asked } = prompt('Stop me in spite of it.');
  const answer = await chat.ask(typed, { model: 'demo/long' });
  await answer.hasGrownTo(40);
  let isMended = false;
  await page.route('**/api/stop_answer', (route) =>
    isMended ? route.continue() : route.fulfill({ status: 502, contentType: 'text/html', body: '<h1>502</h1>' }),
  );
  const refused = page.waitForResponse('**/api/stop_answer');
  await chat.stop.click();
  await refused;
  await expect(answer.progress).toHaveText('Not stopped yet: Runnel cannot be reached. Trying again…');
  await answer.grows(40);
  expect(await emulator.stats(asked)).toMatchObject({ open: 1 });
  isMended = true;
  await answer.ended('stopped');
  await expect(answer.progress).toBeHidden();
  await expect.poll(() => emulator.stats(asked)).toMatchObject({ requests: 1, open: 0, aborted: 1 });
});

test('a gateway that finds a question too long is asked once, and the question is kept', async ({ chat, page, consoleWatch }) => {
  consoleWatch.allow(/status of 413/, 'Chromium itself reports responses with an error status.');
  let asked = 0;
  await page.route('**/api/send_message', async (route) => {
    asked += 1;
    const body = '<html>\r\n<head><title>413 Request Entity Too Large</title></head>\r\n<body>nginx</body>\r\n</html>';
    await route.fulfill({ status: 413, contentType: 'text/html', body });
  });
  await chat.message.fill('A long question.');
  await chat.send.click();
  await expect(chat.notice).toHaveText(/^A gateway in front of Runnel refuses so long a question\./);
  await expect(chat.message).toHaveValue('A long question.');
  await expect(page).toHaveURL(/\/$/);
  expect(asked).toBe(1);
});

test('an EventSource that was cut off goes on where it was, by itself', async ({ page, line, consoleWatch }) => {
  consoleWatch.allowBrokenLine();
  const chat = new ChatPage(page);
  await chat.open(line.url);
  const answer = await chat.ask(prompt('Be followed.', { delta_ms: 20 }).typed, { model: 'demo/long' });
  await answer.hasGrownTo(20);
  const id = await answer.root.getAttribute('id');
  await page.evaluate((id) => {
    const source = new EventSource(`/api/follow_answer?id=${id}`);
    const heard: { ids: number[]; opened: number; ended: boolean } = { ids: [], opened: 0, ended: false };
    source.onopen = () => (heard.opened += 1);
    source.onmessage = ({ data, lastEventId }) => {
      heard.ids.push(Number(lastEventId));
      if (JSON.parse(data).end !== undefined) {
        heard.ended = true;
        source.close();
      }
    };
    Object.assign(globalThis, { heard });
  }, id);
  const heard = () => page.evaluate(() => (globalThis as unknown as { heard: { ids: number[]; opened: number; ended: boolean } }).heard);
  await expect.poll(async () => (await heard()).ids.length).toBeGreaterThan(20);
  line.cut();
  line.mend();
  await expect.poll(async () => (await heard()).opened, { timeout: 20_000 }).toBe(2);
  await chat.stop.click();
  await expect.poll(async () => (await heard()).ended).toBe(true);
  const { ids } = await heard();
  expect(ids, 'each event once').toEqual(ids.map((_, at) => at + 1));
});
