// What went wrong is said in place, with what to do about it; nothing that was written or typed is lost.

import type { Request } from '@playwright/test';
import { type Answer, ChatPage, type Status } from '../pages/chat.ts';
import { expect, prompt, test } from '../fixtures.ts';
import { freePort } from '../programs.ts';

interface Words {
  what: string;
  advice: string;
}

const WRONG_KEY: Words = {
  what: 'The API key was not accepted.',
  advice:
    'Check OPENROUTER_API_KEY where Runnel runs (create a key at openrouter.ai/keys), then restart Runnel.',
};
const NO_CREDIT: Words = {
  what: 'There is not enough credit for this.',
  advice: 'Add credit at openrouter.ai/credits, ask for fewer tokens, or choose a free model.',
};
const UNKNOWN_MODEL: Words = {
  what: 'This model is not available.',
  advice: 'Check the name: it has the form vendor/name, such as openai/gpt-4o-mini. Or choose another model.',
};
const RATE_LIMITED: Words = {
  what: 'Too many requests right now.',
  advice: 'Wait a little, then try again, or choose another model.',
};
const PROVIDER_DOWN: Words = {
  what: 'The provider is overloaded or down.',
  advice: 'Try again in a moment, or choose another model.',
};
const TOO_LONG: Words = {
  what: 'This conversation is too long for the model.',
  advice: 'Start a new chat, shorten the question, or choose a model with a larger context.',
};
const REFUSED: Words = {
  what: 'The request was refused by moderation.',
  advice: 'Change the wording, or choose another model.',
};
const BAD_REQUEST: Words = {
  what: "The model's server did not accept the request.",
  advice: 'Check the chat settings, or choose another model.',
};
const UNREACHABLE: Words = {
  what: "The model's server cannot be reached.",
  advice: 'Check the network and OPENROUTER_BASE_URL where Runnel runs, then try again.',
};
const STALLED: Words = { what: 'The model stopped responding.', advice: 'What was written is kept. Try again.' };
const CUT_OFF: Words = {
  what: 'The connection to the model was lost.',
  advice: 'What was written is kept. Try again.',
};
const STALLED_AT_ONCE: Words = { ...STALLED, advice: 'Try again.' };
const CUT_OFF_AT_ONCE: Words = { ...CUT_OFF, advice: 'Try again.' };
const UNREADABLE: Words = {
  what: "The model's server sent a response that Runnel cannot read.",
  advice: 'Check OPENROUTER_BASE_URL where Runnel runs: it must be the address of a chat API. Then try again.',
};

interface Case {
  model: string;
  words: Words;
  /** Part of what the upstream said. */
  detail?: string;
  /** Text that came before. */
  text?: string;
  status?: Status;
  /** How often the upstream is asked before the page gives up; once if left out. */
  requests?: number;
}

const ATTEMPTS = 4;
const TEXT_BEFORE_ERROR = 'This is the part of the answer that arrived before the error.';
const TEXT_BEFORE_CUT = 'This answer is longer than it may be, and so it stops in the middle of a';

/** What another attempt would meet again. */
const LASTING: Case[] = [
  { model: 'demo/error-400', words: BAD_REQUEST, detail: 'Invalid request parameters' },
  { model: 'demo/error-context', words: TOO_LONG, detail: 'maximum context length is 8192 tokens' },
  { model: 'demo/error-401', words: WRONG_KEY, detail: 'User not found.' },
  { model: 'demo/error-402', words: NO_CREDIT, detail: 'Insufficient credits.' },
  { model: 'demo/error-403', words: REFUSED, detail: 'Your input was flagged for "violence".' },
  { model: 'demo/error-404', words: UNKNOWN_MODEL, detail: 'No endpoints found' },
  { model: 'demo/error-413', words: TOO_LONG, detail: 'Request payload too large' },
  { model: 'demo/error-422', words: BAD_REQUEST, detail: 'Invalid argument' },
  { model: 'demo/error-429-long', words: RATE_LIMITED, detail: 'It asks to wait 60 min.' },
  { model: 'demo/error-not-json', words: UNREADABLE, detail: 'It answered with a web page' },
  // The emulator refuses a model that it does not have before it counts anything.
  { model: 'demo/nowhere', words: UNKNOWN_MODEL, detail: 'demo/nowhere is not a valid model ID', requests: 0 },
];

