// The transcript follows its end only while the reader is there.

import type { Page } from '@playwright/test';
import type { ChatPage } from '../pages/chat.ts';
import { expect, prompt, test } from '../fixtures.ts';

/** As Place::scrolled in src/ui/transcript.rs: half a line counts as the end. */
const NEAR_THE_END = 12;

/** The largest distance from the end in the next `count` drawn frames in which the text grew. */
async function farthestFromEnd(page: Page, count: number): Promise<number> {
  return page.evaluate(async (count) => {
    const log = document.querySelector('[role=log]');
    if (log === null) {
      throw new Error('There is no transcript.');
    }
    // A message that is posted in a frame is handled after that frame was drawn.
    const drawn = () =>
      new Promise<void>((resolve) => {
        requestAnimationFrame(() => {
          const { port1, port2 } = new MessageChannel();
          port1.onmessage = () => resolve();
          port2.postMessage(null);
        });
      });
    let farthest = 0;
    let height = log.scrollHeight;
    for (let seen = 0; seen < count; ) {
      await drawn();
      if (log.scrollHeight > height) {
        height = log.scrollHeight;
        seen += 1;
        farthest = Math.max(farthest, log.scrollHeight - log.clientHeight - log.scrollTop);
      }
    }
    return farthest;
  }, count);
}

test('the transcript stays at its end while the text grows', async ({ chat, page }) => {
  const answer = await chat.ask(prompt('Write an article.', { delta_ms: 4, characters: 12 }).typed, {
    model: 'demo/long',
  });
  await expect.poll(() => chat.scrollTop(), { message: 'there is more than fits' }).toBeGreaterThan(0);
  expect(await farthestFromEnd(page, 15)).toBeLessThanOrEqual(NEAR_THE_END);
  await expect(chat.toEnd).toBeHidden();
  await answer.ended('complete');
  expect(await chat.distanceToEnd()).toBeLessThanOrEqual(NEAR_THE_END);
});

test('a reader who scrolls up is left alone, until they go to the end', async ({ chat, page }) => {
  const answer = await chat.ask(prompt('Write an article.', { delta_ms: 10, characters: 8 }).typed, {
    model: 'demo/long',
  });
  await expect.poll(() => chat.scrollTop()).toBeGreaterThan(400);
  await chat.log.hover();
  await page.mouse.wheel(0, -200);
  await expect(chat.toEnd).toBeVisible();
  // The wheel's movement comes to its rest first.
  let top = -1;
  await expect.poll(async () => {
    const before = top;
    top = await chat.scrollTop();
    return top === before;
  }).toBe(true);

  await answer.grows(600);
  expect(await chat.scrollTop(), 'the reader was left where they are').toBe(top);
  expect(await chat.distanceToEnd()).toBeGreaterThan(NEAR_THE_END);

  await answer.isRunning();
  await chat.toEnd.click();
  await expect(chat.toEnd).toBeHidden();
  expect(await farthestFromEnd(page, 5), 'and held at the end again').toBeLessThanOrEqual(NEAR_THE_END);
  await chat.stop.click();
  await answer.ended('stopped');
});

test('scrolling back to the end by hand holds the reader there again', async ({ chat, page }) => {
  const answer = await chat.ask(prompt('Write an article.', { delta_ms: 10, characters: 8 }).typed, {
    model: 'demo/long',
  });
  await expect.poll(() => chat.scrollTop()).toBeGreaterThan(300);
  await chat.log.hover();
  await page.mouse.wheel(0, -150);
  await expect(chat.toEnd).toBeVisible();
  // The end goes on while the wheel turns: it is turned until it is reached.
  await expect(async () => {
    await page.mouse.wheel(0, 10_000);
    await expect(chat.toEnd).toBeHidden({ timeout: 500 });
  }).toPass();
  expect(await farthestFromEnd(page, 5)).toBeLessThanOrEqual(NEAR_THE_END);
  await chat.stop.click();
  await answer.ended('stopped');
});

test('a question of one’s own is shown, wherever the reader was', async ({ chat, page }) => {
  const first = await chat.ask(prompt('Fill the page.', { delta_ms: 1, characters: 200 }).typed, { model: 'demo/long' });
  await first.ended('complete');
  await chat.log.hover();
  await page.mouse.wheel(0, -2000);
  await expect(chat.toEnd).toBeVisible();
  const second = prompt('Where am I?', { delta_ms: 1 });
  const answer = await chat.ask(second.typed, { model: 'demo/echo' });
  await answer.ended('complete');
  await expect(chat.questions.last()).toBeInViewport();
  await expect(answer.text).toBeInViewport();
  expect(await chat.distanceToEnd()).toBeLessThanOrEqual(NEAR_THE_END);
});

test('the composer never covers the text', async ({ chat }) => {
  const answer = await chat.ask(prompt('Fill the page.', { delta_ms: 1, characters: 200 }).typed, { model: 'demo/long' });
  await answer.ended('complete');
  const log = await chat.log.boundingBox();
  const composer = await chat.message.boundingBox();
  expect(log).not.toBeNull();
  expect((log?.y ?? 0) + (log?.height ?? 0)).toBeLessThanOrEqual(composer?.y ?? 0);
  await expect(answer.statsLine).toBeInViewport();
});

