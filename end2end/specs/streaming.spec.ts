// An answer grows in place, and what was set and said before reaches the model.

import { expect, prompt, test } from '../fixtures.ts';
import { recordText, recordWords } from '../recorders.ts';

test('an answer grows in one element, each time longer than before', async ({ chat, page }) => {
  const changes = await recordText(page);
  const { typed, asked } = prompt('Prose that grows.', { delta_ms: 10, characters: 4, repeat: 40 });
  const answer = await chat.ask(typed, { model: 'demo/echo' });
  await answer.ended('complete');

  const seen = (await changes()).filter((change) => change.length > 0);
  const lengths = seen.map((change) => change.length);
  expect(lengths.length, 'it came in many steps').toBeGreaterThan(20);
  expect(lengths, 'strictly increasing').toEqual([...new Set(lengths)].sort((a, b) => a - b));
  expect(new Set(seen.map((change) => change.element)).size, 'one element').toBe(1);
  expect(new Set(seen.map((change) => change.node)).size, 'and one paragraph in it').toBe(1);
  await expect.poll(() => answer.words()).toBe(asked.repeat(40));
  expect(await answer.read()).toBe(asked.repeat(40));
});

test('the document changes at most once a frame, however fast the text comes', async ({ chat, page }) => {
  const changes = await recordText(page);
  const { typed } = prompt('Quickly, please.', { delta_ms: 1, characters: 2, repeat: 60 });
  const answer = await chat.ask(typed, { model: 'demo/echo' });
  await answer.ended('complete');

  const seen = (await changes()).filter((change, at, all) => change.length > 0 && change.length !== all[at - 1]?.length);
  expect(seen.length, 'it came in many steps').toBeGreaterThan(20);
  // What is left when the stream ends is shown at once: the last change may share its frame.
  const frames = seen.slice(0, -1).map((change) => change.frame);
  expect(frames, 'no frame has two changes').toEqual([...new Set(frames)]);
  await answer.statsLine.click();
  const chunks = Number((await answer.figure('Chunks').textContent())?.replaceAll(',', ''));
  expect(chunks, 'several pieces were joined in one change').toBeGreaterThan(seen.length);
});

test('a caret stands at the end of the text while it is written, and is gone afterwards', async ({ chat }) => {
  // Each caret's width, and the words that stand behind it.
  const carets = (): Promise<{ width: string; behind: string }[]> =>
    answer.text.evaluate((text) =>
      [text, ...text.querySelectorAll('*')].flatMap((element) => {
        const { content, display, borderInlineEndWidth: width } = getComputedStyle(element, '::after');
        if (content === 'none' || display === 'none') {
          return [];
        }
        const rest = document.createRange();
        rest.setStart(element, element.childNodes.length);
        rest.setEndAfter(text);
        return [{ width, behind: rest.toString() }];
      }),
    );
  const { typed } = prompt('Show me a caret.', { delta_ms: 40 });
  const answer = await chat.ask(typed);
  // A block that was only just begun may have none yet.
  await answer.hasGrownTo(4);
  await expect.poll(carets).toEqual([{ width: '2px', behind: '' }]);
  await expect(answer.text.locator('blockquote'), 'in the next block as in the first').toContainText('Show me');
  await expect.poll(carets).toEqual([{ width: '2px', behind: '' }]);
  await answer.isRunning();
  await chat.stop.click();
  await answer.ended('stopped');
  expect(await carets()).toEqual([]);
});

