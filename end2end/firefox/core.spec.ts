// The core of a chat in Firefox: what it draws, hears and keeps by itself and not as Chromium does.

import { expect, prompt, test } from './browser.ts';
import { type ChatWindow, find } from './window.ts';

/** As Place::scrolled in src/ui/transcript.rs: half a line counts as the end. */
const NEAR_THE_END = 12;

/** Prose for half a minute, which is shown as it was written: no part of it means anything in Markdown. */
const PROSE = { delta_ms: 20, characters: 4, repeat: 200 };

test('an answer grows in one paragraph, each time longer than before', async ({ chat }) => {
  const seen = await chat.page.evaluateHandle(() => {
    const lengths: number[] = [];
    const paragraphs = new Set<Element>();
    new MutationObserver(() => {
      const paragraph = document.querySelector('.answer-text > p');
      const length = (paragraph?.textContent ?? '').length;
      if (paragraph !== null && length !== lengths.at(-1)) {
        paragraphs.add(paragraph);
        lengths.push(length);
      }
    }).observe(document.body, { subtree: true, childList: true, characterData: true });
    return { lengths, paragraphs };
  });
  const { typed, asked } = prompt('Prose that grows.', { delta_ms: 10, characters: 4, repeat: 40 });
  const answer = await chat.ask(typed);
  await answer.ended('complete');
  expect(await answer.words()).toBe(asked.repeat(40));
  const { lengths, paragraphs } = await seen.evaluate(({ lengths, paragraphs }) => ({ lengths, paragraphs: paragraphs.size }));
  expect(lengths.length, 'it came in many steps').toBeGreaterThan(20);
  expect(lengths, 'strictly increasing').toEqual([...new Set(lengths)].sort((one, other) => one - other));
  expect(paragraphs, 'one element').toBe(1);
});

test('Enter sends, Shift+Enter breaks the line, and the field grows and shrinks with its text', async ({ chat }) => {
  const height = () => chat.page.$eval('#message', (field) => field.getBoundingClientRect().height);
  const { typed } = prompt('The first line.', { delta_ms: 1 });
  await chat.type(typed);
  await chat.canSend();
  const one = await height();
  for (const line of ['the second', 'and the third']) {
    await chat.press('Shift+Enter');
    await chat.page.keyboard.type(line);
  }
  await expect.poll(height).toBeGreaterThan(one * 1.5);
  expect(await chat.questions()).toEqual([]);
  await chat.press('Enter');
  await chat.hasQuestions([`${typed}\nthe second\nand the third`]);
  await chat.hasDraft('');
  await expect.poll(height).toBe(one);
  await chat.answer().ended('complete');
});

test('Stop keeps the text that is there, also on a reload, and leaves the upstream', async ({ chat, emulator }) => {
  const { typed, asked } = prompt('Write on.', PROSE);
  const answer = await chat.ask(typed);
  await answer.hasGrownTo(100);
  await chat.stop();
  await answer.ended('stopped');
  expect(await answer.verdict()).toBe('Stopped. You keep what was written.');
  await expect.poll(() => emulator.stats(asked)).toMatchObject({ requests: 1, open: 0, aborted: 1 });

  const kept = await answer.words();
  expect(kept.length).toBeGreaterThanOrEqual(100);
  expect(asked.repeat(PROSE.repeat).startsWith(kept), 'it is the beginning of what was to come').toBe(true);
  await chat.reload();
  await answer.ended('stopped');
  expect(await answer.words()).toBe(kept);
});

