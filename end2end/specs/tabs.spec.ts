// What is done in one window shows in the others, also on another device.

import type { BrowserContext } from '@playwright/test';
import { ChatPage } from '../pages/chat.ts';
import { Sidebar } from '../pages/sidebar.ts';
import { expect, hold, prompt, test } from '../fixtures.ts';

/** Slower than any machine opens a window: the emulator is told when it shall end. */
const LEISURELY = { delta_ms: 60, characters: 4 };

test('a chat begun on one device appears on another: running, then unread until it is looked at', async ({
  chat,
  newDevice,
  emulator,
}) => {
  const other = await newDevice();
  await other.open();
  const [here, there] = [new Sidebar(chat.page), new Sidebar(other.page)];
  const { typed, asked } = prompt('Show up elsewhere.', LEISURELY);
  const answer = await chat.ask(typed);
  await answer.hasGrownTo(4);
  // Nobody looks at it any more.
  await chat.newChat.click();
  await expect(there.chat(asked)).toContainText('(answering)');
  await expect(here.chat(asked)).toContainText('(answering)');
  await emulator.finish(asked);
  for (const sidebar of [there, here]) {
    await expect(sidebar.chat(asked)).toContainText('(unread)', { timeout: 20_000 });
    await expect(sidebar.chat(asked)).not.toContainText('(answering)');
  }

  await there.chat(asked).click();
  await other.answer().ended('complete');
  await expect(there.chat(asked)).not.toContainText('(unread)');
  await expect(here.chat(asked)).not.toContainText('(unread)');
});

test('an answer that was looked at to its end is not called unread', async ({ chat, newDevice }) => {
  const other = await newDevice();
  await other.open();
  const { typed, asked } = prompt('I am watching.', { delta_ms: 5 });
  await (await chat.ask(typed)).ended('complete');
  const there = new Sidebar(other.page);
  await expect(there.chat(asked)).toBeVisible();
  await expect(there.chat(asked)).not.toContainText('(unread)');
  await expect(new Sidebar(chat.page).chat(asked)).not.toContainText('(unread)');
});

test('an answer grows on both devices that show it, and a new turn appears on the other', async ({
  chat,
  page,
  newDevice,
  emulator,
}) => {
  const first = prompt('Grow in two places.', LEISURELY);
  const answer = await chat.ask(first.typed);
  await answer.hasGrownTo(20);
  const other = await newDevice();
  await other.open(page.url());
  await other.answer().isRunning();
  await Promise.all([answer.grows(20), other.answer().grows(20)]);
  await emulator.finish(first.asked);
  await Promise.all([answer.ended('complete'), other.answer().ended('complete')]);
  expect(await other.answer().read()).toBe(await answer.read());

  const second = prompt('And the next one.', LEISURELY);
  const next = await other.ask(second.typed);
  await expect(chat.questions).toHaveText([first.typed, second.typed]);
  await chat.answer(1).isRunning();
  await chat.answer(1).grows(20);
  await emulator.finish(second.asked);
  await Promise.all([chat.answer(1).ended('complete'), next.ended('complete')]);
  expect(await chat.answer(1).read()).toBe(await next.read());
  expect(await emulator.stats(second.asked)).toMatchObject({ requests: 1, completed: 1 });
});

test('what is being typed stays when something new comes from another device', async ({ chat, page, newDevice }) => {
  const first = prompt('Begin.', { delta_ms: 1 });
  await (await chat.ask(first.typed, { model: 'demo/echo' })).ended('complete');
  const other = await newDevice();
  await other.open(page.url());
  await chat.message.fill('In the middle of a thou');
  const second = prompt('From elsewhere.', { delta_ms: 1 });
  await (await other.ask(second.typed)).ended('complete');
  await expect(chat.questions).toHaveCount(2);
  await page.keyboard.type('ght');
  await expect(chat.message, 'text, focus and caret are where they were').toHaveValue('In the middle of a thought');
});

test('a chat renamed in one window has its new name in the other', async ({ chat, page, newDevice }) => {
  const { typed, asked } = prompt('Name me.', { delta_ms: 1 });
  await (await chat.ask(typed, { model: 'demo/echo' })).ended('complete');
  const other = await newDevice();
  await other.open(page.url());
  const named = `Renamed ${asked.slice(-8)}`;
  await new Sidebar(page).rename(asked, named);
  await expect(new Sidebar(other.page).chat(named)).toBeVisible();
  await expect(other.page).toHaveTitle(`${named} · Runnel`);
  await expect(page).toHaveTitle(`${named} · Runnel`);
});

