// The core of a chat in WebKit, whose engine is Safari's: what it draws, hears and keeps by itself.

import { Key } from 'selenium-webdriver';
import { expect, prompt, test } from './browser.ts';

/** As Place::scrolled in src/ui/transcript.rs: half a line counts as the end. */
const NEAR_THE_END = 12;

/** Prose for half a minute, which is shown as it was written: no part of it means anything in Markdown. */
const PROSE = { delta_ms: 20, characters: 4, repeat: 200 };

test('an answer grows in one paragraph, each time longer than before', async ({ chat }) => {
  await chat.ask(() => {
    const seen = Object.assign(window, { lengths: [] as number[], paragraphs: new Set<Element>() });
    new MutationObserver(() => {
      const paragraph = document.querySelector('.answer-text > p');
      const length = (paragraph?.textContent ?? '').length;
      if (paragraph !== null && length !== seen.lengths.at(-1)) {
        seen.paragraphs.add(paragraph);
        seen.lengths.push(length);
      }
    }).observe(document.body, { subtree: true, childList: true, characterData: true });
  });
  const { typed, asked } = prompt('Prose that grows.', { delta_ms: 10, characters: 4, repeat: 40 });
  await chat.send(typed);
  await chat.ended('complete');
  expect(await chat.words()).toBe(asked.repeat(40));
  const { lengths, paragraphs } = await chat.ask(() => {
    const { lengths, paragraphs } = window as unknown as { lengths: number[]; paragraphs: Set<Element> };
    return { lengths, paragraphs: paragraphs.size };
  });
  expect(lengths.length, 'it came in many steps').toBeGreaterThan(20);
  expect(lengths, 'strictly increasing').toEqual([...new Set(lengths)].sort((one, other) => one - other));
  expect(paragraphs, 'one element').toBe(1);
});

test('Enter sends, and Shift+Enter breaks the line', async ({ chat }) => {
  const { typed } = prompt('The first line.', { delta_ms: 1 });
  await chat.type(typed);
  await chat.type(Key.chord(Key.SHIFT, Key.ENTER));
  await chat.type('the second');
  expect(await chat.draft()).toBe(`${typed}\nthe second`);
  expect(await chat.questions()).toEqual([]);
  await chat.type(Key.ENTER);
  await expect.poll(() => chat.questions()).toEqual([`${typed}\nthe second`]);
  expect(await chat.draft()).toBe('');
  await chat.ended('complete');
});

test('Stop keeps the text that is there, also on a reload, and leaves the upstream', async ({ chat, emulator }) => {
  const { typed, asked } = prompt('Write on.', PROSE);
  await chat.send(typed);
  await chat.hasGrownTo(100);
  await chat.stop();
  await chat.ended('stopped');
  await expect.poll(() => emulator.stats(asked)).toMatchObject({ requests: 1, open: 0, aborted: 1 });
  const kept = await chat.words();
  expect(kept.length).toBeGreaterThanOrEqual(100);
  expect(asked.repeat(PROSE.repeat).startsWith(kept), 'it is the beginning of what was to come').toBe(true);
  await chat.reload();
  await chat.ended('stopped');
  expect(await chat.words()).toBe(kept);
});

test('a reload in the middle goes on from where it was, and nothing is lost, doubled or asked again', async ({ chat, emulator }) => {
  const { typed, asked } = prompt('Survive a reload.', PROSE);
  await chat.send(typed);
  await chat.hasGrownTo(200);
  const before = await chat.words();
  await chat.reload();
  expect((await chat.words()).startsWith(before), 'what was seen is still there').toBe(true);
  await chat.grows();
  expect(await emulator.stats(asked)).toMatchObject({ requests: 1, open: 1 });
  await chat.stop();
  await chat.ended('stopped');
  expect(asked.repeat(PROSE.repeat).startsWith(await chat.words()), 'without a gap and without a repetition').toBe(true);
});

test('windows that show a running answer all show it as it grows, and as it is stopped in one', async ({ chat, emulator }) => {
  const { typed, asked } = prompt('Grow in two windows.', PROSE);
  await chat.send(typed);
  await chat.hasGrownTo(40);
  const first = await chat.openAnother(await chat.path());
  await chat.grows();
  await chat.stop();
  await chat.ended('stopped');
  const kept = await chat.words();
  await chat.driver.switchTo().window(first);
  await chat.ended('stopped');
  expect(await chat.words()).toBe(kept);
  expect(await emulator.stats(asked)).toMatchObject({ requests: 1 });
});

