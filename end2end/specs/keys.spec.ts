// Keys: Escape stops from everywhere, typing writes from everywhere, and Enter submits only when it is meant.

import type { Locator } from '@playwright/test';
import { type Answer, ChatPage } from '../pages/chat.ts';
import { Sidebar } from '../pages/sidebar.ts';
import { expect, prompt, test } from '../fixtures.ts';

/** An answer that is being written. */
async function running(chat: ChatPage): Promise<Answer> {
  const answer = await chat.ask(prompt('Write until Escape.').typed, { model: 'demo/long' });
  await answer.hasGrownTo(20);
  return answer;
}

for (const [place, focus] of [
  ['in the answer', (chat: ChatPage) => chat.answer().text.click()],
  ['in the search field', (chat: ChatPage) => new Sidebar(chat.page).search.focus()],
  ['on a link of the header', (chat: ChatPage) => chat.settingsLink.focus()],
  ['on the question’s button', (chat: ChatPage) => chat.question().edit.focus()],
  ['nowhere', (chat: ChatPage) => chat.message.blur()],
] as const) {
  test(`Escape stops with the focus ${place}`, async ({ chat, page }) => {
    const answer = await running(chat);
    await focus(chat);
    await expect(chat.message).not.toBeFocused();
    await page.keyboard.press('Escape');
    await answer.ended('stopped');
  });
}

test('Escape closes what is open before it stops', async ({ chat, page }) => {
  const sidebar = new Sidebar(page);
  const answer = await running(chat);
  const title = (await chat.question().text.textContent())?.slice(0, 30) ?? '';
  await sidebar.actionsOf(title).click();
  await expect(sidebar.menu).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(sidebar.menu).toBeHidden();

  await sidebar.act(title, 'Rename');
  await expect(sidebar.newTitle).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(sidebar.newTitle).toBeHidden();

  await sidebar.search.fill('words that nobody wrote');
  await page.keyboard.press('Escape');
  await expect(sidebar.search).toHaveValue('');

  await chat.openSettings();
  await page.keyboard.press('Escape');
  await expect(chat.settingsPanel).toBeHidden();

  await chat.question().edit.click();
  await expect(chat.question().field).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(chat.question().field).toBeHidden();

  await answer.isRunning();
  await page.keyboard.press('Escape');
  await answer.ended('stopped');
});

test('what is typed outside of a field goes to the message, and what is selected stays until then', async ({ chat, page }) => {
  const answer = await chat.ask(prompt('Select me.', { delta_ms: 1 }).typed, { model: 'demo/echo' });
  await answer.ended('complete');
  const selected = () => page.evaluate(() => getSelection()?.toString().trim());
  await answer.text.dblclick({ position: { x: 10, y: 10 } });
  await expect.poll(selected).toBe('Select');
  await page.keyboard.press('Shift');
  expect(await selected(), 'a key that writes nothing changes nothing').toBe('Select');
  await page.keyboard.type('Typed at once');
  await expect(chat.message).toHaveValue('Typed at once');
  await expect(chat.message).toBeFocused();

  const sidebar = new Sidebar(page);
  await sidebar.search.click();
  await page.keyboard.type('elsewhere');
  await expect(sidebar.search, 'a field keeps what is typed in it').toHaveValue('elsewhere');
  await expect(chat.message).toHaveValue('Typed at once');
});

test('after Try again, Continue and a question asked differently one can type on', async ({ chat, page }) => {
  const stopped = await running(chat);
  await page.keyboard.press('Escape');
  await stopped.ended('stopped');
  for (const again of [
    () => chat.answer().tryAgain.click(),
    () => chat.answer().goOn.click(),
    () => chat.question().askInstead(prompt('Differently.').typed),
  ]) {
    await again();
    await expect(chat.message).toBeFocused();
    await chat.answer().hasGrownTo(20);
    await page.keyboard.press('Escape');
    await chat.answer().ended('stopped');
  }
});

test('Rename selects the title, so that typing replaces it', async ({ chat, page }) => {
  const sidebar = new Sidebar(page);
  const { typed, asked } = prompt('Called so.', { delta_ms: 1 });
  await (await chat.ask(typed, { model: 'demo/echo' })).ended('complete');
  await sidebar.act(asked, 'Rename');
  await expect(sidebar.newTitle).toBeFocused();
  const title = `Named anew ${asked.slice(-8)}`;
  await page.keyboard.type(title);
  await expect(sidebar.newTitle).toHaveValue(title);
  await page.keyboard.press('Enter');
  await expect(sidebar.chat(title)).toBeVisible();
});

/** Presses Enter as an input method does to choose a word. True if the page took it for its own. */
async function isTaken(field: Locator): Promise<boolean> {
  return field.evaluate((field) => {
    const press = (how: KeyboardEventInit) =>
      field.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true, ...how }));
    // Chromium and Firefox tell of the composition; Safari has ended it by then, and has another key code.
    return !press({ isComposing: true }) || !press({ keyCode: 229 });
  });
}

test('an Enter that chooses a word of an input method submits nothing', async ({ chat, page }) => {
  const sidebar = new Sidebar(page);
  const { typed, asked } = prompt('Compose.', { delta_ms: 1 });
  await (await chat.ask(typed, { model: 'demo/echo' })).ended('complete');

  await chat.message.fill('にほん');
  expect(await isTaken(chat.message), 'message').toBe(false);
  await expect(chat.message).toHaveValue('にほん');

  await chat.question().edit.click();
  await chat.question().field.fill('にほん');
  expect(await isTaken(chat.question().field), 'question').toBe(false);
  await expect(chat.question().field).toHaveValue('にほん');
  await chat.question().cancel.click();

  await sidebar.act(asked, 'Rename');
  await sidebar.newTitle.fill('にほん');
  await isTaken(sidebar.newTitle);
  await expect(sidebar.newTitle, 'it is still being named').toHaveValue('にほん');
  await page.keyboard.press('Escape');
  await expect(chat.questions).toHaveText([typed]);
  await expect(sidebar.chat(asked)).toBeVisible();
});

test.describe('with a keyboard on the screen alone', () => {
  test.use({ viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true });

  test('Enter breaks the line, and the button sends', async ({ chat, page }) => {
    const { typed } = prompt('One line', { delta_ms: 1 });
    await chat.set({ model: 'demo/echo' });
    await chat.isAlive();
    await expect(chat.message, 'no keyboard comes up by itself').not.toBeFocused();
    await expect(chat.message).toHaveAttribute('enterkeyhint', 'enter');
    await chat.message.tap();
    await page.keyboard.type(typed);
    await page.keyboard.press('Enter');
    await page.keyboard.type('and another');
    await expect(chat.message).toHaveValue(`${typed}\nand another`);
    await chat.send.tap();
    await chat.answer().ended('complete');
    await expect(chat.questions).toHaveText([`${typed}\nand another`]);

    const question = chat.question();
    await question.edit.tap();
    await expect(question.field).toHaveAttribute('enterkeyhint', 'enter');
    await question.field.press('End');
    await question.field.press('Enter');
    await expect(question.field).toHaveValue(/\n.*\n/);
  });
});

test('where there is a keyboard, the hint for Enter is to send', async ({ chat }) => {
  await chat.isAlive();
  await expect(chat.message).toHaveAttribute('enterkeyhint', 'send');
});
