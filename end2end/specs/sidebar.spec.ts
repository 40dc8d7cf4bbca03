// The list of chats: found, named, put in order, archived, deleted; a drawer on a phone.

import type { Page } from '@playwright/test';
import { smallTargets, violations } from '../audits.ts';
import { exportOf } from '../exports.ts';
import { holdFrames } from '../frames.ts';
import { ChatPage } from '../pages/chat.ts';
import { Sidebar } from '../pages/sidebar.ts';
import { expect, prompt, test } from '../fixtures.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

/** A chat that only this test knows of; gives the words that its title begins with. */
async function begin(chat: ChatPage, words: string): Promise<string> {
  const { typed, asked } = prompt(words, { delta_ms: 1 });
  await chat.open();
  await (await chat.ask(typed, { model: 'demo/echo' })).ended('complete');
  await expect(new Sidebar(chat.page).chat(asked)).toBeVisible();
  return asked;
}

/** The part of a prompt that no other prompt has. */
function mark(asked: string): string {
  return asked.slice(-8);
}

test.describe('search', () => {
  test('finds words by their beginning, and phrases in quotation marks', async ({ chat, page }) => {
    const sidebar = new Sidebar(page);
    const asked = await begin(chat, 'Sonnenblumen wenden sich zum Licht.');
    await sidebar.find(`${mark(asked)} sonnenbl`);
    await expect(sidebar.found.first()).toContainText(asked);
    await sidebar.find(`${mark(asked)} "wenden sich zum"`);
    await expect(sidebar.found.first()).toContainText(asked);

    await sidebar.find(`${mark(asked)} "zum sich wenden"`);
    await expect(sidebar.root.getByText('No results.')).toBeVisible();
    await expect(sidebar.found).toHaveCount(0);

    await sidebar.search.fill('');
    await expect(sidebar.chat(asked)).toBeVisible();
    await expect(sidebar.root.getByText('No results.')).toBeHidden();
  });

  test('says why nothing could be searched, until something is found', async ({ chat, page, consoleWatch }) => {
    consoleWatch.allow(/status of 503/, 'Chromium itself reports responses with an error status.');
    const sidebar = new Sidebar(page);
    const asked = await begin(chat, 'Searched for at length.');
    const why = 'The search took too long. Try more specific words.';
    await page.route('**/api/search_conversations', async (route) => {
      await route.fulfill({ status: 503, json: { kind: 'network', message: why } });
    });
    await sidebar.find('e');
    await expect(sidebar.root.getByRole('alert')).toHaveText(why);
    await page.unroute('**/api/search_conversations');
    await sidebar.find(mark(asked));
    await expect(sidebar.found.first()).toContainText(asked);
    await expect(sidebar.root.getByText(why)).toHaveCount(0);
  });

  test('does not take what is typed for an operator', async ({ chat, page }) => {
    const sidebar = new Sidebar(page);
    const asked = await begin(chat, 'Harmless.');
    for (const odd of ['"', '*', 'NOT', '(', `${mark(asked)} OR`, `-${mark(asked)}x`, '\\', '%', "'; DROP TABLE words; --"]) {
      await sidebar.find(odd);
      await expect(sidebar.root.getByText('No results.').or(sidebar.found.first()).first()).toBeVisible();
    }
    await sidebar.find(mark(asked));
    await expect(sidebar.found.first()).toContainText(asked);
  });

  /** A chat of 30 turns, with a needle and a haystack in the fifth; gives what `exportOf` gives. */
  async function importStack(runnel: { import(lines: string): Promise<unknown> }) {
    const filler = (at: number) => ({ question: `Question ${at}`, answer: `Answer ${at}. ${'Some more words. '.repeat(40)}` });
    const turns = Array.from({ length: 30 }, (_, at) => filler(at));
    turns[4] = { question: 'Where is the needle?', answer: 'Here is the haystack’s pin.' };
    const stack = exportOf([{ title: 'A stack', turns }]);
    await runnel.import(stack.lines);
    return stack;
  }

  test('leads to the message: it is in sight and has the focus', async ({ page, ownRunnel }) => {
    const { ids, paths } = await importStack(ownRunnel);
    const chat = new ChatPage(page);
    const sidebar = new Sidebar(page);

    const isThere = async (id: string | undefined) => {
      const message = page.locator(`[id="${id}"]`);
      await expect(message).toBeInViewport();
      await expect(message).toBeFocused();
    };
    // From another chat, from the chat itself, and with a reload.
    await chat.open(ownRunnel.url);
    await sidebar.find('haystack');
    await sidebar.found.click();
    await isThere(ids[0]?.[4]?.answer);
    await expect(page).toHaveURL(`${ownRunnel.url}${paths[0]}#${ids[0]?.[4]?.answer}`);
    expect(await page.evaluate(() => document.scrollingElement?.scrollTop), 'the header is in sight').toBe(0);
    await chat.toEnd.click();
    await expect(chat.toEnd).toBeHidden();
    await sidebar.find('needle');
    await sidebar.found.click();
    await isThere(ids[0]?.[4]?.question);
    await page.reload();
    await isThere(ids[0]?.[4]?.question);
  });

  test('does not bring back who goes on from the message', async ({ page, ownRunnel }) => {
    const { ids } = await importStack(ownRunnel);
    const chat = new ChatPage(page);
    const sidebar = new Sidebar(page);
    await chat.open(ownRunnel.url);
    await sidebar.find('haystack');
    const oneFrame = await holdFrames(page);
    const message = page.locator(`[id="${ids[0]?.[4]?.answer}"]`);
    await sidebar.found.click();
    await expect(async () => {
      await oneFrame();
      expect(await message.evaluate((element) => element === document.activeElement, null, { timeout: 1000 })).toBe(true);
    }).toPass({ intervals: [10] });
    await chat.toEnd.click();
    for (let frame = 0; frame < 20; frame += 1) {
      await oneFrame();
    }
    await expect(message).not.toBeFocused();
    await expect(message).not.toBeInViewport();
    await expect(chat.toEnd).toBeHidden();
  });

  test('leads to a message on a branch that is not shown', async ({ chat, page }) => {
    const sidebar = new Sidebar(page);
    const first = prompt('The first wording.', { delta_ms: 1 });
    await (await chat.ask(first.typed, { model: 'demo/echo' })).ended('complete');
    const second = prompt('The other wording.', { delta_ms: 1 });
    await chat.question().askInstead(second.typed);
    await expect(chat.question().text).toHaveText(second.typed);
    await chat.answer().ended('complete');

    await sidebar.find(mark(first.asked));
    await sidebar.found.filter({ hasText: first.typed }).last().click();
    await expect(chat.question().text).toHaveText(first.typed);
    await expect(chat.question().versions.place).toHaveText('1/2');
    await expect(chat.question().root).toBeInViewport();
  });
});

