// Reading an answer: with keys, with a screen reader, from right to left, and with less motion.

import type { Page } from '@playwright/test';
import { violations } from '../audits.ts';
import { recordDrawn } from '../drawn.ts';
import type { Answer, ChatPage } from '../pages/chat.ts';
import { expect, test } from '../fixtures.ts';
import { recordWords } from '../recorders.ts';

/** As in scrolling.spec.ts: half a line counts as the end. */
const NEAR_THE_END = 12;

/** How far below the upper edge of the transcript an answer's start may stand to count as at the top. */
const NEAR_THE_START = 80;

async function article(chat: ChatPage, pace = 'delta_ms=1 characters=200'): Promise<Answer> {
  return chat.ask(`[[${pace}]] Write an article.`, { model: 'demo/long' });
}

/** Where an answer begins, below the upper edge of the transcript, in CSS pixels. */
async function startOf(chat: ChatPage, answer: Answer): Promise<number> {
  const [log, start] = await Promise.all([chat.log.boundingBox(), answer.root.boundingBox()]);
  return (start?.y ?? Number.NaN) - (log?.y ?? Number.NaN);
}

async function isAtStart(chat: ChatPage, answer: Answer): Promise<void> {
  await expect.poll(async () => Math.abs(await startOf(chat, answer)), 'the answer’s start is at the top').toBeLessThanOrEqual(NEAR_THE_START);
}

/** Waits until the transcript is at rest. Gives how far it is scrolled. */
async function rests(chat: ChatPage): Promise<number> {
  let top = -1;
  await expect.poll(async () => {
    const before = top;
    top = await chat.scrollTop();
    return top === before;
  }).toBe(true);
  return top;
}

test.describe('keys', () => {
  test('lead to the start of an answer and to its end, from the transcript and from where one types', async ({ chat, page }) => {
    const answer = await article(chat);
    await answer.ended('complete');
    for (const place of [chat.log, chat.message]) {
      await place.focus();
      await page.keyboard.press('Alt+ArrowUp');
      await isAtStart(chat, answer);
      await expect(chat.toEnd).toBeVisible();
      await page.keyboard.press('Alt+ArrowDown');
      await expect.poll(() => chat.distanceToEnd()).toBeLessThanOrEqual(NEAR_THE_END);
      await expect(chat.toEnd).toBeHidden();
    }
  });

  test('lead to the start of the answer that is read, of several', async ({ chat, page }) => {
    const first = await article(chat);
    await first.ended('complete');
    const second = await article(chat);
    await second.ended('complete');
    await chat.log.focus();
    await page.keyboard.press('Alt+ArrowUp');
    await isAtStart(chat, second);

    await first.markdown.heading('3. Events on a wire').scrollIntoViewIfNeeded();
    await page.keyboard.press('Alt+ArrowUp');
    await isAtStart(chat, first);
  });

  test('lead away from an answer that is being written, and back to where it is written', async ({ chat, page }) => {
    const answer = await article(chat, 'delta_ms=10 characters=8');
    await expect.poll(() => chat.scrollTop()).toBeGreaterThan(300);
    await chat.log.focus();
    await page.keyboard.press('Alt+ArrowUp');
    await isAtStart(chat, answer);
    const top = await rests(chat);
    await answer.grows(600);
    expect(await chat.scrollTop(), 'the reader is left there').toBe(top);

    await answer.isRunning();
    await page.keyboard.press('Alt+ArrowDown');
    await expect(chat.toEnd).toBeHidden();
    await answer.grows(400);
    expect(await chat.distanceToEnd(), 'and is held at the end again').toBeLessThanOrEqual(NEAR_THE_END);
    await chat.stop.click();
    await answer.ended('stopped');
  });
});

