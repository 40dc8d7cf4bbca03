// Nothing is overwritten: a question asked differently, and another answer, are versions beside the first.

import type { Locator, Page } from '@playwright/test';
import { ChatPage } from '../pages/chat.ts';
import { Sidebar } from '../pages/sidebar.ts';
import { expect, type Prompt, prompt, test } from '../fixtures.ts';

/** Asks, and waits for the echo. */
async function ask(chat: ChatPage, words: string): Promise<Prompt> {
  const asked = prompt(words, { delta_ms: 1 });
  const answer = await chat.ask(asked.typed, { model: 'demo/echo' });
  await answer.ended('complete');
  return asked;
}

/** Asks question `index` in other words, and waits for the echo. */
async function askInstead(chat: ChatPage, index: number, words: string): Promise<Prompt> {
  const asked = prompt(words, { delta_ms: 1 });
  await chat.question(index).askInstead(asked.typed);
  await expect(chat.answer(index).text).toHaveText(asked.asked);
  await chat.answer(index).ended('complete');
  return asked;
}

/** Counts the requests to a path from now on. */
function count(page: Page, path: string): () => number {
  let seen = 0;
  page.on('request', (request) => {
    seen += Number(new URL(request.url()).pathname === path);
  });
  return () => seen;
}

test('a question asked differently is a version beside the first, and what follows goes with each', async ({
  chat,
  page,
  emulator,
}) => {
  const first = await ask(chat, 'First wording.');
  const follow = await ask(chat, 'What follows it.');
  const second = await askInstead(chat, 0, 'Second wording.');
  await expect(chat.questions, 'nothing follows the new version yet').toHaveCount(1);
  await expect(chat.question().versions.place).toHaveText('2/2');
  await expect(chat.question().versions.next).toBeDisabled();
  const other = await ask(chat, 'What follows the other.');
  expect((await emulator.lastRequest()).body.messages, 'the model is told the branch that is shown').toEqual([
    { role: 'user', content: second.typed },
    { role: 'assistant', content: second.asked },
    { role: 'user', content: other.typed },
  ]);

  await chat.question().versions.before.click();
  await expect(chat.question().versions.place).toHaveText('1/2');
  await expect(chat.question().versions.before).toBeDisabled();
  await expect(chat.question(0).text).toHaveText(first.typed);
  await expect(chat.question(1).text, 'what follows goes with it').toHaveText(follow.typed);
  await expect(chat.answer(1).text).toHaveText(follow.asked);

  await page.reload();
  await expect(chat.question(0).text, 'the version chosen last is shown').toHaveText(first.typed);
  await expect(chat.question(1).text).toHaveText(follow.typed);
  await chat.question().versions.next.click();
  await expect(chat.question(0).text).toHaveText(second.typed);
  await expect(chat.question(1).text).toHaveText(other.typed);
});

test('Try again adds versions of the answer, and arrows lead through them', async ({ chat, page }) => {
  const { typed, asked } = prompt('Answer me thrice.', { delta_ms: 1, characters: 50 });
  await (await chat.ask(typed, { model: 'demo/echo' })).ended('complete');
  const texts: string[] = [asked];
  for (const [model, place] of [
    ['demo/plain', '2/3'],
    ['demo/unicode', '3/3'],
  ] as const) {
    await chat.set({ model });
    await chat.answer().tryAgain.click();
    await expect(chat.answer().model).toHaveText(model);
    await chat.answer().ended('complete');
    await expect(chat.answer().versions.place).toHaveText(place.replace('/3', `/${texts.length + 1}`));
    texts.push(await chat.answer().words());
  }
  await expect(chat.answers).toHaveCount(1);
  await expect(chat.questions).toHaveCount(1);
  await chat.answer().versions.before.click();
  await expect(chat.answer().text).toHaveText(texts[1] ?? '');
  await chat.answer().versions.before.click();
  await expect(chat.answer().text).toHaveText(asked);
  await expect(chat.answer().versions.place).toHaveText('1/3');
  await page.reload();
  await expect(chat.answer().versions.place).toHaveText('1/3');
  await expect(chat.answer().text).toHaveText(asked);
});

