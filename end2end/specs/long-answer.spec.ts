// An answer of megabytes: its end is there at once, the rest soon, and all of it can be found and copied.

import { exportOf } from '../exports.ts';
import { expect, test as base } from '../fixtures.ts';
import { ChatPage } from '../pages/chat.ts';

const PARAGRAPHS = 12_000;
const LINES = 10_000;
const SENTENCE = 'A stream is text that is on its way, and what has *arrived* can be read while the `rest` is written. ';

/** The page's HTML, its data included: 256 KB of text may be four times as much HTML. */
const LARGEST_PAGE = 1_500_000;

const LONG = `The very first words.\n\n${Array.from({ length: PARAGRAPHS }, (_, at) => `Paragraph ${at}. ${SENTENCE.repeat(4)}`).join('\n\n')}\n\nThe very last words.`;
const CODE = Array.from({ length: LINES }, (_, at) => `let line_${at} = "number ${at}"; // one of many`).join('\n');

/** On a busy machine 5 MB take their time. */
const PATIENCE_MS = 180_000;

// A trace takes pictures of the whole document at every step: it would be what is waited for.
base.use({ trace: 'off' });

const test = base.extend<{ open: (answer: string) => Promise<ChatPage> }>({
  open: async ({ ownRunnel, page }, use) => {
    await use(async (answer) => {
      const turns = [
        { question: 'What came before?', answer: 'Something short.' },
        { question: 'Say all of it.', answer },
      ];
      const { lines, paths } = exportOf([{ title: 'Long', turns }]);
      await ownRunnel.import(lines);
      const chat = new ChatPage(page);
      await page.goto(`${ownRunnel.url}${paths[0]}`, { waitUntil: 'commit' });
      return chat;
    });
  },
});

/** Waits until all of the last answer is in the document. */
async function isWhole(chat: ChatPage): Promise<void> {
  await expect(chat.page.locator('[data-long]')).toHaveCount(1, { timeout: PATIENCE_MS });
  await expect(chat.page.locator('[data-cut]')).toHaveCount(0);
}

