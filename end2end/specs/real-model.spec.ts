// The main job against a real language model: llama.cpp's server with SmolLM2-135M-Instruct.

import { test as base } from '../fixtures.ts';
import { expect } from '../fixtures.ts';
import { ChatPage } from '../pages/chat.ts';
import { Runnel, startRealModel } from '../programs.ts';
import { recordText } from '../recorders.ts';

/** Runnel in front of the real model; one of each for the file. */
const test = base.extend<object, { realRunnel: Runnel }>({
  realRunnel: [
    async ({}, use) => {
      const [model, baseUrl] = await startRealModel();
      const runnel = await Runnel.start({
        OPENROUTER_BASE_URL: baseUrl,
        // A real model thinks in silence, on a machine that may be busy.
        RUNNEL_IDLE_TIMEOUT: '60',
        RUNNEL_PROGRESS_TIMEOUT: '120',
      });
      await use(runnel);
      await runnel.program.stop();
      await model.stop();
    },
    { scope: 'worker', timeout: 60_000 },
  ],
});

// One worker, so that the model is loaded once and has the machine to itself.
test.describe.configure({ mode: 'default', timeout: 120_000 });

test('a real model answers, piece by piece, and says what it used', async ({ page, realRunnel }) => {
  const chat = new ChatPage(page);
  await chat.open(realRunnel.url);
  const changes = await recordText(page);
  const answer = await chat.ask('In two sentences: why is the sky blue?', { temperature: '0', maxTokens: '48' });
  await answer.ended('complete', 90_000);

  const lengths = (await changes()).map((change) => change.length).filter((length) => length > 0);
  expect(new Set(lengths).size, 'the text grew').toBeGreaterThan(5);
  // It may take back a sign that turns out to be Markdown, so that it is not longer each time.
  expect(lengths.at(-1), 'and was longest at its end').toBe(Math.max(...lengths));
  expect(await answer.read(), 'a language model wrote this').toMatch(/(\p{L}+[ ,.]+){5}/u);
  await expect(answer.statsLine).toHaveText(/\d+ tokens · \d+ tokens\/s/);
  await answer.statsLine.click();
  await expect(answer.figure('Model')).toHaveText(/smollm2/i);
  await expect(answer.figure('Tokens in')).toHaveText(/^[1-9]\d*$/);
  await expect(answer.figure('Tokens out')).toHaveText(/^[1-9]\d*$/);
  await expect(answer.figure('Finish reason')).toHaveText(/^(stop|length)$/);
});

test('a real model is stopped in the middle, and is free for the next question', async ({ page, realRunnel }) => {
  const chat = new ChatPage(page);
  await chat.open(realRunnel.url);
  const answer = await chat.ask('Write a long story about a river.', { temperature: '0', maxTokens: '1500' });
  await answer.hasGrownTo(20);
  await chat.stop.click();
  await answer.ended('stopped');
  await expect(answer.verdict).toHaveText('Stopped. You keep what was written.');
  const kept = await answer.read();

  // It has one place for an answer: a story that still ran would keep this one waiting for minutes.
  const next = await chat.ask('Say hello.', { maxTokens: '8' });
  await next.ended('complete', 60_000);
  expect(await next.length()).toBeGreaterThan(0);
  expect(await answer.read()).toBe(kept);
});

test('the real model’s name is offered, and its refusal of a wrong request is told', async ({ page, realRunnel }) => {
  const chat = new ChatPage(page);
  await chat.open(realRunnel.url);
  await chat.openSettings();
  await expect(page.locator('datalist#models option[value="smollm2-135m-instruct"]')).toHaveCount(1);
  await chat.closeSettings();
  // More than the model can read.
  const answer = await chat.ask('river '.repeat(4000));
  await answer.ended('failed', 60_000);
  await expect(answer.verdict).toHaveText('This conversation is too long for the model.');
});