/** A chat of two screens, read at its start, whose first question has two versions. The first is shown. */
async function readFromTheStart(chat: ChatPage, page: Page): Promise<void> {
  const fill = { delta_ms: 1, characters: 200, repeat: 150 };
  await (await chat.ask(prompt('One.', fill).typed, { model: 'demo/echo' })).ended('complete');
  await (await chat.ask(prompt('Two.', fill).typed)).ended('complete');
  await chat.question(0).askInstead(prompt('Otherwise.', fill).typed);
  await expect(chat.question(0).versions.place).toHaveText('2/2');
  await chat.answer(0).ended('complete');
  await (await chat.ask(prompt('After it.', fill).typed)).ended('complete');
  await chat.question(0).versions.before.click();
  await expect(chat.question(0).versions.place).toHaveText('1/2');
  await chat.log.hover();
  await page.mouse.wheel(0, -20_000);
  await expect.poll(() => chat.scrollTop()).toBe(0);
}

/** Waits for so many drawn frames. */
async function frames(page: Page, count: number): Promise<void> {
  await page.evaluate(async (count) => {
    for (let seen = 0; seen < count; seen += 1) {
      await new Promise(requestAnimationFrame);
    }
  }, count);
}

test('another version of something far up leaves the reader there', async ({ chat, page }) => {
  await readFromTheStart(chat, page);
  for (const [arrow, place] of [
    ['next', '2/2'],
    ['before', '1/2'],
  ] as const) {
    await chat.question(0).versions[arrow].click();
    await expect(chat.question(0).versions.place).toHaveText(place);
    await frames(page, 12);
    expect(await chat.scrollTop()).toBe(0);
    await expect(chat.toEnd).toBeVisible();
  }
});

test('a question asked on another device leaves a reader far up where they are', async ({ chat, page, newDevice }) => {
  await readFromTheStart(chat, page);
  const other = await newDevice();
  await other.open(page.url());
  await (await other.ask(prompt('From elsewhere.', { delta_ms: 1 }).typed, { model: 'demo/echo' })).ended('complete');
  await expect(chat.questions).toHaveCount(3);
  await frames(page, 12);
  expect(await chat.scrollTop()).toBe(0);
});

for (const by of ['mouse', 'keyboard'] as const) {
  test(`another version is shown where its arrow was pressed by ${by}, however long it is`, async ({ chat, page }) => {
    const short = prompt('Short.', { delta_ms: 1 });
    await (await chat.ask(short.typed, { model: 'demo/echo' })).ended('complete');
    await chat.question(0).askInstead(prompt('Long.', { delta_ms: 1, characters: 200, repeat: 400 }).typed);
    await expect(chat.question(0).versions.place).toHaveText('2/2');
    await chat.answer(0).ended('complete');
    await chat.log.hover();
    await page.mouse.wheel(0, -20_000);
    await expect.poll(() => chat.scrollTop()).toBe(0);
    await chat.question(0).versions.before.click();
    await expect(chat.question(0).text).toHaveText(short.typed);
    await expect(chat.toEnd).toBeHidden();
    const { next } = chat.question(0).versions;
    await (by === 'mouse' ? next.click() : next.press('Enter'));
    await expect(chat.question(0).versions.place).toHaveText('2/2');
    await frames(page, 12);
    expect(await chat.scrollTop()).toBe(0);
    await expect(chat.toEnd).toBeVisible();
  });
}

test('a reader at the end is held there while the field for the question grows', async ({ chat, page }) => {
  const answer = await chat.ask(prompt('Write an article.', { delta_ms: 1, characters: 200 }).typed, { model: 'demo/long' });
  await answer.ended('complete');
  const before = await chat.log.boundingBox();
  await chat.message.fill('One line\nand another\nand a third\nand a fourth');
  await expect.poll(async () => (await chat.log.boundingBox())?.height).toBeLessThan(before?.height ?? 0);
  await expect.poll(() => chat.distanceToEnd()).toBeLessThanOrEqual(NEAR_THE_END);
  // Each letter has the field measured, although it stays as it is.
  await chat.message.press('ControlOrMeta+End');
  for (const letter of ' line') {
    await page.keyboard.type(letter);
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
    expect(await chat.distanceToEnd(), letter).toBeLessThanOrEqual(NEAR_THE_END);
  }
  await expect(chat.toEnd).toBeHidden();
  await chat.log.hover();
  await page.mouse.wheel(0, -400);
  await expect(chat.toEnd).toBeVisible();
  let top = -1;
  await expect
    .poll(async () => {
      const before = top;
      top = await chat.scrollTop();
      return top === before;
    }, { message: 'the wheel’s movement comes to its rest' })
    .toBe(true);
  await chat.message.fill('One line');
  await expect.poll(async () => (await chat.log.boundingBox())?.height).toBe(before?.height);
  expect(await chat.scrollTop(), 'who has left the end is left alone').toBe(top);
});
