// The API key stays inside Runnel, whatever goes wrong.

import { randomUUID } from 'node:crypto';
import type { Request } from '@playwright/test';
import { ChatPage } from '../pages/chat.ts';
import { SettingsPage } from '../pages/settings.ts';
import { expect, prompt, test } from '../fixtures.ts';

test('the key is in nothing that the browser gets, and in no log', async ({ page, emulator, startRunnel }) => {
  const secret = randomUUID().replaceAll('-', '');
  const key = `sk-or-v1-${secret}`;
  const runnel = await startRunnel({
    OPENROUTER_API_KEY: key,
    OPENROUTER_BASE_URL: emulator.baseUrl,
    RUNNEL_DEFAULT_MODEL: 'demo/plain',
    RUST_LOG: 'debug',
  });

  // All that comes over the network, heads and bodies.
  const received: Promise<string>[] = [];
  const seen: string[] = [];
  page.on('response', (response) => seen.push(`${response.url()} ${JSON.stringify(response.headers())}`));
  // A request that a reload cuts off never finishes, and nothing of its body has come.
  const readWhole = async (request: Request): Promise<string> => {
    const response = await request.response();
    const body = await response?.body().catch(() => undefined);
    return `${request.url()}\n${(body ?? Buffer.from('(no body)')).toString('latin1')}`;
  };
  page.on('requestfinished', (request) => received.push(readWhole(request)));

  const chat = new ChatPage(page);
  await chat.open(runnel.url);
  const good = await chat.ask(prompt('Hello.', { delta_ms: 1 }).typed);
  await good.ended('complete');
  expect((await emulator.lastRequest()).headers.authorization.present, 'the upstream did get a key').toBe(true);
  const leak = await chat.ask(prompt('Leak it.', { delta_ms: 1 }).typed, { model: 'demo/error-leak' });
  await leak.ended('failed');
  await expect(leak.outcome).toContainText("Invalid credentials: 'Bearer [key]' is not known here");
  const context = await chat.ask(prompt('Show all.', { delta_ms: 1, characters: 99 }).typed, { model: 'demo/context' });
  await context.ended('complete');
  seen.push(await page.content());
  // A reload makes Chromium forget the bodies of the streams: they are read once more, as they were sent.
  const streams: string[] = [];
  for (const answer of [good, leak, context]) {
    const response = await fetch(`${runnel.url}/api/follow_answer?id=${await answer.root.getAttribute('id')}`);
    streams.push(await response.text());
  }
  await page.reload();
  await chat.answer(2).ended('complete');
  seen.push(await page.content());
  await chat.openSettings();
  await expect(page.locator('datalist#models option').first()).toBeAttached();
  await chat.settingsLink.click();
  await expect(new SettingsPage(page).heading).toBeVisible();
  seen.push(await page.content());
  seen.push(await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }) + document.cookie));
  seen.push(...(await Promise.all(received)));
  seen.push(runnel.program.said);

  expect(streams.filter((text) => text.includes('"end"')), 'the streams were read').toHaveLength(3);
  expect(streams.some((text) => text.includes('Invalid credentials')), 'with their bodies').toBe(true);
  seen.push(...streams);
  expect(runnel.program.said, 'there is a log').toContain('DEBUG');
  for (const text of seen) {
    expect(text.includes(secret), `the key is in: ${text.slice(0, 300)}`).toBe(false);
  }
});

test('a key that cannot be one of OpenRouter’s is refused at start, and not repeated', async ({ startRunnel }) => {
  const start = startRunnel({ OPENROUTER_API_KEY: 'sk-proj-0123456789abcdef' });
  const error = await start.then(
    () => 'it started',
    (error: unknown) => String(error),
  );
  expect(error).toContain('OPENROUTER_API_KEY is not an OpenRouter key');
  expect(error).not.toContain('0123456789abcdef');
});

test('a picture or a link in an answer fetches nothing from elsewhere', async ({ chat, page, runnel }) => {
  const elsewhere: string[] = [];
  page.on('request', (request) => {
    // A picture within an answer is given an address by the page itself.
    const isOwn = [runnel.url, `blob:${runnel.url}`, 'data:'].some((start) => request.url().startsWith(start));
    if (!isOwn) {
      elsewhere.push(request.url());
    }
  });
  for (const model of ['demo/citations', 'demo/image', 'demo/script']) {
    const answer = await chat.ask(prompt('Fetch something.', { delta_ms: 1, characters: 99 }).typed, { model });
    await answer.ended('complete');
  }
  await expect(chat.answer(0).root.locator('.citation').getByRole('link')).toHaveCount(2);
  await expect(chat.answer(1).root.getByRole('img')).toBeVisible();
  expect(elsewhere).toEqual([]);
});