test('the counters under a running answer rise, and its end brings model, tokens and cost', async ({ chat, page }) => {
  const lines = await recordWords(page, '.stats summary');
  const { typed } = prompt('Count for me.', { delta_ms: 5 });
  const answer = await chat.ask(typed);
  await answer.ended('complete');
  await expect(answer.statsLine).toHaveText(
    /^Statistics: \d+\.\d+ s · \d+\.\d+ s to first token · \d+ tokens · \d+ tokens\/s · \$0\.\d+$/,
  );

  const counts = (await lines()).flatMap((line) => {
    const found = /\d+ chunks? · ([\d,]+) characters?/.exec(line);
    return found === null ? [] : [Number(found[1]?.replaceAll(',', ''))];
  });
  expect(counts.length, 'the counters were live').toBeGreaterThan(5);
  expect(counts).toEqual([...counts].sort((a, b) => a - b));

  await answer.statsLine.click();
  await expect(answer.figure('Model')).toHaveText('demo/plain');
  await expect(answer.figure('Provider')).toHaveText('Demo');
  await expect(answer.figure('Time to first token')).toHaveText(/^\d+\.\d+ s$/);
  await expect(answer.figure('Duration')).toHaveText(/^\d+\.\d+ s$/);
  await expect(answer.figure('Tokens in')).toHaveText(/^[1-9]\d*$/);
  await expect(answer.figure('Tokens out')).toHaveText(/^[1-9]\d*$/);
  await expect(answer.figure('Tokens/s')).toHaveText(/^\d+\.\d$/);
  await expect(answer.figure('Chunks')).toHaveText(/^[1-9]\d*$/);
  await expect(answer.figure('Characters')).toHaveText((await answer.read()).length.toLocaleString('en'));
  await expect(answer.figure('Cost')).toHaveText(/^\$0\.\d+$/);
  await expect(answer.figure('Finish reason')).toHaveText('stop');
});

test('the second question is asked with the first and its answer before it', async ({ chat }) => {
  const first = prompt('My name is Ada.', { delta_ms: 1 });
  const firstAnswer = await chat.ask(first.typed, { model: 'demo/echo' });
  await firstAnswer.ended('complete');
  const second = prompt('What is my name?', { delta_ms: 1, characters: 50 });
  const secondAnswer = await chat.ask(second.typed, { model: 'demo/context' });
  await secondAnswer.ended('complete');

  expect(JSON.parse(await secondAnswer.read())).toMatchObject({
    model: 'demo/context',
    messages: [
      { role: 'user', content: first.typed },
      { role: 'assistant', content: first.asked },
      { role: 'user', content: second.typed },
    ],
  });
  await expect(chat.questions).toHaveText([first.typed, second.typed]);
  await expect(firstAnswer.text).toHaveText(first.asked);
});

test('system prompt, temperature and longest answer reach the model', async ({ chat }) => {
  const { typed } = prompt('What were you told?', { delta_ms: 1, characters: 50 });
  const answer = await chat.ask(typed, {
    model: 'demo/context',
    systemPrompt: 'Answer in one sentence.',
    temperature: '0.3',
    maxTokens: '900',
  });
  await answer.ended('complete');
  expect(JSON.parse(await answer.read())).toMatchObject({
    model: 'demo/context',
    temperature: 0.3,
    max_tokens: 900,
    stream: true,
    messages: [
      { role: 'system', content: 'Answer in one sentence.' },
      { role: 'user', content: typed },
    ],
  });
});

test('an answer that reaches the token limit says that it was cut off', async ({ chat }) => {
  const { typed } = prompt('Tell me everything.', { delta_ms: 1 });
  const answer = await chat.ask(typed, { model: 'demo/long', maxTokens: '20' });
  await answer.ended('complete');
  await expect(answer.verdict).toHaveText('Cut off at the token limit.');
  expect((await answer.read()).length).toBeLessThanOrEqual(80);
});

test('characters of several bytes arrive whole, however they are cut on the way', async ({ chat, emulator }) => {
  const words = 'Żółw, 日本語, עברית, हिन्दी, 👩‍👩‍👧‍👦 🇨🇭 👍🏽 𝔘𝔫𝔦 é∑';
  const echoed = prompt(words, { delta_ms: 1, characters: 1, split: 1 });
  const echo = await chat.ask(echoed.typed, { model: 'demo/echo' });
  await echo.ended('complete');
  expect(await echo.read()).toBe(echoed.asked);

  const { typed, asked } = prompt('Write in many scripts.', { delta_ms: 1 });
  const answer = await chat.ask(typed, { model: 'demo/unicode' });
  await answer.ended('complete');
  const text = await answer.read();
  expect(text).toBe(await emulator.wholeAnswer('demo/unicode', asked));
  expect(text).not.toContain('\uFFFD');
});

