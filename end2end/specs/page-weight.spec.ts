// The page is light, is kept by the browser, and does not jump.

import type { Page } from '@playwright/test';
import { recordDrawn } from '../drawn.ts';
import { expect, prompt, test } from '../fixtures.ts';
import { ChatPage } from '../pages/chat.ts';
import { exportOf } from '../exports.ts';
import { Pieces } from '../pieces.ts';
import { recordPlaces, recordShifts, recordShiftsFromStart } from '../recorders.ts';

const LARGEST_FIRST_LOAD = 245 * 1024;
const MOST_REQUESTS = 12;

/** What every page loads. */
const PAGE_FILES = ['__wasm_split.js', 'runnel.css', 'runnel.js', 'runnel.wasm'];
/** What it loads when it is idle, unless it shows it at once. What the parts have in common is a file of its own. */
const PARTS = ['chunk.wasm', 'split_settings.wasm', 'split_transcript.wasm'];
/** What reads answers. */
const RENDERER_FILES = ['renderer.js', 'renderer.wasm'];

interface Asset {
  path: string;
  headers: Record<string, string>;
}

/** Records the assets that the page loads from now on. */
function recordAssets(page: Page): Asset[] {
  const assets: Asset[] = [];
  page.on('response', (response) => {
    const { pathname } = new URL(response.url());
    if (pathname.startsWith('/pkg/')) {
      assets.push({ path: pathname, headers: response.headers() });
    }
  });
  return assets;
}

/** The names of these assets without the part that stands for their content, in order. */
function namesOf(assets: Asset[]): string[] {
  const nameOf = (path: string) => path.replace(/^.*\//, '').replace(/\.[\w-]{16,}\./, '.').replace(/_\d+\./, '.');
  return assets.map(({ path }) => nameOf(path)).sort();
}

function sorted(...names: string[][]): string[] {
  return names.flat().sort();
}

test('the first load is at most 245 KB and 12 requests', async ({ page }) => {
  const session = await page.context().newCDPSession(page);
  const urls = new Map<string, string>();
  const loads: { url: string; bytes: number }[] = [];
  session.on('Network.requestWillBeSent', ({ requestId, request }) => urls.set(requestId, request.url));
  session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    loads.push({ url: urls.get(requestId) ?? '', bytes: encodedDataLength });
  });
  await session.send('Network.enable');
  await page.addInitScript(() => {
    new MutationObserver((_, observer) => {
      if (document.documentElement.dataset['alive'] === 'true') {
        performance.mark('alive');
        observer.disconnect();
      }
    }).observe(document, { subtree: true, attributes: true, attributeFilter: ['data-alive'] });
  });

  const chat = new ChatPage(page);
  await chat.open();
  await chat.hasParts();
  await page.waitForLoadState('networkidle');

  // What it loads once it is alive and idle is nothing that it waits for.
  const later = new Set(
    await page.evaluate(() => {
      const alive = performance.getEntriesByName('alive')[0]?.startTime ?? 0;
      return performance.getEntriesByType('resource').filter(({ startTime }) => startTime > alive).map(({ name }) => name);
    }),
  );
  const named = (addresses: Iterable<string>) =>
    namesOf([...addresses].filter((url) => url.includes('/pkg/')).map((path) => ({ path, headers: {} })));
  expect(named(later)).toEqual(sorted(PARTS));
  const first = loads.filter(({ url }) => !later.has(url));
  const list = first.map(({ url, bytes }) => `${bytes} ${url}`).join('\n');
  expect(named(first.map(({ url }) => url)), 'nothing is there to be read').toEqual(PAGE_FILES);
  expect(first.filter(({ url }) => url.endsWith('/')), list).toHaveLength(1);
  expect(urls.size, 'those that come later are counted too').toBeLessThanOrEqual(MOST_REQUESTS);
  expect(first.reduce((sum, { bytes }) => sum + bytes, 0), list).toBeLessThanOrEqual(LARGEST_FIRST_LOAD);
});

test('what reads answers is loaded once, when one begins to write the first question', async ({ page }) => {
  const assets = recordAssets(page);
  const chat = new ChatPage(page);
  await chat.open();
  await chat.openSettings();
  await chat.closeSettings();
  await chat.hasParts();
  await page.waitForLoadState('networkidle');
  expect(namesOf(assets)).toEqual(sorted(PAGE_FILES, PARTS));
  await chat.message.press('W');
  const all = sorted(PAGE_FILES, PARTS, RENDERER_FILES);
  await expect.poll(() => namesOf(assets), 'before anything is asked').toEqual(all);

  for (const words of ['Read me.', 'And me.']) {
    const answer = await chat.ask(prompt(words, { delta_ms: 1 }).typed, { model: 'demo/reasoning' });
    await answer.ended('complete');
    await expect(answer.text.getByRole('strong')).toHaveText('391');
  }
  await chat.newChat.click();
  await expect(chat.greeting).toBeVisible();
  await (await chat.ask(prompt('In another chat.', { delta_ms: 1 }).typed)).ended('complete');
  expect(namesOf(assets), 'once, however many answers are read').toEqual(all);
});

test('assets are named by their content, compressed when they were built, and kept for good', async ({ page }) => {
  const assets = recordAssets(page);
  const chat = new ChatPage(page);
  await chat.open();
  const answer = await chat.ask(prompt('Read me.', { delta_ms: 1 }).typed);
  await answer.ended('complete');
  await chat.hasParts();

  expect(namesOf(assets)).toEqual(sorted(PAGE_FILES, PARTS, RENDERER_FILES));
  for (const { path, headers } of assets) {
    expect(path).toMatch(/^\/pkg\/([\w-]{22}\/(__wasm_split\.\w+|\w+)|renderer\.[\w-]{22})\.(js|wasm|css)$/);
    expect(headers['cache-control'], path).toBe('public, max-age=31536000, immutable');
    expect(headers['content-encoding'], path).toBe('br');
    expect(headers['vary']?.toLowerCase(), path).toContain('accept-encoding');
    expect(headers['x-content-type-options'], path).toBe('nosniff');
  }
});