test('Try again on an older answer leaves what followed the first one there', async ({ chat, emulator }) => {
  const first = await ask(chat, 'The older question.');
  const later = await ask(chat, 'The later question.');
  await chat.set({ model: 'demo/plain' });
  await chat.answer(0).tryAgain.click();
  await expect(chat.answer(0).model).toHaveText('demo/plain');
  await chat.answer(0).ended('complete');
  await expect(chat.questions).toHaveText([first.typed]);
  expect((await emulator.lastRequest()).body.messages).toEqual([{ role: 'user', content: first.typed }]);
  await chat.answer(0).versions.before.click();
  await expect(chat.questions).toHaveCount(2);
  await expect(chat.question(1).text).toHaveText(later.typed);
});

test('the model is told the shown answer, not the newest', async ({ chat, emulator }) => {
  const first = await ask(chat, 'Remember this one.');
  await chat.set({ model: 'demo/plain' });
  await chat.answer().tryAgain.click();
  await expect(chat.answer().model).toHaveText('demo/plain');
  await chat.answer().ended('complete');
  await chat.answer().versions.before.click();
  await expect(chat.answer().text).toHaveText(first.asked);
  const second = await ask(chat, 'Go on.');
  expect((await emulator.lastRequest()).body.messages).toEqual([
    { role: 'user', content: first.typed },
    { role: 'assistant', content: first.asked },
    { role: 'user', content: second.typed },
  ]);
});

test('a version that was stopped stands beside the first', async ({ chat }) => {
  const first = await ask(chat, 'Write two.');
  await chat.set({ model: 'demo/long' });
  await chat.answer().tryAgain.click();
  await chat.answer().isRunning();
  await chat.answer().hasGrownTo(20);
  await chat.stop.click();
  await chat.answer().ended('stopped');
  await chat.answer().versions.before.click();
  await expect(chat.answer().text).toHaveText(first.asked);
  await chat.answer().versions.next.click();
  await chat.answer().ended('stopped');
});

test('Escape and Cancel leave a question as it was; an empty one is not asked', async ({ chat, emulator }) => {
  const first = await ask(chat, 'Leave me.');
  const question = chat.question();
  await question.edit.click();
  await expect(question.field).toBeFocused();
  await expect(question.field).toHaveValue(first.typed);
  await question.field.fill('Something else');
  await question.field.press('Escape');
  await expect(question.text).toHaveText(first.typed);
  await expect(question.field).toHaveCount(0);
  await expect(question.edit, 'the focus goes back').toBeFocused();

  await question.edit.click();
  await expect(question.field, 'what was typed is dropped').toHaveValue(first.typed);
  await question.field.fill(' \n ');
  await question.field.press('Enter');
  await question.ask.click();
  await expect(question.field).toBeVisible();
  await question.cancel.click();
  await expect(question.text).toHaveText(first.typed);
  await expect(question.edit, 'the focus goes back').toBeFocused();
  expect((await emulator.stats(first.asked)).requests).toBe(1);
  await expect(question.versions.place).toHaveCount(0);
});

test('a question is edited with the keyboard: Shift+Enter breaks the line, Enter asks', async ({ chat, page }) => {
  await ask(chat, 'Plain.');
  const { typed, asked } = prompt('Two', { delta_ms: 1 });
  await chat.question().edit.focus();
  await page.keyboard.press('Enter');
  await expect(chat.question().field).toBeFocused();
  await page.keyboard.press('ControlOrMeta+A');
  await page.keyboard.type(typed);
  await page.keyboard.press('Shift+Enter');
  await page.keyboard.type('lines');
  await page.keyboard.press('Enter');
  await expect(chat.question().text).toHaveText(`${typed}\nlines`, { useInnerText: true });
  await chat.answer().ended('complete');
  await expect(chat.answer().text).toContainText(asked);
});

