// Trying again: by itself where that helps, and by a person.

import { expect, prompt, test } from '../fixtures.ts';
import { recordWords } from '../recorders.ts';

test('a rate limit is waited out: the page says which attempt comes and when, and then the answer comes', async ({
  chat,
  page,
  emulator,
}) => {
  const words = await recordWords(page, '.progress');
  const { typed, asked } = prompt('Third time lucky?', { delta_ms: 1 });
  const answer = await chat.ask(typed, { model: 'demo/flaky' });
  await answer.ended('complete');
  await expect(answer.text).toHaveText(/^Third time lucky: the first two attempts were refused/);

  const said = await words();
  const sentence = /^Too many requests right now\. Trying again (in [12] s|now) \(([23]) of 4\)\.$/;
  const notices = said.filter((text) => text.includes('Trying again'));
  for (const notice of notices) {
    expect(notice).toMatch(sentence);
  }
  expect(notices.some((notice) => /in [12] s \(2 of 4\)/.test(notice)), said.join('\n')).toBe(true);
  expect(notices.some((notice) => /in [12] s \(3 of 4\)/.test(notice)), said.join('\n')).toBe(true);
  expect(await emulator.stats(asked)).toMatchObject({ requests: 3, completed: 1 });
});

test('Try again asks the same question once more and shows the new answer', async ({ chat, emulator }) => {
  const { typed, asked } = prompt('Fail, then answer.', { delta_ms: 1 });
  const failed = await chat.ask(typed, { model: 'demo/error-402' });
  await failed.ended('failed');
  await chat.set({ model: 'demo/echo' });
  await failed.tryAgain.click();

  const answer = chat.answer();
  await answer.ended('complete');
  await expect(answer.text).toHaveText(asked);
  await expect(chat.answers).toHaveCount(1);
  await expect(chat.questions).toHaveText([typed]);
  expect((await emulator.stats(asked)).requests).toBe(2);
});

test('a second answer to a question takes the first one’s place in what the model is told', async ({ chat }) => {
  const first = prompt('Who are you?', { delta_ms: 1, characters: 100 });
  const failed = await chat.ask(first.typed, { model: 'demo/midstream-documented-after-text' });
  await failed.ended('failed');
  await chat.set({ model: 'demo/echo' });
  await failed.tryAgain.click();
  await chat.answer().ended('complete');

  const second = prompt('And again?', { delta_ms: 1, characters: 100 });
  const answer = await chat.ask(second.typed, { model: 'demo/context' });
  await answer.ended('complete');
  expect(JSON.parse(await answer.read())).toMatchObject({
    messages: [
      { role: 'user', content: first.typed },
      { role: 'assistant', content: first.asked },
      { role: 'user', content: second.typed },
    ],
  });
});