test('a reader who scrolls up is never moved while blocks are finished below', async ({ chat, page }) => {
  const answer = await chat.ask('[[delta_ms=4 characters=6]] Show me everything.', { model: 'demo/showcase' });
  await expect.poll(() => chat.scrollTop(), { timeout: 20_000 }).toBeGreaterThan(600);
  await chat.log.hover();
  await page.mouse.wheel(0, -400);
  await expect(chat.toEnd).toBeVisible();
  const top = await rests(chat);
  await answer.isRunning();

  const seen = await page.evaluateHandle(() => {
    const log = document.querySelector('[role=log]');
    const box = log?.getBoundingClientRect();
    // What is read: the block in the middle of what is visible.
    const read = document.elementFromPoint((box?.x ?? 0) + (box?.width ?? 0) / 2, (box?.y ?? 0) + (box?.height ?? 0) / 2);
    const places = new Set<string>();
    const look = () => {
      places.add(`${log?.scrollTop} ${read?.getBoundingClientRect().y} ${read?.isConnected}`);
      requestAnimationFrame(look);
    };
    look();
    return places;
  });
  await answer.ended('complete', 30_000);
  expect(await seen.evaluate((places) => [...places]), 'one place in every frame').toHaveLength(1);
  expect(await chat.scrollTop()).toBe(top);
});

test('a reader at the end is held there while blocks are finished', async ({ chat, page }) => {
  const answer = await chat.ask('[[delta_ms=3 characters=10]] Show me everything.', { model: 'demo/showcase' });
  await expect.poll(() => chat.scrollTop()).toBeGreaterThan(0);
  const drawn = await recordDrawn(page);
  await answer.ended('complete');
  expect(await chat.distanceToEnd()).toBeLessThanOrEqual(NEAR_THE_END);
  const { tops } = await drawn();
  expect(tops, 'it never goes back').toEqual([...tops].sort((a, b) => a - b));
});

test.describe('for those who listen', () => {
  test('the start is said, and the end with the length, and nothing of the text by itself', async ({ chat, page }) => {
    const first = await chat.hear('Begin the log.');
    await first.ended('complete');
    const announced = await recordWords(page, '[role=status]');
    const before = await announced();
    const text = '# One\n\n**Bold** and `code`.\n\n| a | b |\n| - | - |\n| c | d |\n\n```mermaid\ngraph TD\n  A --> B\n```\n\n$x^2$';
    const answer = await chat.hear(text, { delta_ms: 5, characters: 4 });
    await answer.ended('complete');
    const lives = '[aria-live]:not([aria-live=off]), [role=status], [role=alert], [role=log], [role=timer], [role=marquee], output';
    await expect(answer.text.locator(lives)).toHaveCount(0);
    expect(await announced()).toEqual([...before, 'Answering.', `Answer complete, ${text.length} characters.`]);
    await expect(chat.status).toHaveCount(1);
  });

  test('headings of an answer are beneath the page’s own, in their order', async ({ chat, page }) => {
    const answer = await chat.hear('# One\n\n## Two\n\n### Three\n\n#### Four\n\n##### Five\n\n###### Six');
    await answer.ended('complete');
    await expect(page.getByRole('heading', { level: 1 })).toHaveCount(1);
    const levels = await answer.text.getByRole('heading').evaluateAll((headings) => headings.map(({ localName }) => localName));
    expect(levels).toEqual(['h2', 'h3', 'h4', 'h5', 'h6', 'h6']);
  });

  test('Tab leads through a block’s buttons before it leads on', async ({ chat, page }) => {
    const answer = await chat.hear('```rust\nfn main() {}\n```\n\n| a |\n| - |\n| b |\n\n[A link](https://example.org)');
    await answer.ended('complete');
    const { markdown } = answer;
    const table = markdown.table();
    await markdown.code().wrap.focus();
    for (const next of [markdown.code().download, markdown.code().copy, markdown.code().code]) {
      await page.keyboard.press('Tab');
      await expect(next).toBeFocused();
    }
    for (const next of [table.copyCsv, table.copyMarkdown, table.scroller, markdown.links.first()]) {
      await page.keyboard.press('Tab');
      await expect(next).toBeFocused();
    }
  });
});

