// What an answer holds is shown in the order in which it came; what only a newer Runnel knows has its place and shows nothing.

import { exportOf } from '../exports.ts';
import { ChatPage } from '../pages/chat.ts';
import { expect, prompt, test } from '../fixtures.ts';

const THOUGHTS = ['17 times 20 is 340', '391 divided by 17 is 23.'];
const TEXTS = ['17 × 23 = 391.', 'Divided again, it comes out even.'];

test('a model that thinks twice is shown so, while it writes and afterwards', async ({ chat, page }) => {
  const { typed } = prompt('What is 17 times 23?', { delta_ms: 2 });
  const answer = await chat.ask(typed, { model: 'demo/thinks-twice' });
  const look = async () => {
    await answer.ended('complete');
    await expect(answer.text).toHaveText(TEXTS);
    const parts = answer.root.locator('.reasoning, .answer-text');
    await expect(parts).toHaveCount(4);
    const kinds = await parts.evaluateAll((parts) => parts.map(({ className }) => className.split(' ')[0]));
    expect(kinds).toEqual(['reasoning', 'answer-text', 'reasoning', 'answer-text']);
    const thoughts = answer.root.locator('.reasoning');
    for (const [at, thought] of THOUGHTS.entries()) {
      await expect(thoughts.nth(at).locator('.reasoning-text')).toContainText(thought);
      await expect(thoughts.nth(at).locator('summary')).toHaveText(/^Reasoning/);
    }
    await expect(answer.text.getByRole('strong')).toHaveText('391');
    await expect(answer.text.getByRole('emphasis')).toHaveText('even');
  };
  await look();
  expect(await answer.read()).toBe('17 × 23 = **391**.\n\nDivided again, it comes out *even*.');
  await page.reload();
  await look();
});

test('one caret stands at the end of what is being written', async ({ chat, page }) => {
  const record = await page.evaluateHandle(() => {
    const seen: { carets: number; texts: number; written: number }[] = [];
    new MutationObserver(() => {
      const texts = [...document.querySelectorAll('.answer-text')];
      const written = texts.at(-1)?.textContent?.length ?? 0;
      seen.push({ carets: document.querySelectorAll('.answer [data-caret]').length, texts: texts.length, written });
    }).observe(document, { subtree: true, childList: true, characterData: true, attributes: true });
    return seen;
  });
  const { typed } = prompt('Think slowly.', { delta_ms: 10, characters: 6, repeat: 6 });
  const answer = await chat.ask(typed, { model: 'demo/thinks-twice' });
  await answer.ended('complete');
  await expect(answer.root.locator('[data-caret]')).toHaveCount(0);
  const seen = await record.evaluate((seen) => seen);
  // The first is written to its end in the frames in which the second begins.
  const second = seen.filter(({ texts, written }) => texts === 2 && written > 40);
  expect(second.filter(({ carets }) => carets === 1).length, 'it was seen').toBeGreaterThan(0);
  expect(Math.max(...second.map(({ carets }) => carets))).toBe(1);
});

test('all of a long answer of several blocks is there, of which the server wrote the end', async ({ page, ownRunnel }) => {
  const path = await ownRunnel.ask('[[characters=20000 delta_ms=1 repeat=2000]] Think for long.', 'demo/thinks-twice');
  const chat = new ChatPage(page);
  await chat.open(ownRunnel.url + path);
  const answer = chat.answer();
  await expect(answer.text.last().getByRole('emphasis').last()).toBeInViewport();
  const counts = () =>
    answer.root.locator('.answer-text, .reasoning-text').evaluateAll((parts) =>
      parts.map(({ textContent }) => (textContent ?? '').match(/17 × 23|it comes out|391 divided|17 times 20/g)?.length),
    );
  await expect.poll(counts).toEqual([2000, 2000, 2000, 2000]);
});

test('events of a newer Runnel count and change nothing', async ({ chat, page }) => {
  const events = [
    { first_token: { elapsed_ms: 3 } },
    { reasoning: 'Hm.' },
    { hologram: { depth: [1, 2.5], of: null } },
    { text: 'One ' },
    'twinkle',
    { text: 'text.', language: 'en' },
    { end: { status: 'complete', finish_reason: 'stop', duration_ms: 5, mood: 'calm' } },
  ];
  const follows: string[] = [];
  page.on('request', (request) => {
    if (request.url().includes('/api/follow_answer')) {
      follows.push(request.url());
    }
  });
  await page.route('**/api/send_message', (route) =>
    route.fulfill({
      contentType: 'text/event-stream',
      body: events.map((event, at) => `id: ${at + 1}\ndata: ${JSON.stringify(event)}\n\n`).join(''),
    }),
  );
  const { typed } = prompt('What comes next?');
  const answer = await chat.ask(typed);
  await answer.ended('complete');
  await expect(answer.text).toHaveText('One text.');
  await expect(answer.root.locator('.reasoning-text')).toHaveText('Hm.');
  expect(follows, 'nothing was missing').toEqual([]);
});

test('blocks of a newer Runnel keep their place, through import, page and export', async ({ page, ownRunnel }) => {
  const made = exportOf([{ title: 'From tomorrow', turns: [{ question: 'What is new?', answer: '' }] }]);
  const [, line = '', trailer] = made.lines.split('\n');
  const conversation = JSON.parse(line) as { answers: [Record<string, unknown>] };
  const content = [
    { text: 'Before.' },
    { hologram: { depth: [1, 2.5] } },
    { tool_call: { id: 'c', name: 'weather', arguments: '{}' } },
    { tool_result: { call: 'c', text: 'Sunny.' } },
    'twinkle',
    { text: 'After.' },
    { citations: [{ url: 'https://example.org/', title: 'A source' }] },
  ];
  conversation.answers[0] = { ...conversation.answers[0], content };
  const header = JSON.stringify({ runnel_export: 3, runnel: '9.0.0' });
  await ownRunnel.import([header, JSON.stringify(conversation), trailer, ''].join('\n'));
  const chat = new ChatPage(page);
  await chat.open(ownRunnel.url + (made.paths[0] ?? ''));
  const answer = chat.answer();
  await expect(answer.text).toHaveText(['Before.', 'After.']);
  const shown = await answer.root.locator('.answer-text, .tool-call, .citation').allTextContents();
  expect(shown).toEqual(['Before.', 'Wants to call: weather{}', 'ResultSunny.', 'After.', 'A source example.org']);

  // The conversation goes on behind it.
  const { typed } = prompt('And then?', { delta_ms: 1 });
  const next = await chat.ask(typed);
  await next.ended('complete');
  const exported = JSON.parse((await ownRunnel.export()).split('\n')[1] ?? '') as { answers: { content: unknown }[] };
  expect(exported.answers[0]?.content).toEqual(content);
});