/** Once text is there, nothing is tried again by itself. */
const AFTER_TEXT: Case[] = [
  { model: 'demo/midstream-documented', words: PROVIDER_DOWN, detail: 'Provider disconnected unexpectedly' },
  { model: 'demo/midstream-empty-choices', words: PROVIDER_DOWN, detail: 'Service temporarily overloaded' },
  { model: 'demo/midstream-bare', words: RATE_LIMITED, detail: 'Rate limit exceeded: free-models-per-day' },
  { model: 'demo/midstream-string-code', words: PROVIDER_DOWN, detail: 'Provider disconnected unexpectedly' },
  { model: 'demo/midstream-null-code', words: PROVIDER_DOWN, detail: 'The server had an error' },
  { model: 'demo/midstream-choice', words: PROVIDER_DOWN, detail: 'Provider disconnected mid-stream' },
  { model: 'demo/midstream-string', words: PROVIDER_DOWN, detail: 'The model is overloaded' },
  { model: 'demo/midstream-finish-error', words: PROVIDER_DOWN, detail: 'The provider ended with' },
  { model: 'demo/midstream-error-field', words: PROVIDER_DOWN, detail: 'failed to decode, try again' },
  { model: 'demo/midstream-event-error', words: PROVIDER_DOWN, detail: 'The model has crashed.' },
  { model: 'demo/midstream-rate-limit', words: RATE_LIMITED, detail: 'Provider returned error' },
].map((known) => ({ ...known, model: `${known.model}-after-text`, text: TEXT_BEFORE_ERROR }));

const BROKEN_OFF: Case[] = [
  { model: 'demo/cut', words: CUT_OFF, text: TEXT_BEFORE_CUT, status: 'interrupted' },
  { model: 'demo/cut-reset', words: CUT_OFF, text: TEXT_BEFORE_CUT, status: 'interrupted' },
];

/** What is given up when the patience of the fixtures' Runnel is over. */
const SILENT: Case[] = [
  { model: 'demo/hang', words: STALLED_AT_ONCE, text: '' },
  { model: 'demo/stall', words: STALLED, text: 'This answer begins well, and then nothing more comes.' },
  { model: 'demo/stall-first', words: STALLED_AT_ONCE, text: '' },
  { model: 'demo/comments', words: STALLED_AT_ONCE, text: '' },
  {
    model: 'demo/comments-after-text',
    words: STALLED,
    text: 'This answer begins well, and then nothing more comes.',
  },
].map((known) => ({ ...known, status: 'interrupted' as const, requests: 1 }));

/** What may pass, and is tried again before it is told. */
const PASSING: Case[] = [
  { model: 'demo/error-408', words: PROVIDER_DOWN, detail: 'Operation timed out.' },
  { model: 'demo/error-429', words: RATE_LIMITED, detail: 'Rate limit exceeded' },
  { model: 'demo/error-429-reset', words: RATE_LIMITED, detail: 'free-models-per-min' },
  { model: 'demo/error-500', words: PROVIDER_DOWN, detail: 'Internal Server Error' },
  { model: 'demo/error-502', words: PROVIDER_DOWN, detail: 'Demo: Provider returned error' },
  { model: 'demo/error-raw', words: PROVIDER_DOWN, detail: 'The model is being updated, back in five minutes.' },
  { model: 'demo/error-503', words: PROVIDER_DOWN, detail: 'Service temporarily unavailable' },
  { model: 'demo/error-503-html', words: PROVIDER_DOWN, detail: 'It answered with status 503.' },
  { model: 'demo/error-504', words: PROVIDER_DOWN, detail: 'Provider timed out' },
  { model: 'demo/error-524', words: PROVIDER_DOWN, detail: 'Request timed out.' },
  { model: 'demo/error-529', words: PROVIDER_DOWN, detail: 'Demo: Provider returned error' },
  { model: 'demo/error-200', words: PROVIDER_DOWN, detail: 'Internal Server Error' },
  { model: 'demo/end-immediately', words: CUT_OFF_AT_ONCE, status: 'interrupted' as const },
  { model: 'demo/reset-first', words: CUT_OFF_AT_ONCE, status: 'interrupted' as const },
  { model: 'demo/reset', words: CUT_OFF_AT_ONCE, status: 'interrupted' as const },
  ...AFTER_TEXT.map((known) => ({ ...known, model: known.model.replace('-after-text', ''), text: '' })),
].map((known) => ({ ...known, requests: ATTEMPTS }));