test.describe('actions', () => {
  test('a chat is renamed with the keyboard alone', async ({ chat, page }) => {
    const sidebar = new Sidebar(page);
    const asked = await begin(chat, 'An old name.');
    const named = `A new name ${mark(asked)}`;
    await sidebar.chat(asked).focus();
    await page.keyboard.press('Tab');
    await expect(sidebar.actionsOf(asked)).toBeFocused();
    await page.keyboard.press('Enter');
    await expect(sidebar.menu.getByRole('button', { name: 'Rename' })).toBeFocused();
    await page.keyboard.press('Enter');
    await expect(sidebar.newTitle).toBeFocused();
    await page.keyboard.press('ControlOrMeta+A');
    await page.keyboard.type('Never mind');
    await page.keyboard.press('Escape');
    await expect(sidebar.chat(asked), 'Escape leaves it as it was').toBeVisible();
    await expect(sidebar.actionsOf(asked)).toBeFocused();

    await page.keyboard.press('Enter');
    await expect(sidebar.menu.getByRole('button', { name: 'Rename' })).toBeFocused();
    await page.keyboard.press('Enter');
    await expect(sidebar.newTitle).toBeFocused();
    await page.keyboard.press('ControlOrMeta+A');
    await page.keyboard.type(named);
    await page.keyboard.press('Enter');
    await expect(sidebar.chat(named)).toBeVisible();
    await expect(sidebar.actionsOf(named), 'the focus stays with the chat').toBeFocused();
    await expect(page).toHaveTitle(`${named} · Runnel`);
    await page.reload();
    await expect(sidebar.chat(named)).toBeVisible();
  });

  test('a title that is being typed stays when something new comes', async ({ chat, page, newDevice }) => {
    const sidebar = new Sidebar(page);
    const asked = await begin(chat, 'Rename me slowly.');
    await sidebar.act(asked, 'Rename');
    await sidebar.newTitle.fill('Half a na');
    const other = await newDevice();
    const news = await begin(other, 'News.');
    await page.keyboard.type('me');
    await expect(sidebar.newTitle).toHaveValue('Half a name');
    await page.keyboard.press('Escape');
    await expect(sidebar.chat(news), 'and the news come afterwards').toBeVisible();
  });

  test('a title that is typed before the field is given the focus stays', async ({ chat, page }) => {
    const sidebar = new Sidebar(page);
    const asked = await begin(chat, 'Rename me at once.');
    const oneFrame = await holdFrames(page);
    await sidebar.act(asked, 'Rename');
    await sidebar.newTitle.fill('Half a na');
    await oneFrame();
    await page.keyboard.type('me');
    await expect(sidebar.newTitle).toHaveValue('Half a name');
  });

  test('the list and the open chat get news while a title is typed', async ({ chat, page, newDevice }) => {
    const sidebar = new Sidebar(page);
    const asked = await begin(chat, 'Rename me while it goes on.');
    await sidebar.act(asked, 'Rename');
    await sidebar.newTitle.fill('Half a na');
    const other = await newDevice();
    await other.open(page.url());
    await other.ask(prompt('Another turn.', { delta_ms: 1 }).typed, { model: 'demo/echo' });
    await expect(chat.questions, 'the chat goes on').toHaveCount(2);
    const news = await begin(other, 'News.');
    await expect(sidebar.chat(news), 'and so does the list').toBeVisible();
    await new Sidebar(other.page).act(asked, 'Pin');
    await expect(sidebar.headings.first(), 'also for the chat that is renamed').toHaveText('Pinned');
    await expect(sidebar.newTitle, 'which keeps the focus').toBeFocused();
    await page.keyboard.type('me');
    await expect(sidebar.newTitle).toHaveValue('Half a name');
    await sidebar.newTitle.press('Enter');
    await expect(sidebar.chat('Half a name')).toBeVisible();
  });

  test('a click elsewhere ends renaming with what was typed, and does what it does', async ({ chat, page }) => {
    const sidebar = new Sidebar(page);
    const first = await begin(chat, 'Go back to me.');
    await chat.newChat.click();
    await expect(chat.greeting).toBeVisible();
    const second = await begin(chat, 'Rename me by leaving.');
    const named = `Renamed by leaving ${mark(second)}`;
    await sidebar.act(second, 'Rename');
    await sidebar.newTitle.fill(named);
    await sidebar.chat(first).click();
    await expect(chat.question().text).toContainText(first);
    await expect(sidebar.newTitle).toHaveCount(0);
    await expect(sidebar.chat(named)).toBeVisible();
  });

  test('"back" ends renaming with what was typed', async ({ chat, page }) => {
    const sidebar = new Sidebar(page);
    const asked = await begin(chat, 'Rename me by going back.');
    const named = `Renamed by going ${mark(asked)}`;
    await sidebar.act(asked, 'Rename');
    await sidebar.newTitle.fill(named);
    await page.goBack();
    await expect(chat.greeting).toBeVisible();
    await expect(sidebar.newTitle).toHaveCount(0);
    await expect(sidebar.chat(named)).toBeVisible();
  });

  test('a change that is not made says so in the list', async ({ chat, page, consoleWatch }) => {
    consoleWatch.allow(/status of 500/, 'Chromium itself reports responses with an error status.');
    const sidebar = new Sidebar(page);
    const asked = await begin(chat, 'Do not pin me.');
    await page.route('**/api/change_conversation', (route) =>
      route.fulfill({ status: 500, json: { kind: 'internal', message: 'The disk is full.' } }),
    );
    await sidebar.act(asked, 'Pin');
    await expect(sidebar.root.getByRole('alert')).toHaveText('The chat was not changed. The disk is full.');
    await page.unroute('**/api/change_conversation');
    await sidebar.act(asked, 'Pin');
    await expect(sidebar.headings.first()).toHaveText('Pinned');
    await expect(sidebar.root.getByRole('alert')).toHaveCount(0);
  });

  test('a title without a letter is not taken', async ({ chat, page }) => {
    const sidebar = new Sidebar(page);
    const asked = await begin(chat, 'Keep my name.');
    await sidebar.act(asked, 'Rename');
    await sidebar.newTitle.fill('   ');
    await sidebar.newTitle.press('Enter');
    await expect(sidebar.newTitle).toBeHidden();
    await expect(sidebar.chat(asked)).toBeVisible();
  });

  test('pinned chats come first, until they are unpinned', async ({ page, ownRunnel }) => {
    await ownRunnel.import(exportOf(['One', 'Two', 'Three'].map((title, at) => ({
      title,
      turns: [{ question: title, answer: title }],
      updated_ms: Date.now() - at * 1000,
    }))).lines);
    const sidebar = new Sidebar(page);
    await new ChatPage(page).open(ownRunnel.url);
    expect(await sidebar.titles()).toEqual(['One', 'Two', 'Three']);
    await sidebar.act('Three', 'Pin');
    await expect(sidebar.headings).toHaveText(['Pinned', 'Today']);
    expect(await sidebar.titles()).toEqual(['Three', 'One', 'Two']);
    await sidebar.act('Three', 'Unpin');
    await expect(sidebar.headings).toHaveText(['Today']);
    expect(await sidebar.titles()).toEqual(['One', 'Two', 'Three']);
  });

  test('a chat is archived and comes back', async ({ page, ownRunnel }) => {
    const titles = ['Stays', 'Goes'];
    const { lines, paths } = exportOf(titles.map((title) => ({ title, turns: [{ question: title, answer: title }] })));
    await ownRunnel.import(lines);
    const chat = new ChatPage(page);
    const sidebar = new Sidebar(page);
    await chat.open(ownRunnel.url);
    await sidebar.act('Goes', 'Archive');
    await expect(sidebar.archived).toBeVisible();
    await expect(sidebar.chat('Goes')).toBeHidden();
    await expect(sidebar.chat('Stays')).toBeVisible();

    await sidebar.archived.click();
    await sidebar.chat('Goes').click();
    await expect(page).toHaveURL(`${ownRunnel.url}${paths[1]}`);
    await expect(chat.questions).toHaveText(['Goes']);
    await expect(sidebar.chat('Goes'), 'the chat that is open is seen').toBeVisible();
    await sidebar.act('Goes', 'Unarchive');
    await expect(sidebar.archived).toHaveCount(0);
    await expect(sidebar.chat('Goes')).toBeVisible();
  });

  test('a chat is deleted, and Undo brings it back', async ({ chat, page }) => {
    const sidebar = new Sidebar(page);
    const asked = await begin(chat, 'Delete me.');
    const address = page.url();
    await sidebar.act(asked, 'Delete');
    await expect(chat.greeting, 'the page goes on with a new chat').toBeVisible();
    await expect(sidebar.chat(asked)).toHaveCount(0);
    await expect(sidebar.undo).toBeFocused();
    await page.keyboard.press('Enter');
    await expect(sidebar.chat(asked)).toBeVisible();
    await expect(sidebar.undo).toHaveCount(0);
    await page.goto(address);
    await expect(chat.questions).toHaveCount(1);
  });

  test('a chat that is not open is deleted without leaving the one that is', async ({ chat, page }) => {
    const sidebar = new Sidebar(page);
    const other = await begin(chat, 'Not open.');
    const open = await begin(chat, 'Open.');
    await chat.message.fill('A draft');
    await sidebar.act(other, 'Delete');
    await expect(sidebar.chat(other)).toHaveCount(0);
    await expect(sidebar.chat(open)).toHaveAttribute('aria-current', 'page');
    await expect(chat.message).toHaveValue('A draft');
  });

  test('Escape closes the menu and gives the focus back', async ({ chat, page }) => {
    const sidebar = new Sidebar(page);
    const asked = await begin(chat, 'Just looking.');
    await sidebar.actionsOf(asked).click();
    await expect(sidebar.menu).toBeVisible();
    await expect(sidebar.actionsOf(asked)).toHaveAttribute('aria-expanded', 'true');
    await page.keyboard.press('Escape');
    await expect(sidebar.menu).toBeHidden();
    await expect(sidebar.actionsOf(asked)).toBeFocused();
  });
});

