// A thousand messages: the page opens at their end at once, stays quick, and holds every word.

import type { TestInfo } from '@playwright/test';
import { exportOf } from '../exports.ts';
import { ChatPage } from '../pages/chat.ts';
import { Sidebar } from '../pages/sidebar.ts';
import { expect, prompt, test as base } from '../fixtures.ts';
import type { Runnel } from '../programs.ts';
import { type LongTask, recordDrawing, recordLongTasks } from '../recorders.ts';

const TURNS = 500;
const SENTENCE = 'A stream is text that is on its way, and what has arrived can be read while the rest is written. ';

/** As many answers as come with the page; later there are fewer at once. How long a task takes is noted, not asserted. */
const MOST_AT_ONCE = 12;

// A trace takes pictures of the whole document at every step: it would be what is measured.
base.use({ trace: 'off' });

interface LongChat {
  url: string;
  path: string;
  ids: { question: string; answer: string }[];
  runnel: Runnel;
}

const test = base.extend<{ longChat: LongChat }>({
  longChat: async ({ ownRunnel }, use) => {
    const turns = Array.from({ length: TURNS }, (_, at) => ({
      question: `Question number ${at} of the long chat.`,
      answer: `Answer number ${at}. ${SENTENCE.repeat(2 + (at % 7))}\n\nThat was answer ${at}.`,
    }));
    const made = exportOf([
      { title: 'A thousand messages', turns },
      { title: 'A short chat', turns: turns.slice(0, 1) },
    ]);
    await ownRunnel.import(made.lines);
    await use({ url: ownRunnel.url, path: made.paths[0] ?? '', ids: made.ids[0] ?? [], runnel: ownRunnel });
  },
});

/** Keeps figures beside the test's result, for people to read. */
function note(testInfo: TestInfo, figures: Record<string, unknown>): void {
  for (const [name, figure] of Object.entries(figures)) {
    testInfo.annotations.push({ type: name, description: JSON.stringify(figure) });
  }
}

function longest(tasks: LongTask[]): number {
  return Math.max(0, ...tasks.map(({ took }) => took));
}

/** Waits until the whole chat stands in the document. Gives the time that it took, in milliseconds since the navigation. */
async function allIsThere(chat: ChatPage): Promise<number> {
  const handle = await chat.page.waitForFunction(
    (turns) => document.querySelectorAll('article.answer').length === turns && performance.now(),
    TURNS,
  );
  return Math.round(Number(await handle.jsonValue()));
}

test('it opens at its end, without keeping the page busy, and in the end all of it is in the document', async ({
  page,
  longChat,
}, testInfo) => {
  const longTasks = await recordLongTasks(page);
  const drawn = await recordDrawing(page);
  const chat = new ChatPage(page);
  await page.goto(longChat.url + longChat.path);
  await expect(chat.answers.last()).toContainText(`Answer number ${TURNS - 1}.`);
  await expect(chat.answers.last()).toBeInViewport();
  const whole = await allIsThere(chat);
  expect(await chat.distanceToEnd()).toBeLessThanOrEqual(12);
  await expect(chat.answers.last()).toBeInViewport();
  await expect(chat.answers.first()).toContainText('That was answer 0.');
  await expect(chat.questions).toHaveCount(TURNS);

  const tasks = (await longTasks()).filter(({ at }) => at < whole);
  const figures = await page.evaluate(() => {
    const [navigation] = performance.getEntriesByType('navigation') as PerformanceNavigationTiming[];
    const [paint] = performance.getEntriesByName('first-contentful-paint');
    return {
      'elements in the document': document.querySelectorAll('*').length,
      'bytes of HTML': navigation?.decodedBodySize,
      'bytes of HTML on the way': navigation?.encodedBodySize,
      'first paint, ms': Math.round(paint?.startTime ?? 0),
    };
  });
  note(testInfo, { ...figures, 'all in the document, ms': whole, 'longest task, ms': longest(tasks), 'long tasks': tasks });
  expect((await drawn()).mostAtOnce).toBeLessThanOrEqual(MOST_AT_ONCE);

  const isFound = await page.evaluate(() => {
    type Find = (words: string, caseSensitive: boolean, backwards: boolean, wrapAround: boolean) => boolean;
    return (window as unknown as { find: Find }).find('Question number 3 of the long chat.', true, false, true);
  });
  expect(isFound, 'the browser’s own search finds the beginning').toBe(true);
});