test('a reload in the middle goes on from where it was, and nothing is lost, doubled or asked again', async ({
  chat,
  emulator,
  consoleWatch,
}) => {
  const why = 'Firefox breaks off what a page reads before it leaves the page, and server_fn itself reports that.';
  consoleWatch.allow(/^error: TypeError: Error in input stream/, why);
  const { typed, asked } = prompt('Survive a reload.', PROSE);
  const answer = await chat.ask(typed);
  await answer.hasGrownTo(200);
  const before = await answer.words();
  await chat.reload();
  expect((await answer.words()).startsWith(before), 'what was seen is still there').toBe(true);
  await answer.grows();
  expect(await answer.status()).toBe('running');
  expect(await emulator.stats(asked)).toMatchObject({ requests: 1, open: 1 });
  await chat.stop();
  await answer.ended('stopped');
  const kept = await answer.words();
  expect(kept.length).toBeGreaterThan(before.length);
  expect(asked.repeat(PROSE.repeat).startsWith(kept), 'without a gap and without a repetition').toBe(true);
});

test('a line that breaks is found again, and the answer goes on where it was', async ({
  openWindow,
  line,
  emulator,
  consoleWatch,
}) => {
  consoleWatch.allow(/^error: NS_ERROR_/, 'Requests fail while the line is cut.');
  consoleWatch.allow(/^error: TypeError: Error in input stream/, 'server_fn itself reports a stream that breaks off.');
  const chat = await openWindow();
  await chat.open(line.url);
  const { typed, asked } = prompt('Survive a tunnel.', PROSE);
  const answer = await chat.ask(typed);
  await answer.hasGrownTo(100);
  line.cut();
  await chat.shows('.progress', 'The connection is lost. Connecting again…');
  const before = await answer.words();
  line.mend();
  await answer.hasGrownTo(before.length + 100);
  await chat.hides('.progress');
  expect(await emulator.stats(asked)).toMatchObject({ requests: 1, open: 1 });
  await chat.stop();
  await answer.ended('stopped');
  expect(asked.repeat(PROSE.repeat).startsWith(await answer.words()), 'without a gap and without a repetition').toBe(true);
});

test('a reader at the end is held there, and one who scrolls up is left alone, each time', async ({ chat }) => {
  const toEnd = 'button[aria-label="Go to the end"]';
  const answer = await chat.ask(prompt('Write an article.', { delta_ms: 10, characters: 8, repeat: 5 }).typed, 'demo/long');
  await chat.isScrolledBeyond(400);
  await find(chat.page, '[role="log"]').hover();
  // Firefox scrolls in a thread of its own, so that it is chance whether the page scrolls to the end at that moment.
  for (let turn = 0; turn < 3; turn += 1) {
    await answer.grows(100);
    expect(await chat.distanceToEnd()).toBeLessThanOrEqual(NEAR_THE_END);
    if (turn === 1) {
      await chat.page.focus('[role="log"]');
      await chat.page.keyboard.press('PageUp');
    } else {
      await chat.page.mouse.wheel({ deltaY: -200 });
    }
    await chat.shows(toEnd);
    const top = await chat.scrollTop();
    await answer.grows(100);
    expect(await answer.status()).toBe('running');
    expect(await chat.scrollTop(), 'the reader was left where they are').toBe(top);
    await chat.page.click(toEnd);
    await chat.hides(toEnd);
  }
  await chat.stop();
  await answer.ended('stopped');
});

/** Has the showcase answer written, and waits until it is. */
async function showcase(chat: ChatWindow): Promise<void> {
  const answer = await chat.ask(prompt('Show me everything.', { delta_ms: 1, characters: 200 }).typed, 'demo/showcase');
  await answer.ended('complete');
}