test.describe('order', () => {
  test('chats stand under their day, the newest first', async ({ page, ownRunnel }) => {
    // At noon, so that a day more or less is one in every time zone.
    const noon = new Date().setHours(12, 0, 0, 0);
    const days = [0, 1, 4, 20, 90];
    const made = days.map((ago) => ({
      title: `${ago} days ago`,
      turns: [{ question: 'When?', answer: 'Then.' }],
      updated_ms: noon - ago * DAY_MS,
    }));
    await ownRunnel.import(exportOf([...made].reverse()).lines);
    const sidebar = new Sidebar(page);
    await new ChatPage(page).open(ownRunnel.url);
    await expect(sidebar.headings).toHaveText(['Today', 'Yesterday', 'Last 7 days', 'Last 30 days', 'Older']);
    expect(await sidebar.titles()).toEqual(made.map(({ title }) => title));
  });

  test('a chat in which something is asked comes first', async ({ page, ownRunnel }) => {
    const made = ['Newer', 'Elder'].map((title, at) => ({
      title,
      turns: [{ question: title, answer: title }],
      updated_ms: Date.now() - (at + 1) * 60_000,
    }));
    await ownRunnel.import(exportOf(made).lines);
    const chat = new ChatPage(page);
    const sidebar = new Sidebar(page);
    await chat.open(ownRunnel.url);
    expect(await sidebar.titles()).toEqual(['Newer', 'Elder']);
    await sidebar.chat('Elder').click();
    await expect(chat.questions).toHaveText(['Elder']);
    await (await chat.ask(prompt('And now?', { delta_ms: 1 }).typed)).ended('complete');
    await expect.poll(() => sidebar.titles()).toEqual(['Elder', 'Newer']);
  });

  test('chats beyond the first sixty are listed when they are asked for', async ({ page, ownRunnel }) => {
    for (let asked = 0; asked < 64; asked += 8) {
      await Promise.all(Array.from({ length: 8 }, (_, at) => ownRunnel.ask(`Number ${asked + at}.`, 'demo/echo')));
    }
    const sidebar = new Sidebar(page);
    await new ChatPage(page).open(ownRunnel.url);
    await expect(sidebar.chats).toHaveCount(60);
    await sidebar.older.click();
    await expect(sidebar.chats).toHaveCount(64);
    await expect(sidebar.older).toHaveCount(0);
  });

  test('back and forward lead through the chats that were open', async ({ chat, page }) => {
    const sidebar = new Sidebar(page);
    const first = await begin(chat, 'The first.');
    const second = await begin(chat, 'The second.');
    await sidebar.chat(first).click();
    await expect(chat.questions).toContainText([first]);
    await expect(sidebar.chat(first)).toHaveAttribute('aria-current', 'page');
    await page.goBack();
    await expect(chat.questions).toContainText([second]);
    await expect(sidebar.chat(second)).toHaveAttribute('aria-current', 'page');
    await expect(sidebar.chat(first)).not.toHaveAttribute('aria-current');
    await page.goForward();
    await expect(chat.questions).toContainText([first]);
  });
});