test('a chat deleted elsewhere while it answers is stopped, says so, and comes back', async ({
  chat,
  page,
  newDevice,
  emulator,
}) => {
  const { typed, asked } = prompt('Delete me.');
  const answer = await chat.ask(typed, { model: 'demo/long' });
  await answer.hasGrownTo(40);
  const address = page.url();
  const other = await newDevice();
  await other.open(address);
  await other.answer().grows();

  await new Sidebar(page).act(asked, 'Delete');
  await expect(chat.greeting).toBeVisible();
  await expect(new Sidebar(page).undo).toBeVisible();
  await expect.poll(() => emulator.stats(asked)).toMatchObject({ requests: 1, open: 0, aborted: 1 });
  await expect(other.notice.getByText('This chat was deleted.')).toBeVisible();
  await other.answer().ended('stopped');
  const left = await other.answer().read();
  await expect(new Sidebar(other.page).chat(asked)).toHaveCount(0);

  await other.notice.getByRole('button', { name: 'Undo' }).click();
  await expect(other.notice.getByText('This chat was deleted.')).toBeHidden();
  await expect(new Sidebar(other.page).chat(asked)).toBeVisible();
  await expect(new Sidebar(page).chat(asked)).toBeVisible();
  await other.page.reload();
  await other.answer().ended('stopped');
  expect(await other.answer().read()).toBe(left);
  await page.goto(address);
  await expect(chat.questions).toHaveText([typed]);
});

test('a chat that was deleted elsewhere and is not brought back is not found', async ({
  chat,
  page,
  newDevice,
  consoleWatch,
}) => {
  const { typed, asked } = prompt('Gone.', { delta_ms: 1 });
  await (await chat.ask(typed, { model: 'demo/echo' })).ended('complete');
  const other = await newDevice();
  await other.open(page.url());
  await new Sidebar(page).act(asked, 'Delete');
  await expect(other.notice.getByText('This chat was deleted.')).toBeVisible();
  consoleWatch.allow(/status of 404/, 'Chromium itself reports responses with an error status.');
  await other.page.reload();
  await expect(other.page.getByRole('heading', { name: 'Chat not found' })).toBeVisible();
});

test('both tabs of one browser keep what each has typed', async ({ chat, context, page }) => {
  const { typed, asked } = prompt('Two drafts.', { delta_ms: 1 });
  await (await chat.ask(typed, { model: 'demo/echo' })).ended('complete');
  const other = new ChatPage(await context.newPage());
  await other.open(page.url());
  await chat.message.fill('Typed here');
  await other.message.fill('Typed there');
  // Something new comes to both.
  await new Sidebar(page).act(asked, 'Pin');
  await expect(new Sidebar(other.page).headings.first()).toHaveText('Pinned');
  await expect(chat.message).toHaveValue('Typed here');
  await expect(other.message).toHaveValue('Typed there');
});

/** The pages of a new chat in several tabs of one browser, each with something typed. */
async function typeInTabs(context: BrowserContext, drafts: string[]): Promise<ChatPage[]> {
  const tabs: ChatPage[] = [];
  for (const draft of drafts) {
    const tab = new ChatPage(await context.newPage());
    await tab.open();
    await tab.message.fill(draft);
    tabs.push(tab);
  }
  return tabs;
}

/** Waits until this browser keeps these drafts of new chats, in any order. */
async function keeps(tab: ChatPage, drafts: string[]): Promise<void> {
  const kept = () =>
    tab.page.evaluate(() =>
      Object.entries(localStorage)
        .filter(([key]) => key.startsWith('runnel-draft'))
        .map(([, draft]) => String(draft))
        .sort(),
    );
  await expect.poll(kept, { message: 'what this browser keeps' }).toEqual([...drafts].sort());
}

test('each tab at the new chat keeps a draft of its own over a reload', async ({ context }) => {
  const drafts = ['Typed in the first tab', 'Typed in the second', 'And in the third'];
  const tabs = await typeInTabs(context, drafts);
  await Promise.all(tabs.map((tab) => tab.page.reload()));
  for (const [index, tab] of tabs.entries()) {
    await expect(tab.message).toHaveValue(drafts[index] ?? '');
  }
  await keeps(tabs[0] as ChatPage, drafts);
});

test('a question asked in one tab leaves the draft of another alone', async ({ context }) => {
  const { typed, asked } = prompt('Ask away.', { delta_ms: 1 });
  const [first, second] = (await typeInTabs(context, ['Not yet asked', typed])) as [ChatPage, ChatPage];
  await second.set({ model: 'demo/echo' });
  await second.send.click();
  await second.answer().ended('complete');
  await expect(second.answer().text).toHaveText(asked);
  await first.page.reload();
  await expect(first.message).toHaveValue('Not yet asked');
  await expect(second.message).toHaveValue('');
});

