// An answer is Markdown: what a person sees of it, and what they can do with it.

import { readFile } from 'node:fs/promises';
import type { Page } from '@playwright/test';
import { recordDrawn, recordShiftsAbove } from '../drawn.ts';
import { recordWords } from '../recorders.ts';
import { type Answer, ChatPage } from '../pages/chat.ts';
import { expect, hold, test } from '../fixtures.ts';

/** A picture of one pixel. */
const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

const PICTURE = 'https://pictures.example/cat.png?of=Tom&size=2';

/** Text that fills so many screens. */
function filler(paragraphs: number): string {
  const sentence = 'A stream is text that is on its way, and what has arrived can be read while the rest is written. ';
  return Array.from({ length: paragraphs }, (_, at) => `Paragraph ${at}. ${sentence.repeat(3)}`).join('\n\n');
}

/** Has the demo's echo say a text, and waits until it has. */
async function heard(chat: ChatPage, text: string): Promise<Answer> {
  const answer = await chat.hear(text);
  await answer.ended('complete');
  return answer;
}

/** Has the showcase answer written, and waits until it is. */
async function showcase(chat: ChatPage): Promise<Answer> {
  const answer = await chat.ask('[[delta_ms=1 characters=100]] Show me everything.', { model: 'demo/showcase' });
  await answer.ended('complete');
  return answer;
}

/** What the clipboard holds, by type; nothing if it is written at this very moment. */
async function clipboard(page: Page): Promise<Record<string, string>> {
  return page.evaluate(async () => {
    const found: Record<string, string> = {};
    try {
      for (const item of await navigator.clipboard.read()) {
        for (const type of item.types) {
          found[type] = await (await item.getType(type)).text();
        }
      }
    } catch (error) {
      if (error instanceof DOMException && error.name === 'InvalidStateError') {
        return {};
      }
      throw error;
    }
    return found;
  });
}

async function copied(page: Page): Promise<string> {
  return (await clipboard(page))['text/plain'] ?? '';
}

/** Empties the clipboard, so that what is found in it later was copied later. */
async function forgetCopied(page: Page): Promise<void> {
  await page.evaluate(() => navigator.clipboard.writeText('nothing yet'));
}

/** The addresses of all requests from now on that go to another server than Runnel. */
function recordElsewhere(page: Page, home: string): string[] {
  const elsewhere: string[] = [];
  page.on('request', (request) => {
    if (/^https?:/.test(request.url()) && new URL(request.url()).origin !== new URL(home).origin) {
      elsewhere.push(request.url());
    }
  });
  return elsewhere;
}

