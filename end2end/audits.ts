// What a page is checked for as a whole: what axe finds, and what is too small for a finger.

import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';

/** Every rule of axe that finds something, with the places. */
export async function violations(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map((node) => `${id}: ${help}: ${node.target.join(' ')}: ${node.failureSummary ?? ''}`),
  );
}

/** WCAG 2.5.5 and the design's own rule. */
const SMALLEST_TARGET = 44;

/** Everything visible that is tapped, too small for a finger. */
export async function smallTargets(page: Page): Promise<string[]> {
  const targets = page.locator('button:visible, header a:visible, nav a:visible, summary:visible, input:not([type=radio]):visible, label.radio:visible');
  const small: string[] = [];
  for (const target of await targets.all()) {
    const box = await target.boundingBox();
    if (box === null || box.width < SMALLEST_TARGET || box.height < SMALLEST_TARGET) {
      const name = await target.evaluate((element) => element.getAttribute('aria-label') ?? element.id + element.textContent);
      small.push(`${name}: ${box?.width} x ${box?.height}`);
    }
  }
  return small;
}