test('what a closed tab left is taken over by the next new chat, once', async ({ context }) => {
  const [left, other] = (await typeInTabs(context, ['Left behind', 'Still open'])) as [ChatPage, ChatPage];
  await keeps(other, ['Left behind', 'Still open']);
  await left.page.close();
  const next = new ChatPage(await context.newPage());
  await next.open();
  await expect(next.message).toHaveValue('Left behind');
  await keeps(next, ['Left behind', 'Still open']);
  await expect(other.message).toHaveValue('Still open');
  await next.message.fill('');
  await keeps(next, ['Still open']);
});

/** A tab opened by another begins with a copy of what that tab keeps for itself, as a duplicate does. */
async function duplicate({ page }: ChatPage): Promise<ChatPage> {
  const opened = page.context().waitForEvent('page');
  await page.evaluate(() => {
    window.open(location.href);
  });
  return new ChatPage(await opened);
}

test('a duplicated tab has the draft too, and neither writes over the other’s', async ({ context }) => {
  const [first] = (await typeInTabs(context, ['For both'])) as [ChatPage];
  await keeps(first, ['For both']);
  const copy = await duplicate(first);
  await expect(copy.message).toHaveValue('For both');
  await keeps(copy, ['For both', 'For both']);
  await copy.message.fill('For the copy');
  await keeps(copy, ['For both', 'For the copy']);
  await Promise.all([first.page.reload(), copy.page.reload()]);
  await expect(first.message).toHaveValue('For both');
  await expect(copy.message).toHaveValue('For the copy');
});

/** What the tabs of this browser tell each other is held back, as if all of them were busy, until `release`. */
async function holdTabs(context: BrowserContext): Promise<{ release: () => Promise<void> }> {
  await context.addInitScript(() => {
    const post = BroadcastChannel.prototype.postMessage;
    const held: (() => void)[] = [];
    BroadcastChannel.prototype.postMessage = function (message: unknown): void {
      held.push(() => {
        post.call(this, message);
      });
    };
    window.addEventListener('release-tabs', () => {
      BroadcastChannel.prototype.postMessage = post;
      for (const send of held) send();
    });
  });
  const release = async (): Promise<void> => {
    for (const page of context.pages()) {
      await page.evaluate(() => window.dispatchEvent(new Event('release-tabs')));
    }
  };
  return { release };
}

test('a duplicated tab keeps its own draft although the other answers late', async ({ context }) => {
  const tabs = await holdTabs(context);
  const [first] = (await typeInTabs(context, ['For both'])) as [ChatPage];
  await keeps(first, ['For both']);
  const copy = await duplicate(first);
  await expect(copy.message).toHaveValue('For both');
  await keeps(copy, ['For both']);
  await tabs.release();
  await keeps(copy, ['For both', 'For both']);
  await copy.message.fill('For the copy');
  await keeps(copy, ['For both', 'For the copy']);
});

test('a draft at the new chat outlives a reload in another chat, and other tabs', async ({ context, runnel }) => {
  const [tab] = (await typeInTabs(context, ['Come back to this'])) as [ChatPage];
  const { typed } = prompt('Asked elsewhere.', { delta_ms: 1 });
  const other = new ChatPage(await context.newPage());
  await other.open();
  await (await other.ask(typed, { model: 'demo/echo' })).ended('complete');
  const address = other.page.url();
  await tab.page.goto(address);
  await expect(tab.questions).toHaveText([typed]);
  // This one asks who is there.
  const third = new ChatPage(await context.newPage());
  await third.open(runnel.url);
  await third.message.fill('Of its own');
  await keeps(third, ['Come back to this', 'Of its own']);
  await tab.newChat.click();
  await expect(tab.message).toHaveValue('Come back to this');
});

test('the older of two tabs with one name keeps it, whoever asks first', async ({ context }) => {
  const [first] = (await typeInTabs(context, ['Of the first'])) as [ChatPage];
  const { typed } = prompt('Asked elsewhere.', { delta_ms: 1 });
  const other = new ChatPage(await context.newPage());
  await other.open();
  await (await other.ask(typed, { model: 'demo/echo' })).ended('complete');
  await first.page.goto(other.page.url());
  await expect(first.questions).toHaveText([typed]);
  // The copy shows the chat too, where it does not ask for the names of others.
  const copy = await duplicate(first);
  await expect(copy.questions).toHaveText([typed]);
  await copy.isAlive();
  await first.newChat.click();
  await expect(first.message).toHaveValue('Of the first');
  await keeps(first, ['Of the first', 'Of the first']);
  await first.message.fill('Of the first alone');
  await keeps(first, ['Of the first', 'Of the first alone']);
  await first.page.reload();
  await expect(first.message).toHaveValue('Of the first alone');
});