test('a second visit loads no asset again', async ({ chat, page }) => {
  const answer = await chat.ask(prompt('Read me again.', { delta_ms: 1 }).typed, { model: 'demo/reasoning' });
  await answer.ended('complete');
  const address = page.url();
  const session = await page.context().newCDPSession(page);
  const fromMemory = new Set<string>();
  const received: { id: string; url: string; fromDisk: boolean }[] = [];
  session.on('Network.requestServedFromCache', ({ requestId }) => fromMemory.add(requestId));
  session.on('Network.responseReceived', ({ requestId, response }) => {
    received.push({ id: requestId, url: response.url, fromDisk: response.fromDiskCache ?? false });
  });
  await session.send('Network.enable');
  await page.goto('/settings');
  await expect(page.getByRole('combobox', { name: 'Model' })).toBeVisible();
  await page.waitForLoadState('networkidle');
  await page.goto(address);
  await expect(answer.text.getByRole('strong')).toHaveText('391');
  await page.waitForLoadState('networkidle');
  const assets = received.filter(({ url }) => url.includes('/pkg/'));
  expect(assets.filter(({ url }) => url.includes('/renderer.')).length, 'what reads answers is among them').toBeGreaterThanOrEqual(2);
  for (const part of ['split_settings', 'split_transcript']) {
    expect(assets.filter(({ url }) => url.includes(part)).length, part).toBeGreaterThanOrEqual(1);
  }
  expect(assets.length).toBeGreaterThanOrEqual(13);
  expect(assets.filter(({ id, fromDisk }) => !fromDisk && !fromMemory.has(id))).toEqual([]);
});

test('nothing jumps while an answer is written', async ({ chat, page }) => {
  // Each frame is looked at, which takes its time on a busy machine.
  test.slow();
  // The chat has begun: what is measured is the answer and not the composer's way to its place.
  const first = await chat.ask(prompt('Begin.', { delta_ms: 1 }).typed, { model: 'demo/echo' });
  await first.ended('complete');
  const [shifts, drawn, places] = [await recordShifts(page), await recordDrawn(page), await recordPlaces(page)];
  const answer = await chat.ask(prompt('Write on.', { delta_ms: 3, characters: 8 }).typed, { model: 'demo/long' });
  await answer.ended('complete', 60_000);

  const seen = await places();
  expect(seen.frames, 'it was looked at in many frames').toBeGreaterThan(60);
  for (const [what, found] of Object.entries(seen.places)) {
    expect(found, `${what} stays where it is`).toHaveLength(1);
  }
  const { texts, moved } = await drawn();
  expect(texts.length, 'it was written in many frames').toBeGreaterThan(60);
  expect(moved, 'no block moves, or changes its size, while another is written below it').toEqual([]);
  const seenShifts = await shifts();
  expect(seenShifts.flatMap(({ moved }) => moved)).toEqual([]);
  expect(seenShifts.reduce((sum, { value }) => sum + value, 0), JSON.stringify(seenShifts)).toBeLessThan(0.05);
});

/** Fifteen chats, each with an answer of several blocks. */
function someChats() {
  const answer = '# A heading\n\nSome **words** and `code`.\n\n- one\n- two\n\n| a | b |\n|---|---|\n| c | d |';
  return exportOf(
    Array.from({ length: 15 }, (_, at) => ({ title: `Chat ${at}`, turns: [{ question: 'Why?', answer }] })),
  );
}

test('nothing jumps when the page comes alive', async ({ page, ownRunnel }) => {
  // Nobody else asks this Runnel anything: news of other chats may move the list.
  const { lines, paths } = someChats();
  await ownRunnel.import(lines);
  const shifts = await recordShiftsFromStart(page);
  const chat = new ChatPage(page);
  for (const path of ['/', paths[0] ?? '']) {
    await chat.open(ownRunnel.url + path);
    await chat.message.fill('x');
    await expect(chat.send).toBeEnabled();
    expect(await shifts(), path).toEqual([]);
  }
});

test('nothing jumps when a page comes in pieces: it is drawn when it is whole', async ({ context, ownRunnel }) => {
  test.slow();
  const { lines, paths } = someChats();
  await ownRunnel.import(lines);
  const line = await Pieces.to(ownRunnel.url);
  for (const path of ['/', paths[0] ?? '']) {
    // Within the header, the list of chats, what was said, and the composer.
    for (const part of [0.1, 0.3, 0.5, 0.85, 0.95]) {
      line.part = part;
      // The first piece has come when what it names is asked for.
      const page = await context.newPage();
      const shifts = await recordShiftsFromStart(page);
      const loaded = page.waitForResponse(/runnel.*\.wasm/).then((response) => response.finished());
      await page.goto(line.url + path, { waitUntil: 'commit' });
      await loaded;
      const whole = await page.evaluate(() => performance.now());
      line.release();
      const chat = new ChatPage(page);
      await chat.message.fill('x');
      await expect(chat.send).toBeEnabled();
      const what = `${path}, of which ${Math.round(part * 100)} % came first`;
      // A browser that is busy notes its first frame after the page was used.
      const drawn = () => page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0);
      await expect.poll(drawn, what).toBeGreaterThan(whole);
      expect(await shifts(), what).toEqual([]);
      await page.close();
    }
  }
  await line.close();
});
