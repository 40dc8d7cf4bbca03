// Where a question is written: nothing that was typed is ever lost.

import { exportOf } from '../exports.ts';
import { ChatPage } from '../pages/chat.ts';
import { expect, hold, prompt, test } from '../fixtures.ts';
import { recordWords } from '../recorders.ts';

test('Enter sends, and Shift+Enter breaks the line', async ({ chat, page }) => {
  const first = prompt('First line', { delta_ms: 1 });
  await chat.set({ model: 'demo/echo' });
  await chat.message.click();
  await page.keyboard.type(first.typed);
  await page.keyboard.press('Shift+Enter');
  await page.keyboard.type('second line');
  await expect(chat.message).toHaveValue(`${first.typed}\nsecond line`);
  await expect(chat.questions).toHaveCount(0);
  await page.keyboard.press('Enter');
  await expect(chat.questions).toHaveText([`${first.typed}\nsecond line`]);
  await expect(chat.message).toHaveValue('');
  await chat.answer().ended('complete');
  // The directives stood between the lines; what is left of them is what the emulator repeats.
  await expect(chat.answer().text).toContainText(first.asked);
  await expect(chat.answer().text).toContainText('second line');
});

test('the button sends as Enter does', async ({ chat, emulator }) => {
  const { typed, asked } = prompt('By the button.', { delta_ms: 1 });
  await chat.message.fill(typed);
  await chat.send.click();
  await chat.answer().ended('complete');
  expect((await emulator.stats(asked)).requests).toBe(1);
});

test('nothing and blanks cannot be sent', async ({ chat }) => {
  await expect(chat.send).toBeDisabled();
  await chat.message.fill('something');
  await expect(chat.send).toBeEnabled();
  await chat.message.fill(' \n\t ');
  await expect(chat.send).toBeDisabled();
  await chat.message.press('Enter');
  const { typed } = prompt('Now for real.', { delta_ms: 1 });
  const answer = await chat.ask(typed, { model: 'demo/echo' });
  await answer.ended('complete');
  await expect(chat.questions).toHaveText([typed]);
});

test('a double click on Send asks once, and does not stop the answer', async ({ chat, emulator }) => {
  // In a chat that has begun the button stays where it is.
  const first = prompt('Begin.', { delta_ms: 1 });
  const begun = await chat.ask(first.typed, { model: 'demo/echo' });
  await begun.ended('complete');
  const { typed, asked } = prompt('Only once.', { delta_ms: 1, repeat: 10 });
  await chat.message.fill(typed);
  await expect(chat.send).toBeEnabled();
  await chat.send.dblclick();
  await chat.answer(1).ended('complete');
  await expect(chat.questions).toHaveText([first.typed, typed]);
  expect((await emulator.stats(asked)).requests).toBe(1);
});

test('the field grows with its text up to a limit, and shrinks again', async ({ chat, page }) => {
  const height = async () => (await chat.message.boundingBox())?.height ?? 0;
  const lines = (count: number) => Array.from({ length: count }, (_, line) => `line ${line}`).join('\n');
  // Alive: from here on the field follows its text.
  await chat.message.fill('one line');
  await expect(chat.send).toBeEnabled();
  const one = await height();
  await chat.message.fill(lines(4));
  await expect.poll(height).toBeGreaterThan(one * 2);
  const four = await height();
  await chat.message.fill(lines(200));
  await expect.poll(height).toBeGreaterThan(four);
  const limit = await height();
  expect(limit).toBeLessThanOrEqual((page.viewportSize()?.height ?? 0) / 2);
  expect(await chat.message.evaluate((field) => field.scrollHeight > field.clientHeight)).toBe(true);
  await chat.message.fill(lines(400));
  expect(await height()).toBe(limit);
  await expect(chat.send).toBeInViewport({ ratio: 1 });
  await chat.message.fill('one line');
  await expect.poll(height).toBe(one);
});

test('a draft survives a reload, in a new chat and in one that has begun', async ({ chat, page }) => {
  await chat.message.fill('A draft of a question');
  await expect(chat.send).toBeEnabled();
  await page.reload();
  await expect(chat.message).toHaveValue('A draft of a question');
  await expect(chat.send).toBeEnabled();

  const answer = await chat.ask(prompt('Begin.', { delta_ms: 1 }).typed, { model: 'demo/echo' });
  await answer.ended('complete');
  await chat.message.fill('Another draft');
  await expect(chat.send).toBeEnabled();
  await page.reload();
  await expect(chat.message).toHaveValue('Another draft');
});