test('news of other chats do not take the focus from where a person just went', async ({ chat, page, newDevice }) => {
  const sidebar = new Sidebar(page);
  const asked = await begin(chat, 'In focus.');
  const other = await newDevice();
  await other.open();
  await chat.message.focus();
  const oneFrame = await holdFrames(page);
  await new Sidebar(other.page).rename(asked, `Renamed ${mark(asked)}`);
  await expect(sidebar.chat(`Renamed ${mark(asked)}`)).toBeVisible();
  await chat.question().edit.focus();
  await oneFrame();
  await expect(chat.question().edit).toBeFocused();
});

test('a title with markup, or that turns text around, is text', async ({ chat, page }) => {
  const sidebar = new Sidebar(page);
  const asked = await begin(chat, 'Plain.');
  const markup = `<img src=x onerror="window.owned=1"><b>${mark(asked)}</b>`;
  await sidebar.rename(asked, markup);
  await expect(sidebar.item(markup).locator('img, b')).toHaveCount(0);
  await expect(page).toHaveTitle(`${markup} · Runnel`);
  await page.reload();
  await expect(sidebar.chat(markup)).toBeVisible();
  await expect(page).toHaveTitle(`${markup} · Runnel`);
  expect(await page.evaluate(() => 'owned' in window)).toBe(false);

  await sidebar.rename(markup, `safe\u202Etxt.exe ${mark(asked)}`, `safetxt.exe ${mark(asked)}`);
  // Text of the other direction does not turn what stands beside it around.
  await sidebar.rename(`safetxt.exe ${mark(asked)}`, `שלום ${mark(asked)}`);
  const title = sidebar.item(`שלום ${mark(asked)}`).locator('.chat-title');
  expect(await title.evaluate((element) => getComputedStyle(element).unicodeBidi)).toBe('isolate');
});