/** As many as are waited for together: a browser has six connections to a server, and each takes one. */
const TOGETHER = 5;

async function tells(answer: Answer, known: Case): Promise<void> {
  await answer.ended(known.status ?? 'failed');
  await expect(answer.verdict).toHaveText(known.words.what);
  await expect(answer.outcome.locator('.outcome-advice')).toHaveText(known.words.advice);
  if (known.detail !== undefined) {
    await expect(answer.outcome.locator('.outcome-detail')).toContainText(known.detail);
  }
  if (known.text !== undefined) {
    expect((await answer.words()).trim()).toBe(known.text);
  }
  await expect(answer.tryAgain).toBeEnabled();
}

/** One after the other, each in a new chat of the same page. */
function testInTurn(title: string, cases: Case[]): void {
  test(title, async ({ chat, emulator }) => {
    for (const known of cases) {
      await test.step(known.model, async () => {
        await chat.newChat.click();
        await expect(chat.greeting).toBeVisible();
        const { typed, asked } = prompt('Please fail.', { delta_ms: 1, characters: 12 });
        const answer = await chat.ask(typed, { model: known.model });
        await tells(answer, known);
        await expect(chat.questions).toHaveText([typed]);
        await expect
          .poll(() => emulator.stats(asked), known.model)
          .toMatchObject({ requests: known.requests ?? 1, open: 0 });
      });
    }
  });
}

testInTurn('what another attempt would meet again is told at once, with what to do: the key, credit, moderation …', LASTING);
testInTurn('an error after some text is told with what to do, and the text is kept', AFTER_TEXT);
testInTurn('a stream that breaks off is told with what to do, and its text is kept', BROKEN_OFF);

/** Waits for several ends at once, each in a tab of its own. */
function testTogether(title: string, cases: Case[]): void {
  const names = cases.map(({ model }) => model.replace('demo/', '')).join(', ');
  test(`${title}: ${names}`, async ({ context, emulator }) => {
    await Promise.all(
      cases.map((known) =>
        test.step(known.model, async () => {
          const chat = new ChatPage(await context.newPage());
          await chat.open();
          const { typed, asked } = prompt('Please fail.', { delta_ms: 2 });
          const answer = await chat.ask(typed, { model: known.model });
          await tells(answer, known);
          await expect
            .poll(() => emulator.stats(asked), known.model)
            .toMatchObject({ requests: known.requests, open: 0 });
        }),
      ),
    );
  });
}

testTogether('after a silence these are given up, with what to do', SILENT);
for (let from = 0; from < PASSING.length; from += TOGETHER) {
  testTogether('after all attempts these are told with what to do', PASSING.slice(from, from + TOGETHER));
}

test('an upstream that cannot be reached is said to be so, and the question stays', async ({ page, startRunnel }) => {
  const port = await freePort();
  const runnel = await startRunnel({
    OPENROUTER_BASE_URL: `http://127.0.0.1:${port}/api/v1`,
    RUNNEL_DEFAULT_MODEL: 'demo/plain',
  });
  const chat = new ChatPage(page);
  await chat.open(runnel.url);
  const { typed } = prompt('Is anybody there?');
  const answer = await chat.ask(typed);
  await tells(answer, { model: 'demo/plain', words: UNREACHABLE, text: '' });
  await expect(chat.questions).toHaveText([typed]);
});

test('an answer without a word is not passed over in silence', async ({ chat }) => {
  const answer = await chat.ask(prompt('Say nothing.').typed, { model: 'demo/empty' });
  await answer.ended('complete');
  await expect(answer.verdict).toHaveText('The model sent an empty answer.');
});

test('an answer that a filter cut off says so', async ({ chat }) => {
  const answer = await chat.ask(prompt('Say too much.', { delta_ms: 1 }).typed, { model: 'demo/content-filter' });
  await answer.ended('complete');
  await expect(answer.verdict).toHaveText("Cut off by the provider's content filter.");
});