test('a draft that reaches the server while the next page is on its way is there', async ({ chat, page }) => {
  await (await chat.ask(prompt('Begin.', { delta_ms: 1 }).typed, { model: 'demo/echo' })).ended('complete');
  // The next page is written before the server has the draft, and comes after.
  const isDraft = (body: string | null) => body?.includes('Typed before leaving') === true;
  const kept = page.waitForResponse((response) => isDraft(response.request().postData()) && response.ok());
  await page.route(page.url(), async (route) => {
    const response = await route.fetch();
    await kept;
    await route.fulfill({ response });
  });
  await chat.message.fill('Typed before leaving');
  await page.reload();
  await expect(chat.message).toHaveValue('Typed before leaving');
});

test('a chat’s draft does not turn up in another chat', async ({ chat, page }) => {
  const answer = await chat.ask(prompt('Begin.', { delta_ms: 1 }).typed, { model: 'demo/echo' });
  await answer.ended('complete');
  await chat.message.fill('For this chat alone');
  await chat.newChat.click();
  await expect(chat.greeting).toBeVisible();
  await expect(chat.message).toHaveValue('');
  await page.goBack();
  await expect(chat.greeting).toBeHidden();
  await expect(chat.message).toHaveValue('For this chat alone');
});

test('a draft survives the way to the settings page and back', async ({ chat, page }) => {
  await chat.message.fill('Wait for me');
  await expect(chat.send).toBeEnabled();
  await chat.settingsLink.click();
  await expect(chat.message).toBeHidden();
  await page.goBack();
  await expect(chat.message).toHaveValue('Wait for me');
});

test('a prompt typed before the page is alive is kept and can be sent', async ({ page, emulator }) => {
  const deliver = await hold(page, '**/*.wasm');
  const chat = new ChatPage(page);
  await page.goto('/', { waitUntil: 'domcontentloaded' });
  const { typed, asked } = prompt('Typed very early.', { delta_ms: 1 });
  await expect(chat.message, 'no click is needed').toBeFocused();
  await page.keyboard.type(typed);
  await expect(chat.send, 'the page is not alive yet').toBeDisabled();
  deliver();
  await expect(chat.send).toBeEnabled();
  await expect(chat.message).toHaveValue(typed);
  await chat.send.click();
  await chat.answer().ended('complete');
  await expect(chat.questions).toHaveText([typed]);
  expect((await emulator.stats(asked)).requests).toBe(1);
});

test('a field that keeps nothing takes nothing before the page is alive', async ({ page }) => {
  const deliver = await hold(page, '**/*.wasm');
  await page.goto('/settings', { waitUntil: 'domcontentloaded' });
  const fields = page.locator('#search, #system-prompt, [name="theme"]');
  const takesFocus = () =>
    fields.evaluateAll((found) =>
      found.map((field) => {
        (field as HTMLElement).focus();
        return document.activeElement === field;
      }),
    );
  const count = await fields.count();
  expect(count).toBeGreaterThan(2);
  expect(await takesFocus()).toEqual(Array<boolean>(count).fill(false));
  deliver();
  await expect(page.locator('html[data-alive]')).toBeAttached();
  await expect.poll(takesFocus).toEqual(Array<boolean>(count).fill(true));
});

test('Enter pressed before the page is alive is heard once it is', async ({ page, emulator }) => {
  const deliver = await hold(page, '**/*.wasm');
  const chat = new ChatPage(page);
  await page.goto('/', { waitUntil: 'domcontentloaded' });
  await expect(chat.message).toBeFocused();
  // What is typed after Enter takes it back.
  const { typed, asked } = prompt('Sent very early.', { delta_ms: 1 });
  await page.keyboard.type('Not yet');
  await page.keyboard.press('Enter');
  await page.keyboard.press('ControlOrMeta+A');
  await page.keyboard.type(typed);
  await expect(chat.message).not.toHaveAttribute('data-submitted');
  await page.keyboard.press('Enter');
  await expect(chat.message, 'no line is broken').toHaveValue(typed);
  const address = page.url();
  // As a browser does that submits a form by itself.
  await chat.message.evaluate((field: HTMLTextAreaElement) => field.form?.requestSubmit());
  expect(page.url(), 'the page is not loaded anew').toBe(address);
  deliver();
  await chat.answer().ended('complete');
  await expect(chat.questions).toHaveText([typed]);
  await expect(chat.message).toHaveValue('');
  expect((await emulator.stats(asked)).requests).toBe(1);
});

test('caret and place in the chat stay where they are when the page comes alive', async ({ page, ownRunnel }) => {
  const turns = Array.from({ length: 8 }, (_, at) => ({ question: `Question ${at}`, answer: 'Some words. '.repeat(100) }));
  const { lines, paths } = exportOf([{ title: 'Long enough', turns }]);
  await ownRunnel.import(lines);
  const deliver = await hold(page, '**/*.wasm');
  const chat = new ChatPage(page);
  await page.goto(`${ownRunnel.url}${paths[0]}`, { waitUntil: 'domcontentloaded' });
  await chat.message.pressSequentially('Hello word');
  await page.keyboard.press('ArrowLeft');
  await chat.log.evaluate((log) => log.scrollTo(0, 333));
  deliver();
  await expect(chat.send).toBeEnabled();
  await expect(chat.message).toBeFocused();
  await page.keyboard.type('l');
  await expect(chat.message).toHaveValue('Hello world');
  expect(await chat.scrollTop()).toBe(333);
});

