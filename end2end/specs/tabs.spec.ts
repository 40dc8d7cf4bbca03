// What is done in one window shows in the others, also on another device.

import { ChatPage } from '../pages/chat.ts';
import { Sidebar } from '../pages/sidebar.ts';
import { expect, prompt, test } from '../fixtures.ts';

/** Slow enough to be looked at from two places. */
const LEISURELY = { delta_ms: 15, characters: 4 };

test('a chat begun on one device appears on another: running, then unread until it is looked at', async ({
  chat,
  newDevice,
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
  await Promise.all([answer.ended('complete'), other.answer().ended('complete')]);
  expect(await other.answer().read()).toBe(await answer.read());

  const second = prompt('And the next one.', LEISURELY);
  const next = await other.ask(second.typed);
  await expect(chat.questions).toHaveText([first.typed, second.typed]);
  await chat.answer(1).isRunning();
  await chat.answer(1).grows(20);
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
  await expect(other.page.getByRole('heading', { name: 'This chat is not here.' })).toBeVisible();
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
