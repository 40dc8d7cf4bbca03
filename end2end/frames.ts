// Frames that come when a test says so.

import type { Page } from '@playwright/test';

/** From now on the page is given no frame. Each call of what is returned gives it one. */
export async function holdFrames(page: Page): Promise<() => Promise<void>> {
  const held = await page.evaluateHandle(() => {
    const frames: FrameRequestCallback[] = [];
    window.requestAnimationFrame = (frame) => frames.push(frame);
    return frames;
  });
  return () => held.evaluate((frames) => frames.splice(0).forEach((frame) => frame(performance.now())));
}