test.describe('axe finds nothing', () => {
  test.use({ contextOptions: { reducedMotion: 'reduce' } });

  // Without the chats of other tests, which axe would look at too.
  test.beforeEach(async ({ chat, ownRunnel }) => {
    await chat.open(ownRunnel.url);
  });

  const inBoth = async (page: Page) => {
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      expect(await violations(page), colorScheme).toEqual([]);
    }
  };

  test('on the showcase, light and dark', async ({ chat, page }) => {
    const answer = await chat.ask('[[delta_ms=1 characters=200]] Show me everything.', { model: 'demo/showcase' });
    await answer.ended('complete');
    await answer.root.locator('.reasoning summary').click();
    await inBoth(page);
  });

  test('on the showcase half written, light and dark', async ({ chat, page }) => {
    const answer = await chat.ask('[[delta_ms=20 characters=12 repeat=3]] Show me everything.', { model: 'demo/showcase' });
    await expect(answer.markdown.heading('What it costs')).toBeVisible({ timeout: 20_000 });
    await inBoth(page);
    await chat.stop.click();
    await answer.ended('stopped');
  });

  test('on what cannot be shown: wrong formulas, dead links, hidden characters', async ({ chat, page }) => {
    const answer = await chat.hear(
      '$\\frac{1}{$ [dead](javascript:x) `a\u202Eb` <b>html</b> ![x](https://pictures.example/x.png) [^1]\n\n[^1]: A note.',
    );
    await answer.ended('complete');
    await inBoth(page);
  });
});

test.describe('from right to left', () => {
  const ARABIC = 'يصل الجواب **قطعة قطعة** فوق HTTP.';

  test('each block has the direction of its own text', async ({ chat }) => {
    const answer = await chat.hear(
      [`# ${ARABIC}`, ARABIC, 'An English paragraph.', `> ${ARABIC}`, `- ${ARABIC}`, `| ${ARABIC} | English |\n| --- | --- |\n| ${ARABIC} | x |`].join('\n\n'),
    );
    await answer.ended('complete');
    const { root } = answer.markdown;
    const direction = (selector: string) => root.locator(selector).first().evaluate((element) => getComputedStyle(element).direction);
    for (const selector of ['h2', 'p', 'blockquote', 'ul', 'th', 'td']) {
      expect(await direction(selector), selector).toBe('rtl');
    }
    for (const selector of ['p:text-is("An English paragraph.")', 'th:nth-child(2)', 'td:nth-child(2)']) {
      expect(await direction(selector), selector).toBe('ltr');
    }
  });

  test('code goes from left to right wherever it stands', async ({ chat }) => {
    const answer = await chat.hear(`${ARABIC}\n\n\`\`\`python\nprint("العربية")\n\`\`\`\n\n- ${ARABIC}\n\n  \`\`\`sh\necho 1 2\n  \`\`\``);
    await answer.ended('complete');
    for (const at of [0, 1]) {
      expect(await answer.markdown.code(at).code.evaluate((code) => getComputedStyle(code).direction)).toBe('ltr');
    }
  });

  test('a bullet stands on the side where its text begins', async ({ chat }) => {
    const answer = await chat.hear(`- ${ARABIC}`);
    await answer.ended('complete');
    const [list, item] = await answer.markdown.root.evaluate((root) => [root.querySelector('ul'), root.querySelector('li')].map((element) => element?.getBoundingClientRect().right ?? 0));
    expect(list, 'room for it on the right').toBeGreaterThan((item ?? 0) + 5);
  });
});

test.describe('with less motion', () => {
  test.use({ contextOptions: { reducedMotion: 'reduce' } });

  /** Letters in one delta of the demo. */
  const AT_ONCE = 200;

  test('text stands there as it comes, and nothing moves in it', async ({ chat, page }) => {
    const drawn = await recordDrawn(page);
    const answer = await chat.hear('abcdefghij'.repeat(AT_ONCE), { delta_ms: 120, characters: AT_ONCE });
    await answer.hasGrownTo(AT_ONCE);
    const moving = await answer.text.evaluate((text) => text.getAnimations({ subtree: true }).length);
    expect(moving).toBe(0);
    await answer.ended('complete');
    const lengths = (await drawn()).texts.map((text) => text.trim().length);
    expect(lengths.length).toBeGreaterThan(3);
    expect(lengths.filter((length) => length % AT_ONCE !== 0), 'no piece is dealt out slowly').toEqual([]);
  });

  test('keys lead there without a way between', async ({ chat, page }) => {
    const answer = await article(chat);
    await answer.ended('complete');
    await chat.log.focus();
    const drawn = await recordDrawn(page);
    await page.keyboard.press('Alt+ArrowUp');
    await isAtStart(chat, answer);
    const top = await rests(chat);
    const { tops } = await drawn();
    expect(new Set([...tops.slice(1), top]).size, 'one place after the first').toBe(1);
  });
});