test.describe('what is seen', () => {
  test('the showcase has every element where a person expects it', async ({ chat, page }) => {
    const { markdown } = await showcase(chat);
    await expect(markdown.heading('How a self-hosted chat streams an answer', 2)).toBeVisible();
    await expect(markdown.heading('Three machines and two connections', 3)).toBeVisible();
    await expect(markdown.heading('To take away', 4)).toBeVisible();
    await expect(page.getByRole('heading', { level: 1 }), 'the page has one title').toHaveCount(1);

    const first = markdown.paragraph('You press Enter');
    await expect(first.getByRole('strong')).toHaveText('your browser');
    await expect(first.getByRole('emphasis')).toHaveText('a small server of your own');
    await expect(first.getByRole('deletion')).toHaveText('why it is slow');
    await expect(markdown.paragraph('secret is the key').getByRole('code')).toHaveText('OPENROUTER_API_KEY');

    const steps = markdown.root.getByRole('list').first();
    await expect(steps.locator('> li')).toHaveCount(3);
    await expect(steps.getByRole('list').first().locator('> li')).toHaveText([
      'checks the question,',
      'writes it to disk, and',
      /^asks the provider:/,
    ]);
    const tasks = markdown.root.getByRole('checkbox');
    await expect(tasks).toHaveCount(3);
    await expect(tasks.nth(0)).toBeChecked();
    await expect(tasks.nth(2)).not.toBeChecked();
    for (const task of await tasks.all()) {
      await expect(task).toBeDisabled();
      await expect(task).toHaveAccessibleName(/^(Done|Not done)$/);
    }
    await expect(markdown.root.locator('blockquote blockquote')).toHaveText('And if it is broken, what was kept so far remains.');
    await expect(markdown.root.getByRole('separator')).toHaveCount(2);
  });

  test('the five kinds of alerts are named, and are notes', async ({ chat }) => {
    const { markdown } = await showcase(chat);
    for (const [kind, words] of [
      ['note', 'Each event has a number.'],
      ['tip', 'To see the raw stream'],
      ['important', 'An answer without a finish reason'],
      ['warning', 'Some providers write on'],
      ['caution', 'Never put the key into the page.'],
    ] as const) {
      const alert = markdown.root.getByRole('note').and(markdown.alert(kind));
      await expect(alert).toContainText(words);
      await expect(alert).toContainText(new RegExp(`^${kind}`, 'i'));
      await expect(alert).not.toContainText('[!');
    }
  });

  test('tables have heads, columns that are aligned, and a region that scrolls by itself', async ({ chat, page }) => {
    await page.setViewportSize({ width: 600, height: 800 });
    const { markdown } = await showcase(chat);
    const wide = markdown.table(0);
    await expect(wide.headers).toHaveText(['Model', 'Provider', 'Context', 'Input, per million', 'Output, per million', 'First token', 'Remark']);
    await expect(wide.rows).toHaveCount(3);
    expect((await wide.cells(2)).slice(0, 5)).toEqual(['Large', 'one', '200,000', '$3.00', '$15.00']);
    const align = (cell: string) => wide.rows.first().locator(cell).evaluate((cell) => getComputedStyle(cell).textAlign);
    expect(await align('td:nth-child(3)')).toMatch(/^(right|end)$/);
    expect(await align('td:nth-child(1)')).toMatch(/^(left|start)$/);
    const [content, room] = await wide.scroller.evaluate((scroller) => [scroller.scrollWidth, scroller.clientWidth]);
    expect(content, 'the table is wider than its place').toBeGreaterThan(room ?? 0);
    const [width, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    expect(width, 'the page is not').toBeLessThanOrEqual(window ?? 0);
    await wide.scroller.focus();
    await page.keyboard.press('ArrowRight');
    await expect.poll(() => wide.scroller.evaluate((scroller) => scroller.scrollLeft), 'keys scroll it').toBeGreaterThan(0);
  });

  test('code is named by its language, is coloured, and reads as it was written', async ({ chat }) => {
    const { markdown } = await showcase(chat);
    for (const [language, keyword] of [
      ['rust', 'fn'],
      ['python', 'def'],
      ['typescript', 'interface'],
      ['sql', 'SELECT'],
    ] as const) {
      const block = markdown.codeIn(language);
      await expect(block.language).toBeVisible();
      await expect(block.code.locator('.t-keyword').getByText(keyword, { exact: true }).first()).toBeVisible();
    }
    await expect(markdown.codeIn('json').code.locator('.t-number')).not.toHaveCount(0);
    await expect(markdown.codeIn('bash').code.locator('.t-comment').first()).toContainText('Watch the events');
    await expect(markdown.codeIn('diff').code.locator('.t-added')).toHaveCount(2);
    await expect(markdown.codeIn('diff').code.locator('.t-removed')).toHaveCount(1);
    expect(await markdown.codeIn('json').code.textContent()).toContain('\n  "id": "gen-413",\n');
  });

  test('formulas are MathML, and prices are none', async ({ chat }) => {
    const { markdown } = await showcase(chat);
    await expect(markdown.paragraph('With a delay of').locator('math')).toHaveCount(5);
    await expect(markdown.root.locator('.math.display math')).toHaveCount(2);
    await expect(markdown.root.locator('.math.display').nth(1).locator('mtable')).toHaveCount(3);
    await expect(markdown.paragraph('small plan costs').locator('math')).toHaveCount(0);
    await expect(markdown.paragraph('small plan costs')).toContainText('costs $5 and a large one $10 a month.');
    await expect(markdown.root.getByText('$$')).toHaveCount(0);
  });

  test('a formula that is none stays what was written', async ({ chat }) => {
    const { markdown } = await heard(chat, 'Wrong: $\\frac{1}{$ and $\\nonsense{x}$.');
    await expect(markdown.root).toContainText('\\frac{1}{');
    await expect(markdown.root).toContainText('Wrong:');
  });

  test('raw HTML is text', async ({ chat }) => {
    const { markdown } = await showcase(chat);
    await expect(markdown.paragraph('to stop.')).toContainText('Press <kbd>Esc</kbd> to stop.');
    await expect(markdown.root.getByText('<summary>This opens nothing</summary>')).toBeVisible();
    await expect(markdown.root.locator('details, summary, b, kbd')).toHaveCount(0);
  });

  test('links say where they lead, and open elsewhere without telling from where', async ({ chat }) => {
    const { markdown } = await showcase(chat);
    await expect(markdown.links).not.toHaveCount(0);
    for (const link of await markdown.links.all()) {
      await expect(link).toHaveAttribute('href', /^https:\/\//);
      await expect(link).toHaveAttribute('target', '_blank');
      await expect(link).toHaveAttribute('rel', 'noopener noreferrer nofollow');
    }
    const address = 'https://html.spec.whatwg.org/multipage/server-sent-events.html';
    await expect(markdown.root.getByRole('link', { name: 'HTML standard' })).toHaveAttribute('href', address);
    await expect(markdown.root.getByRole('link', { name: 'HTML standard' })).toHaveAttribute('title', /html\.spec\.whatwg\.org/);
    await expect(markdown.root.getByRole('link', { name: address }), 'a bare address, without the full stop').toHaveAttribute('href', address);
    await expect(markdown.root.getByRole('link', { name: 'UTF-8' }), 'an address from further down').toHaveAttribute('href', 'https://www.rfc-editor.org/rfc/rfc3629');
  });

  test('thoughts and sources stand beside the text', async ({ chat }) => {
    const { root } = await showcase(chat);
    await root.locator('.reasoning summary').click();
    await expect(root.locator('.reasoning-text')).toContainText('I will keep it calm, and true.');
    await expect(root.locator('.citation').getByRole('link')).toHaveCount(3);
  });
});

test.describe('what can be done', () => {
  test.beforeEach(async ({ context }) => {
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  });

  test('code is copied to the last blank, also while the answer goes on', async ({ chat, page }) => {
    const code = 'fn main() {\n\tlet s = "<b>&amp;";  \n\n}\n';
    const answer = await chat.hear(`\`\`\`rust\n${code}\`\`\`\n\n${filler(6)}`, { delta_ms: 5, characters: 3 });
    await expect(answer.markdown.blocks).toHaveCount(2);
    await forgetCopied(page);
    await answer.markdown.code().copy.click();
    // Whether the last line's end is copied too is a matter of taste.
    await expect.poll(async () => (await copied(page)).replace(/\n$/, '')).toBe(code.replace(/\n$/, ''));
    await answer.isRunning();
    await chat.stop.click();
    await answer.ended('stopped');
  });

  test('long lines of code are wrapped on request', async ({ chat }) => {
    const { markdown } = await heard(chat, `\`\`\`\n${'0123456789 '.repeat(60)}\n\`\`\``);
    const block = markdown.code();
    const isWide = () => block.code.evaluate((code) => code.scrollWidth > code.clientWidth);
    await expect(block.wrap).toHaveAttribute('aria-pressed', 'false');
    expect(await isWide()).toBe(true);
    await block.wrap.click();
    await expect(block.wrap).toHaveAttribute('aria-pressed', 'true');
    await expect.poll(isWide).toBe(false);
    await block.wrap.click();
    await expect(block.wrap).toHaveAttribute('aria-pressed', 'false');
    await expect.poll(isWide).toBe(true);
  });

  for (const [language, name] of [
    ['rust', 'snippet.rs'],
    ['python', 'snippet.py'],
    ['typescript', 'snippet.ts'],
    ['json', 'snippet.json'],
    ['../../etc/passwd', 'snippet.txt'],
    ['', 'snippet.txt'],
  ] as const) {
    test(`code in “${language}” is downloaded as ${name}`, async ({ chat, page }) => {
      const code = 'one < two & three\n  four: "ж"\n';
      const { markdown } = await heard(chat, `\`\`\`${language}\n${code}\`\`\``);
      const begun = page.waitForEvent('download');
      await markdown.code().download.click();
      const download = await begun;
      expect(download.suggestedFilename()).toBe(name);
      expect(await readFile(await download.path(), 'utf8')).toBe(code);
    });
  }

  test('a table is copied as CSV and as Markdown', async ({ chat, page }) => {
    const source = '| Name | Words |\n| :--- | ----: |\n| a, b | say "hi" |\n| **bold** | x \\| y |';
    const { markdown } = await heard(chat, source);
    await forgetCopied(page);
    await markdown.table().copyCsv.click();
    await expect.poll(async () => (await copied(page)).trim().split(/\r?\n/)).toEqual(['Name,Words', '"a, b","say ""hi"""', 'bold,x | y']);

    await forgetCopied(page);
    await markdown.table().copyMarkdown.click();
    await expect.poll(() => copied(page)).toContain('|');
    const cells = (await copied(page)).trim().split('\n').map((row) => row.replaceAll(/\s+/g, ' ').trim());
    expect(cells).toHaveLength(4);
    expect(cells[0]).toBe('| Name | Words |');
    expect(cells[1]).toMatch(/^\| ?:?-+ ?\| ?-+: ?\|$/);
    expect(cells[3]).toContain('x \\| y');
  });

  test('a cell that a spreadsheet would take for a formula is copied as text', async ({ chat, page }) => {
    const { markdown } = await heard(chat, '| Cell |\n| --- |\n| =HYPERLINK("https://evil.example","x") |\n| +1 |\n| -2 |\n| @x |');
    await forgetCopied(page);
    await markdown.table().copyCsv.click();
    await expect.poll(() => copied(page)).toContain('HYPERLINK');
    const lines = (await copied(page)).trim().split(/\r?\n/);
    expect(lines[1], 'no cell begins with an equals sign').not.toMatch(/^"?=/);
    expect(lines[3], 'a number stays a number').toBe('-2');
  });

  test('a formula is copied as LaTeX', async ({ chat, page }) => {
    const source = '\\frac{n(n+1)}{2} = O(n^2)';
    const { markdown } = await heard(chat, `$$\n${source}\n$$`);
    await forgetCopied(page);
    await markdown.root.locator('[data-do="copy-tex"]').click();
    await expect.poll(async () => (await copied(page)).replaceAll('$', '').trim()).toBe(source);
  });

  test('the answer is copied as Markdown', async ({ chat, page }) => {
    const source = '# Title\n\n- **one**\n- `two`\n\n$x^2$ and [three](https://example.org).';
    const answer = await heard(chat, source);
    await forgetCopied(page);
    await answer.copy.click();
    await expect.poll(() => copied(page)).toBe(source);
  });

  test('the answer is copied as rich text, without anything that belongs to the page', async ({ chat, page }) => {
    const answer = await heard(chat, '# Title\n\n- **one**\n\n```rust\nfn main() {}\n```\n\n| a |\n| - |\n| b |\n\n[three](https://example.org)');
    await forgetCopied(page);
    await answer.copyRich.click();
    await expect.poll(async () => (await clipboard(page))['text/html'] ?? '').toContain('<strong>one</strong>');
    const { 'text/html': html = '', 'text/plain': plain = '' } = await clipboard(page);
    expect(html).toContain('<li>');
    expect(html).toContain('fn');
    expect(html).toContain('<table');
    expect(html).toContain('https://example.org');
    expect(html).not.toMatch(/<(button|svg|script|iframe)/);
    expect(plain).toContain('one');
  });

  test('a button that is pressed before what hears it is here does it then', async ({ chat, page }) => {
    const { markdown } = await heard(chat, '```rust\nlet one = 1;\n```');
    const letIn = await hold(page, '**/pkg/renderer.*');
    await page.reload();
    await expect(chat.message).toBeEnabled();
    const { wrap } = markdown.code();
    await wrap.click();
    await expect(wrap).toHaveAttribute('aria-pressed', 'false');
    letIn();
    await expect(wrap).toHaveAttribute('aria-pressed', 'true');
  });

  test('what copies, wraps, downloads and shows has a name and a tooltip', async ({ chat }) => {
    const { markdown } = await showcase(chat);
    const buttons = markdown.root.locator('button.block-button, button[data-do]:not([data-do=footnote], [data-do=show-picture])');
    await expect(buttons).not.toHaveCount(0);
    for (const button of await buttons.all()) {
      await expect(button).toHaveAccessibleName(/\w/);
      await expect(button).toHaveAttribute('title', /\w/);
    }
  });

  test('a mention of a footnote leads to its text', async ({ chat }) => {
    const { markdown } = await heard(chat, `The claim[^one].\n\n${filler(20)}\n\n[^one]: The proof.`);
    const note = markdown.footnotes.filter({ hasText: 'The proof.' });
    await chat.log.evaluate((log) => log.scrollTo(0, 0));
    await expect(note).not.toBeInViewport();
    await expect(markdown.footnoteMarks).toHaveAccessibleName('Footnote 1');
    await markdown.footnoteMarks.click();
    await expect(note).toBeInViewport();
  });
});

test.describe('pictures and diagrams', () => {
  test('a picture from elsewhere is fetched when it is asked for, and not before', async ({ chat, page, runnel, consoleWatch }) => {
    consoleWatch.allow(/Blocked script execution in .*\/frame\/picture/, 'The browser’s driver itself tries to run one in each frame.');
    const elsewhere = recordElsewhere(page, runnel.url);
    await page.context().route('https://pictures.example/**', (route) =>
      route.fulfill({ contentType: 'image/png', body: Buffer.from(PIXEL, 'base64') }),
    );
    const { markdown } = await heard(chat, `Look: ![A cat](${PICTURE} "Tom") and ![the same][cat].\n\n[cat]: ${PICTURE}`);
    await expect(markdown.pictureButtons).toHaveCount(2);
    await expect(markdown.pictureButtons.first()).toContainText('pictures.example');
    await expect(markdown.pictureButtons.first()).toContainText('A cat');
    await page.reload();
    await expect(markdown.pictureButtons).toHaveCount(2);
    expect(elsewhere, 'nothing is fetched by itself').toEqual([]);

    // The frame asks for the picture: the server's page in it is Runnel's own.
    await expect(chat.message).toBeEnabled();
    await markdown.pictureButtons.first().click();
    await expect(markdown.pictureFrames).toHaveCount(1);
    const source = (await markdown.pictureFrames.getAttribute('src')) ?? '';
    const told = new URL(source, runnel.url);
    expect(told.pathname).toBe('/frame/picture');
    expect(told.searchParams.get('url')).toBe(PICTURE);
    await expect(markdown.pictureFrames).toHaveAttribute('sandbox', '');
    await expect.poll(() => elsewhere, 'one picture was asked for, once').toEqual([PICTURE]);
  });

  test('a picture within the answer is shown at once, from memory', async ({ chat, page, runnel }) => {
    const elsewhere = recordElsewhere(page, runnel.url);
    const { markdown } = await heard(chat, `A pixel: ![One pixel](data:image/png;base64,${PIXEL})`);
    const picture = markdown.root.getByRole('img', { name: 'One pixel' });
    await expect(picture).toHaveAttribute('src', /^blob:/);
    await expect.poll(() => picture.evaluate((image) => (image as HTMLImageElement).naturalWidth)).toBe(1);
    await page.reload();
    await expect(picture).toHaveAttribute('src', /^blob:/);
    expect(elsewhere).toEqual([]);
  });

  test('a diagram is code until it is asked for, and then is drawn in a frame that can do nothing', async ({
    chat,
    page,
    runnel,
  }) => {
    const elsewhere = recordElsewhere(page, runnel.url);
    const { markdown } = await showcase(chat);
    const block = markdown.codeIn('mermaid');
    await expect(block.code).toContainText('participant B as Browser');
    await expect(block.diagramFrame).toHaveCount(0);
    await block.showDiagram.click();
    await expect(block.diagramFrame).toHaveAttribute('sandbox', /^(?!.*(allow-same-origin|allow-top-navigation|allow-popups|allow-forms)).*$/);
    await expect(block.diagram.locator('svg').first()).toBeVisible();
    await expect(block.diagram.getByText('Your server').first()).toBeVisible();
    expect(elsewhere).toEqual([]);
  });
});

test.describe('while it is written', () => {
  /** Everything with markers that a reader should not see, and nothing that means them literally. */
  const PIECES = [
    'A **bold word**, an *emphatic one*, `code`, ~~gone~~ and a [link to it](https://example.org/a_b) in a line.',
    '## A heading with **bold** in it',
    '- one **bold**\n- two [link](https://example.org)\n  1. three',
    '| Name | Value |\n|---|---:|\n| **a** | [b](https://example.org) |\n| c | 2 |',
    '```rust\nfn main() { let x = 1; }\n```',
    '> A quote with **bold** and ![a picture](https://pictures.example/x.png) in it.',
    'The end, with ***both*** and **`code in bold`**.',
  ];

  test('no markers are seen for a moment, letter by letter', async ({ chat, page }) => {
    const drawn = await recordDrawn(page);
    const answer = await chat.hear(PIECES.join('\n\n'), { delta_ms: 10, characters: 1 });
    await answer.ended('complete');
    const { texts } = await drawn();
    expect(texts.length, 'it was looked at in many states').toBeGreaterThan(50);
    for (const marker of ['**', '](', '|---', '```', '~~', '![']) {
      expect(texts.filter((text) => text.includes(marker)), `${marker} is never seen`).toEqual([]);
    }
    await expect(answer.markdown.root.getByRole('strong')).toHaveCount(7);
  });

  test('the text is shown as it comes while what reads it has not come, and nothing of it goes away', async ({
    chat,
    page,
  }) => {
    const letIn = await hold(page, '**/pkg/renderer.*');
    const answer = await chat.hear('Some **bold** words, and others. '.repeat(40), { delta_ms: 20, characters: 4 });
    await answer.hasGrownTo(100);
    expect(await answer.words()).toContain('**bold**');
    await answer.grows();
    const words = await recordWords(page, '.answer-text:not(.refusal, .earlier)');
    letIn();
    await expect(answer.text.getByRole('strong').first()).toHaveText('bold');
    await answer.isRunning();
    await answer.grows();
    const letters = (await words()).map((text) => text.replaceAll(/\W/g, '').length);
    expect(letters, 'each time there is more').toEqual(letters.toSorted((one, other) => one - other));
    expect(await answer.words()).not.toContain('**');
    await chat.stop.click();
    await answer.ended('stopped');
  });

  test('what is finished neither moves nor changes its size', async ({ chat, page }) => {
    // Slowly, so that there are many frames on a busy machine too.
    test.slow();
    const [drawn, shifted] = [await recordDrawn(page), await recordShiftsAbove(page)];
    const answer = await chat.ask('[[delta_ms=4 characters=6]] Show me everything.', { model: 'demo/showcase' });
    await answer.ended('complete', 60_000);
    expect((await drawn()).texts.length).toBeGreaterThan(50);
    expect((await drawn()).moved).toEqual([]);
    expect(await shifted()).toEqual([]);
  });

  test('what a reader opened, selected and focused stays so', async ({ chat, page }) => {
    const answer = await chat.ask('[[delta_ms=5 characters=4]] Show me everything.', { model: 'demo/showcase' });
    const { markdown } = answer;
    const thoughts = answer.root.locator('.reasoning');
    await expect(markdown.heading('Three machines')).toBeVisible();
    await thoughts.locator('summary').click();
    const button = markdown.codeIn('mermaid').copy;
    const selected = await markdown.paragraph('You press Enter').evaluate((paragraph) => {
      const node = paragraph.firstChild;
      if (node === null) {
        throw new Error('The paragraph is empty.');
      }
      getSelection()?.setBaseAndExtent(node, 4, paragraph, paragraph.childNodes.length);
      return String(getSelection());
    });
    expect(selected).toContain('your browser');
    // Afterwards, since a selection takes the focus.
    await button.focus();

    await answer.grows(1500);
    await answer.isRunning();
    await expect(thoughts).toHaveAttribute('open', '');
    await expect(button).toBeFocused();
    expect(await page.evaluate(() => String(getSelection()))).toBe(selected);
    await chat.stop.click();
    await answer.ended('stopped');
  });

  test('the finished blocks are the same nodes to the end', async ({ chat }) => {
    const answer = await chat.ask('[[delta_ms=5 characters=6]] Write an article.', { model: 'demo/long' });
    await expect(answer.markdown.heading('1. Why stream at all?')).toBeVisible();
    const known = await answer.text.evaluateHandle((text) => [...text.querySelectorAll(':scope > :not(:last-child), :scope > :not(:last-child) *')]);
    expect(await known.evaluate((nodes) => nodes.length)).toBeGreaterThan(5);
    await answer.grows(1500);
    expect(await known.evaluate((nodes) => nodes.filter((node) => !node.isConnected).length)).toBe(0);
    await chat.stop.click();
    await answer.ended('stopped');
  });

  test('a reload in the middle shows the same, and so does a browser without JavaScript', async ({
    chat,
    page,
    browser,
  }) => {
    const answer = await chat.ask('[[delta_ms=4 characters=8 repeat=3]] Write an article.', { model: 'demo/long' });
    await expect(answer.markdown.table().table).toBeVisible({ timeout: 20_000 });
    await expect(answer.markdown.heading('3.1 What an event must survive')).toBeVisible({ timeout: 20_000 });
    const finished = (await answer.markdown.html()).slice(0, -1);

    const context = await browser.newContext({ javaScriptEnabled: false });
    const plain = new ChatPage(await context.newPage());
    await plain.page.goto(page.url());
    const rendered = await plain.answer().markdown.html();
    expect(rendered.slice(0, finished.length), 'as the server writes it').toEqual(finished);
    await expect(plain.answer().markdown.codeIn('rust').code).toBeVisible();
    await context.close();

    await page.reload();
    await answer.isRunning();
    await answer.grows();
    expect((await answer.markdown.html()).slice(0, finished.length), 'as the page writes it again').toEqual(finished);
    await chat.stop.click();
    await answer.ended('stopped');
  });

  test('however it is cut on its way, the same comes of it', async ({ chat }) => {
    const text = PIECES.join('\n\n');
    const whole = await chat.hear(text, { delta_ms: 1, characters: 10_000 });
    await whole.ended('complete');
    const pieces = await chat.hear(text, { delta_ms: 1, characters: 3, split: 5 });
    await pieces.ended('complete');
    expect(await pieces.markdown.html()).toEqual(await whole.markdown.html());
  });
});