test('a reader at the end is held there, and one who scrolls up is left alone', async ({ chat }) => {
  await chat.choose('demo/long');
  await chat.send(prompt('Write an article.', { delta_ms: 10, characters: 8, repeat: 5 }).typed);
  await chat.until(() => document.querySelector('[role="log"]')!.scrollTop > 400, 'the transcript is scrolled', []);
  expect(await chat.distanceToEnd()).toBeLessThanOrEqual(NEAR_THE_END);
  await chat.turnWheel(-200);
  await chat.until(() => document.querySelector('.to-end.shown') !== null, 'the way to the end is shown', []);
  const top = () => chat.ask(() => document.querySelector('[role="log"]')!.scrollTop);
  const before = await top();
  await chat.grows(100);
  expect(await top(), 'the reader was left where they are').toBe(before);
  await chat.click('.to-end');
  await chat.until(() => document.querySelector('.to-end.shown') === null, 'the end is reached', []);
  await chat.stop();
  await chat.ended('stopped');
});

test('Markdown, code, formulas and a diagram of an answer are drawn', async ({ chat }) => {
  await chat.choose('demo/showcase');
  await chat.send(prompt('Show me everything.', { delta_ms: 1, characters: 200 }).typed);
  await chat.ended('complete');
  const drawn = await chat.ask(() => {
    const texts = (selector: string) => [...document.querySelectorAll(`.answer-text ${selector}`)].map(({ textContent }) => textContent?.trim() ?? '');
    const code = [...document.querySelectorAll('.code-language')].find(({ textContent }) => textContent === 'rust')?.closest('.code-block');
    const keyword = code?.querySelector('.t-keyword');
    const fraction = [...document.querySelectorAll('.math.display mfrac:first-of-type > *')].map((part) => part.getBoundingClientRect());
    return {
      heading: texts('> h2')[0],
      items: texts('> ol:first-of-type > li').length,
      cells: texts('table th').slice(0, 3),
      keyword: keyword?.textContent,
      colours: [code?.querySelector('pre'), keyword].map((element) => element && getComputedStyle(element).color),
      heights: fraction.slice(0, 2).map(({ height }) => height),
      gap: (fraction[1]?.top ?? -Infinity) - (fraction[0]?.bottom ?? 0),
    };
  });
  expect(drawn).toMatchObject({ heading: 'How a self-hosted chat streams an answer', items: 3, cells: ['Model', 'Provider', 'Context'], keyword: 'fn' });
  expect(drawn.colours[0], 'a keyword has a colour of its own').not.toBe(drawn.colours[1]);
  expect(Math.min(...drawn.heights)).toBeGreaterThan(4);
  expect(drawn.gap, 'the parts of a fraction stand below each other').toBeGreaterThanOrEqual(0);

  await chat.ask(() => document.querySelector('[data-do="show-diagram"]')!.scrollIntoView({ block: 'center' }));
  await chat.click('[data-do="show-diagram"]');
  const height = () => chat.ask(() => document.querySelector('iframe')?.getBoundingClientRect().height ?? 0);
  await expect.poll(height, { timeout: 30_000 }).toBeGreaterThan(100);
});

test('a new chat appears in the list, another is opened from there, and Back leads to the first', async ({ chat }) => {
  const [first, second] = [prompt('The first.', { delta_ms: 1 }), prompt('The second.', { delta_ms: 1 })];
  for (const { typed, asked } of [first, second]) {
    await chat.click('a[title="New chat"]');
    await chat.until(() => document.querySelectorAll('article').length === 0, 'the chat is new', []);
    await chat.send(typed);
    await chat.ended('complete');
    await expect.poll(async () => (await chat.titles()).filter((title) => title.includes(asked)).length).toBe(1);
  }
  await chat.openChat(first.asked);
  await expect.poll(() => chat.questions()).toEqual([first.typed]);
  await chat.driver.navigate().back();
  await expect.poll(() => chat.questions()).toEqual([second.typed]);
});