test('a long answer arrives to the last character', async ({ chat, emulator }) => {
  const { typed, asked } = prompt('Write an article.', { delta_ms: 1, characters: 60, repeat: 5 });
  const answer = await chat.ask(typed, { model: 'demo/long' });
  await answer.ended('complete');
  const expected = (await emulator.wholeAnswer('demo/long', asked)).repeat(5);
  expect(expected.length).toBeGreaterThan(50_000);
  expect((await answer.read()) === expected, 'the text is the upstream’s').toBe(true);
});

test('markup in an answer is text', async ({ chat, page }) => {
  const { typed } = prompt('Attack me.', { delta_ms: 1, characters: 40 });
  const answer = await chat.ask(typed, { model: 'demo/script' });
  await answer.ended('complete');
  await expect(answer.text).toContainText('<script>document.title');
  await expect(answer.text).toContainText('Nothing of this may run.');
  await expect(answer.text.locator('script, iframe, style, img, [onload], [onerror]')).toHaveCount(0);
  expect(await page.evaluate(() => 'owned' in window)).toBe(false);
});

test('the reasoning of a model is kept apart from its answer', async ({ chat }) => {
  const { typed } = prompt('What is 17 times 23?', { delta_ms: 1 });
  const answer = await chat.ask(typed, { model: 'demo/reasoning' });
  await answer.ended('complete');
  await expect(answer.text).toHaveText('17 × 23 = 391.');
  await expect(answer.text.getByRole('strong')).toHaveText('391');
  const reasoning = answer.root.locator('.reasoning');
  await expect(reasoning.locator('.reasoning-text')).toBeHidden();
  await reasoning.locator('summary').click();
  await expect(reasoning.locator('.reasoning-text')).toContainText('17 times 20 is 340');
});

test('how long a model reasoned is told, also by a page that has not seen it', async ({ chat, page, newDevice }) => {
  const { typed } = prompt('What is 17 times 23, slowly?', { delta_ms: 200, characters: 6 });
  const answer = await chat.ask(typed, { model: 'demo/reasoning' });
  const summary = answer.root.locator('.reasoning summary');
  await expect(summary, 'while it reasons').toHaveText(/^Reasoning… \d+ s$/);
  await answer.ended('complete');
  await expect(summary).toHaveText(/^Reasoning, [1-9]\d* s$/);
  const told = (await summary.textContent()) ?? '';
  await page.reload();
  await expect(summary).toHaveText(told);
  const other = await newDevice();
  await other.open(page.url());
  await expect(other.answer().root.locator('.reasoning summary')).toHaveText(told);
});

test('a finished answer is copied as it was written', async ({ chat, page }) => {
  const { typed, asked } = prompt('Copy **this**,\nboth lines of it.', { delta_ms: 1 });
  const answer = await chat.ask(typed, { model: 'demo/echo' });
  await answer.ended('complete');
  await answer.copy.click();
  await expect(answer.root.getByRole('button', { name: 'Copied' })).toBeVisible();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(asked);
});

test('an event that only a newer Runnel knows changes nothing, and the page reads on', async ({
  chat,
  page,
  emulator,
}) => {
  const followed: string[] = [];
  page.on('request', (request) => {
    if (request.url().includes('/api/follow_answer')) {
      followed.push(request.url());
    }
  });
  await page.route('**/api/send_message', async (route) => {
    const response = await route.fetch();
    const events = (await response.text()).split('\n\n').filter((event) => event.startsWith('id: '));
    const unknown = ['data: {"from_tomorrow":{"a":[1]}}', 'data: "tomorrow"', 'data: {"seam":{"of":"another shape"}}'];
    const withUnknown = events.flatMap((event, at) => (at % 3 === 1 ? [...unknown, event] : [event]));
    const numbered = withUnknown.map((event, at) => `id: ${at + 1}\n${event.replace(/^id: \d+\n/, '')}\n\n`);
    await route.fulfill({ response, body: numbered.join('') });
  });
  const { typed, asked } = prompt('Read on.', { delta_ms: 1 });
  const answer = await chat.ask(typed);
  await answer.ended('complete');
  expect(await answer.read()).toBe(await emulator.wholeAnswer('demo/plain', asked));
  expect(followed, 'nothing was missing').toEqual([]);
});