test('an arrow can be pressed again and again with the keyboard', async ({ chat, page }) => {
  const first = await ask(chat, 'Version one.');
  await askInstead(chat, 0, 'Version two.');
  await askInstead(chat, 0, 'Version three.');
  await chat.question().versions.before.focus();
  await page.keyboard.press('Enter');
  await expect(chat.question().versions.place).toHaveText('2/3');
  await expect(chat.question().versions.before, 'the focus stays').toBeFocused();
  await page.keyboard.press('Enter');
  await expect(chat.question().text).toHaveText(first.typed);
});

test('a version chosen while an older state of the chat is still on its way stays', async ({ chat, page }) => {
  const first = await ask(chat, 'On its way, one.');
  let release = (): void => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const held = new Promise<void>((resolve) => {
    void page.route('**/api/load_conversation*', async (route) => {
      const response = await route.fetch();
      resolve();
      await released;
      await route.fulfill({ response });
    });
  });
  const second = await askInstead(chat, 0, 'On its way, two.');
  await held;
  await chat.question().versions.before.focus();
  const told = page.waitForResponse('**/api/change_conversation*');
  await page.keyboard.press('Enter');
  await told;
  const arrived = page.waitForResponse('**/api/load_conversation*');
  release();
  await (await arrived).finished();
  await expect(chat.question().versions.next, 'the arrow that was not replaced').toBeFocused();
  await expect(chat.question().text).toHaveText(first.typed);
  await chat.question().versions.next.click();
  await expect(chat.question().text).toHaveText(second.typed);
});

test('what is written in the composer stays while a question is edited', async ({ chat }) => {
  await ask(chat, 'Edit me.');
  await chat.message.fill('A draft for later');
  await askInstead(chat, 0, 'Edited.');
  await expect(chat.message).toHaveValue('A draft for later');
});

test('a chat is copied up to an answer, and goes on without the other knowing', async ({ chat, page, emulator }) => {
  const first = await ask(chat, 'Where we part.');
  const second = await ask(chat, 'Only in the first.');
  const before = page.url();
  await chat.answer(0).fork.click();
  await expect(page).not.toHaveURL(before);
  await expect(chat.questions).toHaveText([first.typed]);
  await expect(chat.answer().text).toHaveText(first.asked);
  const third = await ask(chat, 'Only in the copy.');
  expect((await emulator.lastRequest()).body.messages).toEqual([
    { role: 'user', content: first.typed },
    { role: 'assistant', content: first.asked },
    { role: 'user', content: third.typed },
  ]);
  await page.reload();
  await expect(chat.questions).toHaveText([first.typed, third.typed]);
  await expect(new Sidebar(page).chat(first.asked), 'both are listed').toHaveCount(2);
  await page.goBack();
  await expect(page).toHaveURL(before);
  await expect(chat.questions).toHaveText([first.typed, second.typed]);
});

test('a version made in one window appears in the other, with the arrows to the first', async ({
  chat,
  page,
  newDevice,
}) => {
  const first = await ask(chat, 'Two windows.');
  const other = await newDevice();
  await other.open(page.url());
  await expect(other.question().text).toHaveText(first.typed);
  const second = await askInstead(chat, 0, 'Two windows, otherwise.');
  await expect(other.question().versions.place).toHaveText(/^[12]\/2$/);
  await other.page.reload();
  await expect(other.question().text).toHaveText(second.typed);
  await expect(other.question().versions.place).toHaveText('2/2');
  await other.question().versions.before.click();
  await expect(other.question().text).toHaveText(first.typed);
  await expect(other.answer().text).toHaveText(first.asked);
});

