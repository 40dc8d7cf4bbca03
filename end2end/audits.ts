// What a page is checked for as a whole: what axe finds, and what is too small for a finger.

import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';

/** What is said aloud is what is seen: who speaks to the page can name what they see. */
const NOT_BY_DEFAULT = { 'label-content-name-mismatch': { enabled: true } };

/** Every rule of axe that finds something, with the places. */
export async function violations(page: Page): Promise<string[]> {
  // What frames hold is put together in another page; a page without frames is read where it is.
  const hasFrames = page.frames().length > 1;
  const axe = new AxeBuilder({ page }).options({ rules: NOT_BY_DEFAULT }).setLegacyMode(!hasFrames);
  const { violations } = await axe.analyze();
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map((node) => `${id}: ${help}: ${node.target.join(' ')}: ${node.failureSummary ?? ''}`),
  );
}

/** WCAG 2.5.5 and the design's own rule. */
const SMALLEST_TARGET = 44;

/** What it is called, and how large it is for a finger: what is laid around it with ::after belongs to it. */
function touchedAs(element: Element): { name: string; width: number; height: number } {
  const { width, height } = element.getBoundingClientRect();
  const { content, position, top, right, bottom, left } = getComputedStyle(element, '::after');
  const isAround = content !== 'none' && position === 'absolute';
  const around = (...insets: string[]) => (isAround ? insets.reduce((sum, inset) => sum + Math.max(0, -Number.parseFloat(inset)), 0) : 0);
  return {
    name: element.getAttribute('aria-label') ?? element.id + element.textContent,
    width: width + around(left, right),
    height: height + around(top, bottom),
  };
}

/** Everything visible that is tapped, too small for a finger. */
export async function smallTargets(page: Page): Promise<string[]> {
  const targets = page.locator('button:visible, header a:visible, nav a:visible, summary:visible, input:not([type=radio], :disabled):visible, label.radio:visible');
  const small: string[] = [];
  for (const target of await targets.all()) {
    const { name, width, height } = await target.evaluate(touchedAs);
    if (width < SMALLEST_TARGET || height < SMALLEST_TARGET) {
      small.push(`${name}: ${width} x ${height}`);
    }
  }
  return small;
}