test('settings that cannot be are named at their field, and the question waits', async ({ chat, emulator }) => {
  const { typed, asked } = prompt('How hot?', { delta_ms: 1 });
  await chat.set({ temperature: 'hot', maxTokens: '0' });
  await expect(chat.settingsButton).toContainText('Check the settings');
  await chat.message.fill(typed);
  await chat.message.press('Enter');
  await expect(chat.settingsPanel, 'the panel opens by itself').toBeVisible();
  const temperature = chat.field('Temperature');
  await expect(temperature, 'at what is wrong').toBeFocused();
  await expect(temperature).toHaveAccessibleDescription('Temperature must be a number from 0 to 2.');
  await expect(temperature).toHaveAttribute('aria-invalid', 'true');
  await expect(chat.field('Max tokens')).toHaveAccessibleDescription('Max tokens must be a whole number from 1 to 1,000,000.');
  await expect(chat.message).toHaveValue(typed);
  await expect(chat.questions).toHaveCount(0);

  await temperature.fill('0.5');
  await chat.field('Max tokens').fill('');
  await expect(temperature).toHaveAttribute('aria-invalid', 'false');
  await chat.message.press('Enter');
  await chat.answer().ended('complete');
  await expect(chat.questions).toHaveText([typed]);
  expect((await emulator.stats(asked)).requests).toBe(1);
});

test('opening the panel leaves the rest of the page as it is', async ({ chat, page }) => {
  await chat.hasParts();
  const loading = await recordWords(page, '.loading');
  await chat.message.fill('Stay.');
  await expect(chat.send).toBeEnabled();
  const field = await chat.message.elementHandle();
  await chat.openSettings();
  await expect(page.locator('datalist#models option').first()).toBeAttached();
  expect(await loading(), 'no notice of loading in between').toEqual([]);
  expect(await field?.evaluate((element) => element.isConnected), 'the same field').toBe(true);
});

test('settings survive a reload', async ({ chat, page }) => {
  await chat.set({ model: 'demo/echo', systemPrompt: 'Be brief.', temperature: '1.5', maxTokens: '77' });
  await page.reload();
  await expect(chat.settingsButton).toContainText('demo/echo');
  await chat.openSettings();
  await expect(chat.field('Model')).toHaveValue('demo/echo');
  await expect(chat.field('System prompt')).toHaveValue('Be brief.');
  await expect(chat.field('Temperature')).toHaveValue('1.5');
  await expect(chat.field('Max tokens')).toHaveValue('77');
});

test('the models of the upstream are offered while a name is typed', async ({ chat, page }) => {
  await chat.openSettings();
  const offered = page.locator('datalist#models option');
  await expect(offered.and(page.locator('[value="demo/long"]'))).toHaveCount(1);
  await expect(chat.field('Model')).toHaveAttribute('list', 'models');
});

test('New chat leads to an empty page, and back leads to the old one', async ({ chat, page }) => {
  const { typed } = prompt('The old chat.', { delta_ms: 1 });
  const answer = await chat.ask(typed, { model: 'demo/echo' });
  await answer.ended('complete');
  await expect(page).toHaveURL(/\/c\/[0-9a-f-]{36}$/);
  await expect(page).toHaveTitle(/^The old chat\..* · Runnel$/);
  await chat.newChat.click();
  await expect(chat.greeting).toBeVisible();
  await expect(page).toHaveURL(/\/$/);
  await expect(page).toHaveTitle('Runnel');
  await expect(chat.log).toBeHidden();
  await expect(chat.message).toHaveValue('');
  await page.goBack();
  await expect(chat.questions).toHaveText([typed]);
  await expect(chat.greeting).toBeHidden();
});

test('without a key and a base URL the page says that it is a demo, and answers', async ({ page, startRunnel }) => {
  const runnel = await startRunnel({});
  const chat = new ChatPage(page);
  await chat.open(runnel.url);
  await expect(page.getByText('Demo: answers come from Runnel itself. For real models, set OPENROUTER_API_KEY')).toBeVisible();
  const { typed, asked } = prompt('Am I real?', { delta_ms: 1 });
  const answer = await chat.ask(typed);
  await answer.ended('complete');
  await expect(answer.text).toContainText(asked.replace('#', ''));
});

test('with an upstream of its own the page does not call itself a demo', async ({ chat, page }) => {
  await expect(page.getByText('Demo: answers come from')).toHaveCount(0);
  await expect(chat.settingsButton).toContainText('demo/plain');
});