test('headings, lists, tables and code of an answer are elements', async ({ chat }) => {
  await showcase(chat);
  const texts = (selector: string) =>
    chat.page.$$eval(`.answer-text ${selector}`, (found) => found.map(({ textContent }) => textContent?.trim() ?? ''));
  expect((await texts('> h2'))[0]).toBe('How a self-hosted chat streams an answer');
  expect((await texts('> h3')).slice(0, 2)).toEqual(['Three machines and two connections', 'Five things to know']);
  expect(await texts('> p:first-of-type strong')).toEqual(['your browser']);
  expect(await texts('> ol:first-of-type > li:nth-child(2) > ul > li')).toEqual([
    'checks the question,',
    'writes it to disk, and',
    expect.stringMatching(/^asks the provider:/),
  ]);
  expect(await texts('blockquote blockquote')).toEqual(['And if it is broken, what was kept so far remains.']);
  expect((await texts('table th')).slice(0, 7)).toEqual(
    ['Model', 'Provider', 'Context', 'Input, per million', 'Output, per million', 'First token', 'Remark'],
  );
  expect((await texts('table tr:nth-child(3) td')).slice(0, 5)).toEqual(['Large', 'one', '200,000', '$3.00', '$15.00']);
  expect(await texts('.code-language')).toEqual(expect.arrayContaining(['mermaid', 'rust', 'python', 'typescript', 'sql', 'bash']));
  const { words, colours } = await chat.page.evaluate(() => {
    const languages = [...document.querySelectorAll('.code-language')];
    const code = languages.find(({ textContent }) => textContent === 'rust')?.closest('.code-block');
    const keyword = code?.querySelector('.t-keyword');
    return {
      words: keyword?.textContent,
      colours: [code?.querySelector('pre'), keyword].map((element) => element && getComputedStyle(element).color),
    };
  });
  expect(words).toBe('fn');
  expect(colours[0], 'a keyword has a colour of its own').not.toBe(colours[1]);
});

test('formulas and a diagram are drawn', async ({ chat }) => {
  await showcase(chat);
  const places = (selector: string) =>
    chat.page.$$eval(`.math.display math ${selector}`, (found) => found.map((part) => part.getBoundingClientRect().toJSON() as DOMRect));
  for (const parts of ['mfrac:first-of-type > *', 'mtable:first-of-type > mtr']) {
    const [above, below] = await places(parts);
    expect(above?.height, parts).toBeGreaterThan(4);
    expect(below?.top, `${parts} stand below each other`).toBeGreaterThanOrEqual(above?.bottom ?? Infinity);
  }

  await find(chat.page, '[data-do="show-diagram"]').click();
  const frame = await chat.page.waitForFrame((frame) => frame.url().includes('/frame/diagram'));
  const drawn = await frame.waitForSelector('svg');
  const { width, height } = (await drawn?.evaluate((svg) => svg.getBoundingClientRect().toJSON() as DOMRect)) ?? { width: 0, height: 0 };
  expect(Math.min(width, height)).toBeGreaterThan(100);
});

test('a block of code and a whole answer are copied as they were written', async ({ chat }) => {
  const text = 'Copy **this**:\n\n```js\nconst a = 1;\n\nlet b;\n```';
  const answer = await chat.hear(text);
  await answer.ended('complete');
  for (const [button, copied] of [
    ['[data-do="copy-code"]', 'const a = 1;\n\nlet b;'],
    ['.answer-foot button.copy:not([data-do="copy-rich"])', text],
  ] as const) {
    await find(chat.page, button).click();
    await chat.type('');
    // Until the clipboard has it: it is filled in its own time.
    await expect
      .poll(async () => {
        await chat.press('Control+a');
        await chat.press('Control+v');
        return (await chat.draft()).trimEnd();
      })
      .toBe(copied);
  }
});

test('a new chat appears in the list, another is opened from there, and Back and Forward lead between them', async ({ chat }) => {
  const [first, second] = [prompt('The first.', { delta_ms: 1 }), prompt('The second.', { delta_ms: 1 })];
  await (await chat.ask(first.typed)).ended('complete');
  await chat.sidebar.has(first.asked);
  await chat.sidebar.marks(first.asked);
  await chat.newChat();
  await (await chat.ask(second.typed)).ended('complete');
  await chat.sidebar.has(second.asked);

  await chat.sidebar.open(first.asked);
  await chat.hasQuestions([first.typed]);
  await chat.sidebar.marks(first.asked);
  await chat.page.goBack();
  await chat.hasQuestions([second.typed]);
  await chat.page.goForward();
  await chat.hasQuestions([first.typed]);
  expect(await chat.answer().words()).toBe(first.asked);
});