test('an answer that broke off is continued, and can be continued again', async ({ chat, emulator }) => {
  const { typed, asked } = prompt('Break off.', { delta_ms: 1 });
  const cut = await chat.ask(typed, { model: 'demo/cut' });
  await cut.ended('interrupted');
  const begun = await cut.words();
  await cut.goOn.click();
  await expect(chat.answer().versions.place).toHaveText('2/2');
  await chat.answer().ended('interrupted');
  expect(await chat.answer().earlierText()).toBe(begun);
  const more = await chat.answer().words();
  await chat.set({ model: 'demo/plain' });
  await chat.answer().goOn.click();
  await chat.answer().ended('complete');
  expect(await chat.answer().earlierText(), 'all that came before').toBe(begun + more);
  expect((await emulator.lastRequest()).body.messages).toMatchObject([
    { role: 'user', content: typed },
    { role: 'assistant', content: begun + more },
    { role: 'user' },
  ]);
  expect((await emulator.stats(asked)).requests).toBe(1);
  await expect(chat.answer().versions.place).toHaveText('3/3');
  await chat.answer().versions.before.click();
  await chat.answer().versions.before.click();
  expect(await chat.answer().words(), 'what broke off is still there as it was').toBe(begun);
});

test('code that broke off goes on as code when it is continued', async ({ chat, page }) => {
  const lines = ['fn main() {', '    let one = 1;', '    let two = 2;', '    println!("{}", one + two);', '}'];
  await chat.set({ model: 'demo/echo', maxTokens: '12' });
  const cut = await chat.hear(['```rust', ...lines, '```', '', 'That is *all*.'].join('\n'));
  await expect(cut.verdict).toHaveText('Cut off at the token limit.');
  await chat.set({ maxTokens: '' });
  await cut.goOn.click();
  const answer = chat.answer();
  await expect(answer.versions.place).toHaveText('2/2');
  await answer.ended('complete');
  const isCode = async () => {
    await expect(answer.text.getByText('That is all.')).toHaveText('That is all.');
    await expect(answer.markdown.codeIn('rust').code).toContainText('println!("{}", one + two);\n}');
    const codes = await answer.root.locator('pre').allTextContents();
    expect(codes.join('').trimEnd(), 'nothing is lost between the two').toBe(lines.join('\n'));
  };
  await isCode();
  await page.reload();
  await isCode();
});

test('a half-typed edit stays when another answer comes, and when another version was looked at', async ({ chat }) => {
  const first = await ask(chat, 'Edit me slowly.');
  await askInstead(chat, 0, 'Edit me slowly, again.');
  const question = chat.question();
  await question.edit.click();
  await question.field.fill('Half an ed');
  await chat.answer().tryAgain.click();
  await expect(chat.answer().versions.place).toHaveText('2/2');
  await chat.answer().ended('complete');
  await expect(question.field).toHaveValue('Half an ed');
  await question.versions.before.click();
  await expect(question.text).toHaveText(first.typed);
  await question.versions.next.click();
  await expect(question.field).toHaveValue('Half an ed');
  const { typed, asked } = prompt('A whole edit.', { delta_ms: 1 });
  await question.field.fill(typed);
  await question.ask.click();
  await expect(chat.answer().text).toHaveText(asked);
  await expect(question.versions.place).toHaveText('3/3');
  await expect(question.field).toHaveCount(0);
});

test('an edit keeps focus and caret when another answer to its question comes from elsewhere', async ({
  chat,
  page,
  newDevice,
}) => {
  await ask(chat, 'Answered elsewhere.');
  const other = await newDevice();
  await other.open(page.url());
  // Nothing was asked or chosen on this page.
  await page.reload();
  await expect(async () => {
    await chat.question().edit.click();
    await expect(chat.question().field, 'the page is alive').toBeVisible({ timeout: 500 });
  }).toPass();
  await chat.question().field.fill('Half an ed');
  await other.answer().tryAgain.click();
  await expect(chat.answer().versions.place).toHaveText('2/2');
  await expect(chat.question().field).toBeFocused();
  await page.keyboard.type('it');
  await expect(chat.question().field).toHaveValue('Half an edit');
});

/** Presses a button twice within one task, as a page does that is busy when a finger slips. */
async function pressTwice(button: Locator): Promise<void> {
  await button.evaluate((element: HTMLButtonElement) => {
    element.click();
    element.click();
  });
}

