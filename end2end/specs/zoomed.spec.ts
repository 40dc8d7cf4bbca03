// A page at 400 % zoom, as large as a postcard: what was said keeps half of it.

import { expect, prompt, test } from '../fixtures.ts';

/** 1280 x 800 at 400 %. */
const ZOOMED = { width: 320, height: 200 };

test.use({ viewport: ZOOMED });

test('the transcript keeps half the height, whatever is written below it', async ({ chat, page }) => {
  const answer = await chat.ask(prompt('Fill the page.', { delta_ms: 1, characters: 200 }).typed, { model: 'demo/long' });
  await answer.ended('complete');
  const share = () => chat.log.evaluate((log) => log.getBoundingClientRect().height / innerHeight);
  expect(await share()).toBeGreaterThanOrEqual(0.5);

  await chat.message.fill('One line\nand another\n'.repeat(20));
  expect(await share(), 'with a long question in the field').toBeGreaterThanOrEqual(0.5);
  await expect(chat.send).toBeInViewport({ ratio: 1 });
  await expect(chat.settingsButton).toBeInViewport({ ratio: 1 });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  expect(wide, 'nothing is to be scrolled sideways').toBeLessThanOrEqual(ZOOMED.width);
});

test('a chat is begun, and its settings are opened and closed', async ({ chat }) => {
  await expect(chat.greeting).toBeInViewport();
  await expect(chat.message).toBeInViewport({ ratio: 1 });
  await chat.openSettings();
  await chat.field('Temperature').scrollIntoViewIfNeeded();
  await expect(chat.field('Temperature')).toBeInViewport();
  await chat.closeSettings();
});