test('a chat is renamed, also in the title of the window', async ({ chat }) => {
  const { typed, asked } = prompt('An old name.', { delta_ms: 1 });
  await (await chat.ask(typed)).ended('complete');
  await chat.sidebar.has(asked);
  const named = `A new name ${asked.slice(-8)}`;
  await chat.sidebar.rename(asked, named);
  await expect.poll(() => chat.page.title()).toBe(`${named} · Runnel`);
  await chat.sidebar.hasNot(asked);
  await chat.reload();
  await chat.sidebar.has(named);
  expect(await chat.page.title()).toBe(`${named} · Runnel`);
});

test('a chat is deleted, and Undo brings it back', async ({ chat }) => {
  const { typed, asked } = prompt('Delete me.', { delta_ms: 1 });
  await (await chat.ask(typed)).ended('complete');
  await chat.sidebar.has(asked);
  await chat.sidebar.act(asked, 'Delete');
  await chat.shows('h1', 'What would you like to know?');
  await chat.sidebar.hasNot(asked);
  await chat.sidebar.undo();
  await chat.sidebar.has(asked);
  await chat.sidebar.open(asked);
  await chat.hasQuestions([typed]);
  expect(await chat.answer().words()).toBe(asked);
});

test('a draft survives a reload, in a new chat and in one that has begun, in each window its own', async ({ chat, openWindow }) => {
  await (await chat.ask(prompt('Begin.', { delta_ms: 1 }).typed)).ended('complete');
  const other = await openWindow();
  await other.open();
  const drafts = [
    [chat, 'Typed in the chat'],
    [other, 'Typed in a new one'],
  ] as const;
  for (const [window, draft] of drafts) {
    await window.type(draft);
    await window.canSend();
  }
  await Promise.all([chat.reload(), other.reload()]);
  for (const [window, draft] of drafts) {
    await window.hasDraft(draft);
  }
});

test('a second window shows the chat as it grows, and as it is named and stopped there', async ({ chat, openWindow, emulator }) => {
  const other = await openWindow();
  await other.open();
  const { typed, asked } = prompt('Grow in two windows.', PROSE);
  const answer = await chat.ask(typed);
  await other.sidebar.has(asked);
  await other.sidebar.open(asked);
  await other.hasQuestions([typed]);
  await Promise.all([answer.grows(), other.answer().grows()]);
  const named = `Named in one ${asked.slice(-8)}`;
  await other.sidebar.rename(asked, named);
  await chat.sidebar.has(named);

  await other.page.focus('#message');
  await other.press('Escape');
  await Promise.all([answer.ended('stopped'), other.answer().ended('stopped')]);
  expect(await answer.words()).toBe(await other.answer().words());
  await expect.poll(() => emulator.stats(asked)).toMatchObject({ requests: 1, open: 0, aborted: 1 });
});

test('windows that open a running answer at the same moment all show it as it grows', async ({ chat, openWindow, emulator }) => {
  // From one event on: no other comes while they open.
  const { typed, asked } = prompt('Grow in three windows.', { delta_ms: 1_000, characters: 60, repeat: 200 });
  const answer = await chat.ask(typed);
  await answer.hasGrownTo(40);
  const others = await Promise.all([openWindow(), openWindow()]);
  await Promise.all(others.map((other) => other.open(new URL(chat.page.url()).pathname)));
  await Promise.all([chat, ...others].map((window) => window.answer().grows()));
  expect(await emulator.stats(asked)).toMatchObject({ requests: 1, open: 1 });
  await chat.stop();
  await Promise.all([chat, ...others].map((window) => window.answer().ended('stopped')));
});
