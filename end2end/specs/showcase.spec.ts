// How an answer looks, compared with pictures that were looked at: after a change that is meant, they are made anew
// with `npx playwright test showcase --update-snapshots`, and looked at again.

import { expect, test } from '../fixtures.ts';

const SIZES = { desktop: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } };

/** Edges of letters may be drawn a little differently. */
const LARGEST_DIFFERENCE = 0.02;

for (const [size, viewport] of Object.entries(SIZES)) {
  for (const colorScheme of ['light', 'dark'] as const) {
    test.describe(`${size}, ${colorScheme}`, () => {
      test.use({ viewport, colorScheme, contextOptions: { reducedMotion: 'reduce' } });

      test('the showcase answer looks as it should', async ({ chat, page }) => {
        const answer = await chat.ask('[[delta_ms=1 characters=200]] Show me everything.', { model: 'demo/showcase' });
        await answer.ended('complete');
        await page.evaluate(() => document.fonts.ready);
        // All of it has to be in sight to be in the picture.
        const hidden = await chat.log.evaluate((log) => log.scrollHeight - log.clientHeight);
        await page.setViewportSize({ width: viewport.width, height: viewport.height + hidden + 100 });
        await expect.poll(() => chat.log.evaluate((log) => log.scrollHeight - log.clientHeight)).toBe(0);
        await page.mouse.move(0, 0);
        await expect(answer.root).toHaveScreenshot(`showcase-${size}-${colorScheme}.png`, {
          maxDiffPixelRatio: LARGEST_DIFFERENCE,
          animations: 'disabled',
          // The figures are of their moment.
          mask: [answer.root.locator('.answer-foot')],
        });
      });
    });
  }
}