test('a send that the server refuses gives the question back, before what was typed since', async ({
  chat,
  page,
  emulator,
  consoleWatch,
}) => {
  consoleWatch.allow(/status of 400/, 'Chromium itself reports responses with an error status.');
  let refuse = () => {};
  const mayRefuse = new Promise<void>((resolve) => {
    refuse = resolve;
  });
  await page.route('**/api/send_message', async (route) => {
    await mayRefuse;
    await route.fulfill({
      status: 400,
      headers: { serverfnerror: '1' },
      json: { kind: 'bad_request', message: 'This is what the server has against it.' },
    });
  });
  const { typed, asked } = prompt('Keep these words.', { delta_ms: 1 });
  await chat.ask(typed);
  await chat.message.fill('And these.');
  refuse();
  await expect(chat.notice).toHaveText('This is what the server has against it.');
  await expect(chat.message).toHaveValue(`${typed}\n\nAnd these.`);
  await expect(chat.questions).toHaveCount(0);

  await page.unroute('**/api/send_message');
  await chat.message.fill(typed);
  await chat.message.press('Enter');
  await chat.answer().ended('complete');
  await expect(chat.notice.getByText('This is what')).toHaveCount(0);
  expect(await emulator.stats(asked)).toMatchObject({ requests: 1, completed: 1 });
});

/** The ids in the bodies of these requests. */
function ids(requests: Request[]): unknown[] {
  return requests.map((request) => {
    const { conversation, question, answer } = request.postDataJSON() as Record<string, unknown>;
    return { conversation, question, answer };
  });
}

test('a request that gets lost is sent again with the same ids', async ({ chat, page, emulator, consoleWatch }) => {
  consoleWatch.allow(/net::ERR_CONNECTION_RESET/, 'Chromium itself reports the request that the test breaks.');
  const sent: Request[] = [];
  await page.route('**/api/send_message', async (route) => {
    sent.push(route.request());
    await (sent.length === 1 ? route.abort('connectionreset') : route.continue());
  });
  const { typed, asked } = prompt('Sent into the void.', { delta_ms: 2 });
  const answer = await chat.ask(typed);
  await answer.ended('complete');
  expect(sent).toHaveLength(2);
  expect(ids(sent)[1]).toEqual(ids(sent)[0]);
  expect(await emulator.stats(asked)).toMatchObject({ requests: 1, completed: 1 });
  await expect(chat.questions).toHaveCount(1);
});

test('a request whose response gets lost joins the answer that it began', async ({
  chat,
  page,
  emulator,
  consoleWatch,
}) => {
  consoleWatch.allow(/net::ERR_CONNECTION_RESET/, 'Chromium itself reports the request that the test breaks.');
  const sent: Request[] = [];
  await page.route('**/api/send_message', async (route) => {
    const request = route.request();
    sent.push(request);
    if (sent.length > 1) {
      return route.continue();
    }
    // The server gets it and answers, but the browser never hears of that.
    const response = await fetch(request.url(), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: request.postData(),
    });
    expect(response.status).toBe(200);
    await response.body?.cancel();
    return route.abort('connectionreset');
  });
  const { typed, asked } = prompt('Answered into the void.', { delta_ms: 2 });
  const answer = await chat.ask(typed);
  await answer.ended('complete');
  expect(sent).toHaveLength(2);
  expect(ids(sent)[1]).toEqual(ids(sent)[0]);
  expect(await emulator.stats(asked)).toMatchObject({ requests: 1, completed: 1 });
  expect(await answer.read()).toBe(await emulator.wholeAnswer('demo/plain', asked));
});

test('a question sent while the server is away waits for it', async ({ page, line, emulator, consoleWatch }) => {
  consoleWatch.allowBrokenLine();
  const chat = new ChatPage(page);
  await chat.open(line.url);
  const { typed, asked } = prompt('Patience.', { delta_ms: 2 });
  await chat.set({ model: 'demo/plain' });
  await chat.hasParts();
  line.cut();
  const answer = await chat.ask(typed);
  await expect(answer.progress).toHaveText('The connection is lost. Connecting again…');
  await expect(chat.questions).toHaveText([typed]);
  line.mend();
  await answer.ended('complete');
  expect(await emulator.stats(asked)).toMatchObject({ requests: 1, completed: 1 });
});