test.describe('axe finds nothing', () => {
  // A colour in the middle of a transition is nobody's colour.
  test.use({ contextOptions: { reducedMotion: 'reduce' } });

  // Without the chats of other tests, which axe would look at too.
  test.beforeEach(async ({ chat, ownRunnel }) => {
    await chat.open(ownRunnel.url);
  });

  async function isClean(page: Page): Promise<void> {
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      expect(await violations(page), colorScheme).toEqual([]);
    }
  }

  test('in the list, in an open menu, in a field for a title, and beside an Undo', async ({ chat, page }) => {
    const sidebar = new Sidebar(page);
    const asked = await begin(chat, 'Look at me.');
    await sidebar.chat(asked).hover();
    await isClean(page);
    await sidebar.actionsOf(asked).click();
    await expect(sidebar.menu).toBeVisible();
    await isClean(page);
    await sidebar.menu.getByRole('button', { name: 'Rename' }).click();
    await expect(sidebar.newTitle).toBeVisible();
    await isClean(page);
    await page.keyboard.press('Escape');
    await sidebar.act(asked, 'Delete');
    await expect(sidebar.undo).toBeVisible();
    await isClean(page);
  });

  test('in what a search finds, and where it finds nothing', async ({ chat, page }) => {
    const sidebar = new Sidebar(page);
    const asked = await begin(chat, 'Find me.');
    await sidebar.find(mark(asked));
    await expect(sidebar.found.first()).toBeVisible();
    await isClean(page);
    await sidebar.find('zyxwvutsrq');
    await expect(sidebar.root.getByText('No results.')).toBeVisible();
    await isClean(page);
  });

  test.describe('on a phone', () => {
    test.use({ viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true });

    test('in the drawer', async ({ chat, page }) => {
      const sidebar = new Sidebar(page);
      const { typed, asked } = prompt('In a drawer.', { delta_ms: 1 });
      await (await chat.ask(typed, { model: 'demo/echo' })).ended('complete');
      await sidebar.drawerButton.tap();
      await expect(sidebar.chat(asked)).toBeInViewport();
      await isClean(page);
      await sidebar.actionsOf(asked).tap();
      await expect(sidebar.menu).toBeVisible();
      await isClean(page);
    });
  });
});