for (const name of ['tryAgain', 'goOn'] as const) {
  test(`two clicks on ${name === 'goOn' ? 'Continue' : 'Try again'} in one task ask once`, async ({ chat, page }) => {
    const answer = await chat.ask(prompt('Once more.', { delta_ms: 1 }).typed, { model: 'demo/cut' });
    await answer.ended('interrupted');
    const sent = count(page, '/api/send_message');
    await pressTwice(answer[name]);
    await expect(chat.answer().versions.place).toHaveText('2/2');
    await chat.answer().ended('interrupted');
    expect(sent()).toBe(1);
    await expect(chat.answer().versions.place).toHaveText('2/2');
    await expect(chat.notice).toBeHidden();
  });
}

test('two clicks on Ask in one task ask an edited question once', async ({ chat, page }) => {
  await ask(chat, 'Edit me once.');
  const { typed, asked } = prompt('Edited once.', { delta_ms: 1 });
  await chat.question().edit.click();
  await chat.question().field.fill(typed);
  const sent = count(page, '/api/send_message');
  await pressTwice(chat.question().ask);
  await chat.answer().ended('complete');
  await expect(chat.answer().text).toHaveText(asked);
  await expect(chat.question().versions.place).toHaveText('2/2');
  expect(sent()).toBe(1);
});

test('while a question is on its way nothing else is asked, and the page says why', async ({ chat, page, consoleWatch }) => {
  consoleWatch.allowBrokenLine();
  await ask(chat, 'One at a time.');
  await ask(chat, 'The one on its way follows me.');
  let isCut = true;
  await page.route('**/api/send_message', (route) => (isCut ? route.abort('connectionreset') : route.continue()));
  const waiting = await chat.ask(prompt('On its way.', { delta_ms: 1 }).typed);
  await expect(waiting.progress).toHaveText('The connection is lost. Connecting again…');
  const edited = prompt('Meanwhile.', { delta_ms: 1 });
  await chat.question(0).askInstead(edited.typed);
  await expect(chat.notice).toHaveText('Another question is still on its way. Wait for it, or stop it.');
  await expect(chat.question(0).field).toHaveValue(edited.typed);
  isCut = false;
  await waiting.ended('complete');
  await chat.question(0).ask.click();
  await expect(chat.answer(0).text).toHaveText(edited.asked);
  await expect(chat.notice).toBeHidden();
});

test('two clicks make one copy of a chat; a copy that fails says so', async ({ chat, page, consoleWatch }) => {
  consoleWatch.allow(/status of 500/, 'Chromium itself reports responses with an error status.');
  const first = await ask(chat, 'Copy me once.');
  const before = page.url();
  await page.route('**/api/fork_conversation', (route) =>
    route.fulfill({ status: 500, json: { kind: 'internal', message: 'The disk is full.' } }),
  );
  await chat.answer().fork.click();
  await expect(chat.notice).toHaveText('The chat was not copied. The disk is full.');
  await expect(page).toHaveURL(before);
  await page.unroute('**/api/fork_conversation');
  await pressTwice(chat.answer().fork);
  await expect(page).not.toHaveURL(before);
  await expect(chat.questions).toHaveText([first.typed]);
  await chat.page.reload();
  await expect(new Sidebar(page).chat(first.asked)).toHaveCount(2);
});

test('what the server has lost is shown no longer, after an older database was put in its place', async ({
  page,
  ownRunnel,
  consoleWatch,
}) => {
  consoleWatch.allowRestart();
  const chat = new ChatPage(page);
  await chat.open(ownRunnel.url);
  const kept = await ask(chat, 'In the backup.');
  await expect(new Sidebar(page).chat(kept.asked)).not.toContainText('(answering)');
  const restore = await ownRunnel.backUp();
  const lost = await ask(chat, 'Not in the backup.');
  await expect(chat.questions).toHaveText([kept.typed, lost.typed]);
  await ownRunnel.program.crash();
  await restore();
  await ownRunnel.startAgain();
  await expect(chat.questions).toHaveText([kept.typed]);
  const next = await ask(chat, 'After the backup.');
  await expect(chat.questions).toHaveText([kept.typed, next.typed]);
});
