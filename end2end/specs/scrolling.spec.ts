// The transcript follows its end only while the reader is there.

import type { Page } from '@playwright/test';
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