test.describe('on a phone', () => {
  test.use({ viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 });

  async function beginOnPhone(chat: ChatPage): Promise<string> {
    const { typed, asked } = prompt('On the phone.', { delta_ms: 1 });
    await (await chat.ask(typed, { model: 'demo/echo' })).ended('complete');
    return asked;
  }

  test('the chat has the whole width, and the list is not in the way', async ({ chat, page }) => {
    await beginOnPhone(chat);
    const sidebar = new Sidebar(page);
    await expect(sidebar.root).not.toBeInViewport();
    await expect(sidebar.drawerButton).toHaveAttribute('aria-expanded', 'false');
    expect((await page.getByRole('main').boundingBox())?.width).toBe(390);
  });

  test('the list is a drawer: choosing a chat closes it', async ({ chat, page }) => {
    const sidebar = new Sidebar(page);
    const asked = await beginOnPhone(chat);
    await chat.newChat.tap();
    await expect(chat.greeting).toBeVisible();
    await sidebar.drawerButton.tap();
    await expect(sidebar.drawerButton).toHaveAttribute('aria-expanded', 'true');
    await expect(sidebar.chat(asked)).toBeInViewport({ ratio: 1 });
    await sidebar.chat(asked).tap();
    await expect(chat.questions).toContainText([asked]);
    await expect(sidebar.root).not.toBeInViewport();
    await expect(sidebar.drawerButton).toHaveAttribute('aria-expanded', 'false');
  });

  test('choosing the chat that is open closes the drawer too', async ({ chat, page }) => {
    const sidebar = new Sidebar(page);
    const asked = await beginOnPhone(chat);
    await sidebar.drawerButton.tap();
    await sidebar.chat(asked).tap();
    await expect(sidebar.root).not.toBeInViewport();
    await expect(chat.questions).toContainText([asked]);
  });

  test('the drawer has the focus, and Escape closes it and gives the focus back', async ({ chat, page }) => {
    const sidebar = new Sidebar(page);
    await beginOnPhone(chat);
    await sidebar.drawerButton.tap();
    await expect(sidebar.search).toBeFocused();
    await page.keyboard.press('Escape');
    await expect(sidebar.root).not.toBeInViewport();
    await expect(sidebar.drawerButton).toBeFocused();
  });

  test('a tap beside the drawer closes it', async ({ chat, page }) => {
    const sidebar = new Sidebar(page);
    await beginOnPhone(chat);
    await sidebar.drawerButton.tap();
    await expect(sidebar.search).toBeInViewport({ ratio: 1 });
    await page.touchscreen.tap(375, 600);
    await expect(sidebar.root).not.toBeInViewport();
  });

  test('everything in the drawer is large enough for a finger', async ({ chat, page }) => {
    const sidebar = new Sidebar(page);
    const asked = await beginOnPhone(chat);
    await sidebar.drawerButton.tap();
    await expect(sidebar.chat(asked)).toBeInViewport({ ratio: 1 });
    expect(await smallTargets(page), 'the list').toEqual([]);
    await sidebar.actionsOf(asked).tap();
    await expect(sidebar.menu).toBeVisible();
    expect(await smallTargets(page), 'the menu').toEqual([]);
    await sidebar.find(mark(asked));
    await expect(sidebar.found.first()).toBeVisible();
    expect(await smallTargets(page), 'what was found').toEqual([]);
  });

  test('a chat that is open is deleted from the drawer, and Undo is at hand', async ({ chat, page }) => {
    const sidebar = new Sidebar(page);
    const asked = await beginOnPhone(chat);
    await sidebar.drawerButton.tap();
    await sidebar.actionsOf(asked).tap();
    await sidebar.menu.getByRole('button', { name: 'Delete' }).tap();
    await expect(chat.greeting).toBeAttached();
    await expect(sidebar.undo).toBeInViewport({ ratio: 1 });
    expect(await smallTargets(page), 'Undo').toEqual([]);
    await sidebar.undo.tap();
    await expect(sidebar.chat(asked)).toBeVisible();
  });

  test('an answer goes on while the drawer is open', async ({ chat, page }) => {
    const sidebar = new Sidebar(page);
    const answer = await chat.ask(prompt('Write on.').typed, { model: 'demo/long' });
    await answer.hasGrownTo(20);
    await sidebar.drawerButton.tap();
    await answer.grows();
    await page.keyboard.press('Escape');
    await chat.stop.tap();
    await answer.ended('stopped');
  });
});
