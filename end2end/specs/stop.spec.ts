// Stop: at any moment, from anywhere, with what was written kept.

import { ChatPage } from '../pages/chat.ts';
import { expect, hold, prompt, test } from '../fixtures.ts';

test('Stop stands where Send stood, in the same size', async ({ chat }) => {
  // The chat has begun, so that the composer is where it stays.
  const first = await chat.ask(prompt('Begin.', { delta_ms: 1 }).typed, { model: 'demo/echo' });
  await first.ended('complete');
  const sendBox = await chat.send.boundingBox();
  const answer = await chat.ask(prompt('Go on for long.').typed, { model: 'demo/long' });
  await answer.hasGrownTo(1);
  await expect(chat.send).toBeHidden();
  expect(await chat.stop.boundingBox()).toEqual(sendBox);
  await chat.stop.click();
  await answer.ended('stopped');
  await expect(chat.stop).toBeHidden();
  expect(await chat.send.boundingBox()).toEqual(sendBox);
});

test('an answer is stopped before its first token', async ({ chat, emulator }) => {
  const { typed, asked } = prompt('Think for long.', { first_ms: 60_000 });
  const answer = await chat.ask(typed, { model: 'demo/slow' });
  await expect.poll(async () => (await emulator.stats(asked)).open).toBe(1);
  await expect(answer.progress).toContainText('The model is getting ready.');
  await chat.stop.click();
  await answer.ended('stopped');
  await expect(answer.verdict).toHaveText('Stopped before anything was written.');
  await expect.poll(() => emulator.stats(asked)).toMatchObject({ requests: 1, open: 0, aborted: 1 });
});

test('a Stop while the question is still on its way stops it once it has arrived', async ({ chat, page, emulator }) => {
  const release = await hold(page, '**/api/send_message');
  const { typed, asked } = prompt('Never mind.');
  const answer = await chat.ask(typed, { model: 'demo/long' });
  await chat.stop.click();
  release();
  await answer.ended('stopped');
  await expect.poll(async () => (await emulator.stats(asked)).open).toBe(0);
});

test('an answer stopped in the middle keeps its text, also on a reload, and the upstream is left', async ({
  chat,
  page,
  emulator,
}) => {
  const { typed, asked } = prompt('Write an article.');
  const answer = await chat.ask(typed, { model: 'demo/long' });
  await answer.hasGrownTo(100);
  await chat.stop.click();
  await answer.ended('stopped');
  await expect(answer.verdict).toHaveText('Stopped. You keep what was written.');
  await expect.poll(() => emulator.stats(asked)).toMatchObject({ requests: 1, open: 0, aborted: 1 });

  const kept = await answer.read();
  expect(kept.length).toBeGreaterThanOrEqual(100);
  expect((await emulator.wholeAnswer('demo/long', `${asked} whole`)).startsWith(kept)).toBe(true);
  await page.reload();
  await answer.ended('stopped');
  expect(await answer.read()).toBe(kept);
});

test('Escape in the composer stops', async ({ chat, emulator }) => {
  const { typed, asked } = prompt('Write until Escape.');
  const answer = await chat.ask(typed, { model: 'demo/long' });
  await answer.hasGrownTo(20);
  await chat.message.press('Escape');
  await answer.ended('stopped');
  await expect.poll(async () => (await emulator.stats(asked)).open).toBe(0);
});

test('an answer is stopped while it waits for another attempt', async ({ chat, emulator }) => {
  const { typed, asked } = prompt('Refuse me.');
  const answer = await chat.ask(typed, { model: 'demo/error-503' });
  await expect(answer.progress).toContainText('The provider is overloaded or down. Trying again');
  await chat.stop.click();
  await answer.ended('stopped');
  const { requests } = await emulator.stats(asked);
  expect(requests).toBeLessThan(4);
  // The next question is free to be asked, and the refused one is not asked again meanwhile.
  const next = await chat.ask(prompt('Another.', { delta_ms: 1 }).typed, { model: 'demo/echo' });
  await next.ended('complete');
  expect((await emulator.stats(asked)).requests).toBe(requests);
});

test('an answer is stopped from another tab', async ({ chat, context, page, emulator }) => {
  const { typed, asked } = prompt('Write for two tabs.');
  const answer = await chat.ask(typed, { model: 'demo/long' });
  await answer.hasGrownTo(20);
  const other = new ChatPage(await context.newPage());
  await other.open(page.url());
  await other.answer().hasGrownTo(20);
  await other.stop.click();
  await other.answer().ended('stopped');
  await answer.ended('stopped');
  expect(await answer.read()).toBe(await other.answer().read());
  await expect.poll(() => emulator.stats(asked)).toMatchObject({ requests: 1, open: 0, aborted: 1 });
});

test('after a stop the chat goes on with what was written', async ({ chat }) => {
  const first = prompt('Begin an article.');
  const stopped = await chat.ask(first.typed, { model: 'demo/long' });
  await stopped.hasGrownTo(40);
  await chat.stop.click();
  await stopped.ended('stopped');
  const second = prompt('And now?', { delta_ms: 1, characters: 100 });
  const answer = await chat.ask(second.typed, { model: 'demo/context' });
  await answer.ended('complete');
  expect(JSON.parse(await answer.read())).toMatchObject({
    messages: [
      { role: 'user', content: first.typed },
      { role: 'assistant', content: await stopped.read() },
      { role: 'user', content: second.typed },
    ],
  });
});