test('the page of an answer of 5 MB holds its end, and comes alive', async ({ page, open }) => {
  test.setTimeout(PATIENCE_MS);
  const bytes = page.waitForResponse(/\/c\//).then(async (response) => (await response.body()).length);
  expect(LONG.length).toBeGreaterThan(5_000_000);
  const chat = await open(LONG);
  await expect(chat.answers.last()).toContainText('The very last words.');
  expect(await bytes).toBeLessThan(LARGEST_PAGE);
  await chat.message.fill('Is it alive?');
  await expect(chat.send).toBeEnabled({ timeout: 30_000 });
});

test('all of an answer of 5 MB comes to stand there, before what stood there, and is found and copied', async ({
  page,
  open,
}) => {
  test.setTimeout(PATIENCE_MS);
  const chat = await open(LONG);
  const last = chat.answer(1).markdown.paragraph('The very last words.');
  await expect(last).toBeInViewport();
  const known = await last.elementHandle();
  // Copied before it is here, it is all of it.
  await expect(chat.send).toBeVisible();
  await isWhole(chat);
  expect(await known?.evaluate((node) => node.isConnected), 'what was there is there still').toBe(true);
  await expect(last).toBeInViewport();
  expect(await chat.distanceToEnd()).toBeLessThanOrEqual(12);

  const blocks = await chat.answer(1).text.evaluate((text) => [...text.children].map((block) => block.textContent?.split('.')[0]));
  expect(blocks).toEqual([
    'The very first words',
    ...Array.from({ length: PARAGRAPHS }, (_, at) => `Paragraph ${at}`),
    'The very last words',
  ]);
  const isFound = await page.evaluate(() => {
    type Find = (words: string, caseSensitive: boolean, backwards: boolean, wrapAround: boolean) => boolean;
    return (window as unknown as { find: Find }).find('Paragraph 17. A stream', true, false, true);
  });
  expect(isFound, 'the browser’s own search finds the beginning').toBe(true);
  expect(await chat.answer(1).read()).toBe(LONG);
});

test('a reader who scrolls up while the rest comes is left where they are', async ({ page, open }) => {
  test.setTimeout(PATIENCE_MS);
  let letIn = (): void => {};
  const mayCome = new Promise<void>((resolve) => {
    letIn = resolve;
  });
  await page.route('**/api/load_conversation**', async (route) => {
    await mayCome;
    await route.continue();
  });
  const chat = await open(LONG);
  await expect(chat.answer(1).markdown.paragraph('The very last words.')).toBeInViewport();
  await chat.message.fill('Is it alive?');
  await expect(chat.send).toBeEnabled({ timeout: 30_000 });
  await chat.log.hover();
  await page.mouse.wheel(0, -900);
  await expect(chat.toEnd).toBeVisible();
  let before = -1;
  await expect.poll(async () => {
    const last = before;
    before = await chat.distanceToEnd();
    return before === last;
  }).toBe(true);
  letIn();
  await isWhole(chat);
  expect(Math.abs((await chat.distanceToEnd()) - before)).toBeLessThanOrEqual(1);
});

test('a block of 10,000 lines of code is shown from its end, and copied whole', async ({ page, open }) => {
  test.setTimeout(PATIENCE_MS);
  const chat = await open(`Here it is:\n\n\`\`\`rust\n${CODE}\n\`\`\`\n\nThat was all.`);
  await expect(chat.answer(1).markdown.paragraph('That was all.')).toBeInViewport();
  await isWhole(chat);
  const { lines, copy } = chat.answer(1).markdown.code();
  await expect(lines).toHaveCount(LINES);
  await expect(lines.first()).toContainText('line_0');
  await copy.click();
  await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toBe(CODE);
});

test('of 10,000 lines of code those in sight are laid out, also wrapped, and what is selected is copied as it is', async ({ page, open }) => {
  test.setTimeout(PATIENCE_MS);
  const chat = await open(`\`\`\`rust\n${CODE}\n\`\`\``);
  await isWhole(chat);
  const { lines } = chat.answer(1).markdown.code();
  await expect(lines).toHaveCount(LINES);
  const laidOut = () => lines.evaluateAll((all) => {
    const inner = (line: Element) => line.firstElementChild ?? line;
    return all.filter((line) => inner(line).checkVisibility({ contentVisibilityAuto: true })).length;
  });
  expect(await laidOut()).toBeLessThan(LINES / 20);

  const wrap = chat.answer(1).root.getByRole('button', { name: 'Wrap long lines' });
  await wrap.click();
  await expect(wrap).toHaveAttribute('aria-pressed', 'true');
  expect(await laidOut()).toBeLessThan(LINES / 20);
  await wrap.click();

  // Some that are in sight and some that never were.
  const from = LINES - 400;
  await lines.nth(from).evaluate((first, count) => {
    const all = [...first.parentElement!.children];
    const at = all.indexOf(first);
    document.getSelection()!.setBaseAndExtent(first, 0, all[at + count]!, 0);
  }, 300);
  await page.keyboard.press('ControlOrMeta+C');
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  expect(copied.trimEnd()).toBe(CODE.split('\n').slice(from, from + 300).join('\n'));
});

test('what came later than the page is copied, although it was asked for before', async ({ page, open }) => {
  test.setTimeout(PATIENCE_MS);
  let letIn = (): void => {};
  const mayCome = new Promise<void>((resolve) => {
    letIn = resolve;
  });
  await page.route('**/api/load_conversation**', async (route) => {
    await mayCome;
    await route.continue();
  });
  const chat = await open(LONG);
  await chat.message.fill('Is it alive?');
  await expect(chat.send).toBeEnabled({ timeout: 30_000 });
  await chat.answer(1).copy.click();
  letIn();
  await expect.poll(() => page.evaluate(() => navigator.clipboard.readText().then((text) => text.length)), { timeout: 20_000 }).toBe(LONG.length);
});