test('a draft is given back to a tab that was only late to answer', async ({ context }) => {
  const tabs = await holdTabs(context);
  const [first] = (await typeInTabs(context, ['Not left'])) as [ChatPage];
  await keeps(first, ['Not left']);
  const next = new ChatPage(await context.newPage());
  await next.open();
  await expect(next.message, 'it seems to be left').toHaveValue('Not left');
  await tabs.release();
  await expect(next.message, 'its tab has answered').toHaveValue('');
  await keeps(next, ['Not left']);
  await next.page.close();
  await first.page.reload();
  await expect(first.message).toHaveValue('Not left');
});

test('two tabs that ask at once both keep their own question, while it is answered and after', async ({
  chat,
  page,
  newDevice,
  emulator,
}) => {
  const first = prompt('Before both.', { delta_ms: 1 });
  await (await chat.ask(first.typed, { model: 'demo/echo' })).ended('complete');
  const other = await newDevice();
  await other.open(page.url());
  await other.set({ model: 'demo/echo' });
  // The other does not hear of the first one's question before it asks its own.
  const release = await hold(other.page, '**/api/list_conversations*');
  const repeat = { ...LEISURELY, repeat: 100 };
  const mine = prompt('Mine.', repeat);
  const theirs = prompt('Theirs.', repeat);
  await (await chat.ask(mine.typed)).hasGrownTo(4);
  await (await other.ask(theirs.typed)).hasGrownTo(4);
  release();

  const pages = [
    [chat, mine],
    [other, theirs],
  ] as const;
  for (const [tab, own] of pages) {
    await expect(tab.question(1).versions.place, 'it has heard of the other').toHaveText(/^[12]\/2$/);
    await expect(tab.question(1).text).toHaveText(own.typed);
  }
  for (const [tab, own] of pages) {
    await emulator.finish(own.asked);
    await tab.answer(1).ended('complete');
    await expect(tab.question(1).text).toHaveText(own.typed);
  }
  // Whatever comes after the ends: something new that both hear of, and load the chat for.
  const named = `Both ended ${first.asked.slice(-8)}`;
  await new Sidebar(page).rename(first.asked, named);
  for (const [tab, own] of pages) {
    await expect(tab.page).toHaveTitle(`${named} · Runnel`);
    await expect(tab.question(1).text).toHaveText(own.typed);
  }
});

test('who edits a question is left at it when another device chooses another version', async ({ chat, page, newDevice }) => {
  const first = prompt('The first version.', { delta_ms: 1 });
  await (await chat.ask(first.typed, { model: 'demo/echo' })).ended('complete');
  const second = prompt('The second version.', { delta_ms: 1 });
  await chat.question().askInstead(second.typed);
  await chat.answer().ended('complete');
  const other = await newDevice();
  await other.open(page.url());
  await expect(other.question().text).toHaveText(second.typed);
  await other.question().edit.click();
  await other.question().field.fill('Half a thought');

  const heard = other.page.waitForResponse('**/api/load_conversation*');
  await chat.question().versions.before.click();
  await heard;
  const named = `Chosen ${first.asked.slice(-8)}`;
  await new Sidebar(page).rename(first.asked, named);
  await expect(other.page).toHaveTitle(`${named} · Runnel`);
  await expect(other.question().field, 'text and focus are where they were').toHaveValue('Half a thought');
  await expect(other.question().field).toBeFocused();
});

test('a version chosen here stays although another device goes on elsewhere', async ({ chat, page, newDevice }) => {
  const first = prompt('The first version.', { delta_ms: 1 });
  await (await chat.ask(first.typed, { model: 'demo/echo' })).ended('complete');
  const second = prompt('The second version.', { delta_ms: 1 });
  await chat.question().askInstead(second.typed);
  await expect(chat.answer().text).toHaveText(second.asked);
  const other = await newDevice();
  await other.open(page.url());
  await expect(other.question().text).toHaveText(second.typed);
  const told = page.waitForResponse('**/api/change_conversation*');
  await chat.question().versions.before.click();
  await told;
  await expect(chat.question().text).toHaveText(first.typed);

  const third = prompt('The third version.', { delta_ms: 1 });
  await other.question().askInstead(third.typed);
  await expect(chat.question().versions.place, 'it has heard of the third').toHaveText('1/3');
  await expect(chat.question().text).toHaveText(first.typed);
});