test('it opens from the list as from its address', async ({ page, longChat }, testInfo) => {
  const longTasks = await recordLongTasks(page);
  const drawn = await recordDrawing(page);
  const chat = new ChatPage(page);
  await chat.open(longChat.url);
  await new Sidebar(page).chat('A thousand messages').click();
  await expect(chat.answers.last()).toContainText(`Answer number ${TURNS - 1}.`);
  await expect(chat.answers.last()).toBeInViewport();
  await allIsThere(chat);
  await expect(chat.answers.last()).toBeInViewport();
  const tasks = await longTasks();
  note(testInfo, { 'longest task, ms': longest(tasks), 'long tasks': tasks });
  expect((await drawn()).mostAtOnce).toBeLessThanOrEqual(MOST_AT_ONCE);
});

test('typing, asking and an answer that grows leave the earlier turns alone', async ({ page, longChat }, testInfo) => {
  const longTasks = await recordLongTasks(page);
  const drawn = await recordDrawing(page);
  const chat = new ChatPage(page);
  await chat.open(longChat.url + longChat.path);
  await allIsThere(chat);
  await page.waitForLoadState('networkidle');

  await drawn();
  const before = (await longTasks()).length;
  await chat.message.focus();
  await page.keyboard.type('A question about all of this', { delay: 20 });
  const typing = (await longTasks()).slice(before);
  const { typed } = prompt('', { delta_ms: 4 });
  await page.keyboard.type(typed);
  expect(await drawn(), 'typing').toEqual({ mostAtOnce: 0, inEarlierTurns: 0 });

  const sent = (await longTasks()).length;
  await page.keyboard.press('Enter');
  await expect(chat.answers).toHaveCount(TURNS + 1);
  await chat.answer(TURNS).hasGrownTo(40);
  const asking = (await longTasks()).slice(sent);
  expect((await drawn()).mostAtOnce, 'asking').toBe(1);

  const growing = (await longTasks()).length;
  await chat.answer(TURNS).ended('complete');
  const answering = (await longTasks()).slice(growing);
  expect(await drawn(), 'an answer that grows').toEqual({ mostAtOnce: 0, inEarlierTurns: 0 });
  expect(await chat.distanceToEnd()).toBeLessThanOrEqual(12);
  note(testInfo, { typing, asking, answering });
});

test('a link to the third message scrolls there', async ({ page, longChat }) => {
  const chat = new ChatPage(page);
  // Message by message: question 0, answer 0, question 1.
  const third = longChat.ids[1]?.question;
  await page.goto(`${longChat.url}${longChat.path}#${third}`);
  await allIsThere(chat);
  const message = page.locator(`[id="${third}"]`);
  await expect(message).toBeInViewport();
  await expect(message).toBeFocused();
  await expect(chat.toEnd).toBeVisible();
});

test('no turn is moved in the document while the rest comes before it', async ({ page, longChat }) => {
  await page.addInitScript(() => {
    const moved = { count: 0 };
    Object.assign(window, { moved });
    new MutationObserver((mutations) => {
      const turns = (nodes: NodeList) => [...nodes].filter((node) => node instanceof Element && node.matches('.turn'));
      const removed = mutations.flatMap(({ removedNodes }) => turns(removedNodes));
      moved.count += removed.filter((turn) => turn.isConnected).length;
    }).observe(document, { subtree: true, childList: true });
  });
  const chat = new ChatPage(page);
  await page.goto(longChat.url + longChat.path);
  await allIsThere(chat);
  // A turn that is moved loses its focus, its selection and its layout.
  expect(await page.evaluate(() => (window as unknown as { moved: { count: number } }).moved.count)).toBe(0);
});

test('a reader who scrolls up while the rest comes is left where they are', async ({ page, longChat }) => {
  const chat = new ChatPage(page);
  await page.goto(longChat.url + longChat.path);
  await expect(chat.answers.last()).toBeInViewport();
  await chat.log.hover();
  await page.mouse.wheel(0, -600);
  await expect(chat.toEnd).toBeVisible();
  await allIsThere(chat);
  const seen = await chat.distanceToEnd();
  expect(seen, 'near the end still').toBeLessThan(2000);
  expect(seen).toBeGreaterThan(12);
});
