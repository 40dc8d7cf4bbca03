// An upstream that cannot be asked is said before anybody asks; and a question that is refused was never sent.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { ChatPage } from '../pages/chat.ts';
import { Sidebar } from '../pages/sidebar.ts';
import { expect, prompt, test } from '../fixtures.ts';
import { freePort, Program, RUNNEL_BIN } from '../programs.ts';

/** Runnel looks again after some seconds, and the page asks Runnel every two. */
const UNTIL_NOTICED = { timeout: 25_000 };

test('an unreachable upstream is said on the home page, until it is there', async ({ page, startRunnel, consoleWatch }) => {
  consoleWatch.allow(/status of 502/, 'Chromium itself reports responses with an error status.');
  const port = await freePort();
  const runnel = await startRunnel({ OPENROUTER_BASE_URL: `http://127.0.0.1:${port}/api/v1` });
  const chat = new ChatPage(page);
  await chat.open(runnel.url);
  const words = `The model server at 127.0.0.1:${port} cannot be reached. Check that it is running, and OPENROUTER_BASE_URL.`;
  await expect(page.getByText(words)).toBeVisible();

  const { typed } = prompt('Is anybody there?', { delta_ms: 1 });
  await chat.message.fill(typed);
  await chat.send.click();
  await expect(chat.notice).toHaveText(words);
  await expect(page.getByText(words), 'said once').toHaveCount(1);
  await expect(chat.message).toHaveValue(typed);
  await expect(chat.greeting).toBeVisible();
  await expect(page).toHaveURL(`${runnel.url}/`);
  await expect(page).toHaveTitle('Runnel');
  await expect(new Sidebar(page).chats).toHaveCount(0);
  await page.reload();
  await expect(chat.message).toHaveValue(typed);
  await expect(page.getByText(words)).toBeVisible();

  const [upstream] = await Program.start(RUNNEL_BIN, ['demo-upstream', '--at', `127.0.0.1:${port}`], {}, /OpenRouter is at (http:\S+)\s/);
  await expect(page.getByText(words)).toHaveCount(0, UNTIL_NOTICED);
  await chat.send.click();
  await chat.answer().ended('complete');
  await expect(chat.questions).toHaveText([typed]);
  await expect(page).toHaveURL(/\/c\/[0-9a-f-]{36}$/);
  await upstream.stop();
});

test('a key that is refused is said on the home page, and nothing is asked', async ({ page, startRunnel, consoleWatch }) => {
  consoleWatch.allow(/status of 502/, 'Chromium itself reports responses with an error status.');
  // As vLLM with --api-key does: also its list of models wants the key.
  const upstream = createServer((_request, response) => {
    response.writeHead(401, { 'content-type': 'application/json' }).end('{"error": {"message": "Unauthorized"}}');
  }).listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  const host = `127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  const runnel = await startRunnel({ OPENROUTER_BASE_URL: `http://${host}/v1`, OPENROUTER_API_KEY: 'a key of yesterday' });
  const chat = new ChatPage(page);
  await chat.open(runnel.url);
  const words = `The model server at ${host} did not accept the API key. Check OPENROUTER_API_KEY and restart Runnel.`;
  await expect(page.getByText(words)).toBeVisible();

  const { typed } = prompt('May I?', { delta_ms: 1 });
  await chat.message.fill(typed);
  await chat.send.click();
  await expect(chat.notice).toHaveText(words);
  await expect(chat.message).toHaveValue(typed);
  await expect(page).toHaveURL(`${runnel.url}/`);
  await expect(new Sidebar(page).chats).toHaveCount(0);
  upstream.close();
});

test('an answer that the disk did not take says so until it is kept', async ({ page, emulator, consoleWatch }) => {
  const [program, url] = await Program.start(
    'sh',
    // A file that may not grow is an error for Runnel then, and not its end.
    ['-c', 'trap "" XFSZ; exec "$0" "$@"', RUNNEL_BIN, '--listen', '127.0.0.1:0'],
    { PATH: process.env['PATH'] ?? '', RUNNEL_DATABASE_URL: 'runnel.db', OPENROUTER_BASE_URL: emulator.baseUrl },
    /Runnel is at (http:\S+)\s/,
  );
  consoleWatch.allow(/status of 500/, 'Chromium itself reports responses with an error status.');
  const chat = new ChatPage(page);
  await chat.open(url);
  const { typed } = prompt('Is there room?', { delta_ms: 5 });
  const answer = await chat.ask(typed, { model: 'demo/long' });
  await answer.hasGrownTo(100);
  await program.limitFileSize(0);
  await chat.stop.click();
  await answer.ended('stopped');
  const notice = answer.root.getByRole('alert');
  await expect(notice).toHaveText(/^Not kept yet: Runnel's database cannot be written\.|^Not kept yet: the disk is full\./);
  const words = await answer.words();

  await program.limitFileSize('unlimited');
  await expect(notice).toHaveCount(0, UNTIL_NOTICED);
  await page.reload();
  await answer.ended('stopped');
  expect(await answer.words()).toBe(words);
  await expect(notice).toHaveCount(0);
  consoleWatch.end();
  await program.stop();
});

test('a first question that is refused leaves no address, and can be sent from where it is', async ({
  chat,
  page,
  consoleWatch,
}) => {
  consoleWatch.allow(/status of 400/, 'Chromium itself reports responses with an error status.');
  const refusal = { kind: 'bad_request', message: 'This is what the server has against it.' };
  await page.route('**/api/send_message', (route) =>
    route.fulfill({ status: 400, headers: { serverfnerror: '1' }, json: refusal }),
  );
  const { typed } = prompt('Refuse me first.', { delta_ms: 1 });
  await chat.set({ model: 'demo/echo' });
  await chat.message.fill(typed);
  await chat.send.click();
  await expect(chat.notice).toHaveText(refusal.message);
  await expect(page).toHaveURL(/\/$/);
  await expect(chat.settingsButton, 'what was set stays').toContainText('demo/echo');
  await page.reload();
  await expect(chat.message).toHaveValue(typed);
  await expect(chat.settingsButton).toContainText('demo/echo');
  await page.unroute('**/api/send_message');
  await chat.isAlive();
  await chat.message.press('Enter');
  await chat.answer().ended('complete');
  await expect(page).toHaveURL(/\/c\/[0-9a-f-]{36}$/);
  await chat.newChat.click();
  await expect(chat.greeting).toBeVisible();
  await expect(chat.message).toHaveValue('');
});
