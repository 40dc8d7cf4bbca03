// The binary alone: copied into an empty folder, with nothing in its environment but a home folder, it is the whole product.

import { copyFile, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, prompt, test } from '../fixtures.ts';
import { ChatPage } from '../pages/chat.ts';
import { Program, RUNNEL_BIN } from '../programs.ts';

const LARGEST_BINARY_BYTES = 30 * 1024 * 1024;

test('one file in an empty folder, with no environment but a home, serves the page and answers', async ({ page, consoleWatch }) => {
  const folder = await mkdtemp(join(tmpdir(), 'runnel-one-file-'));
  const binary = join(folder, 'runnel');
  await copyFile(RUNNEL_BIN, binary);
  const [program, url] = await Program.start(binary, ['--listen', '127.0.0.1:0'], { HOME: folder }, /Runnel is at (http:\S+)\s/);
  const chat = new ChatPage(page);
  await chat.open(url);
  const { typed, asked } = prompt('Are you all there?', { delta_ms: 1 });
  const answer = await chat.ask(typed);
  await answer.ended('complete');
  await expect(answer.text).toContainText(asked.replace('#', ''));
  expect((await readdir(folder)).sort(), 'it keeps its chats in the folder for data').toEqual(['.local', 'runnel']);
  expect(await readdir(program.folder), 'and leaves nothing where it was started').toEqual([]);
  consoleWatch.end();
  await program.stop();
  await rm(folder, { recursive: true });
});

test('the binary is at most 30 MB', async () => {
  expect((await stat(RUNNEL_BIN)).size).toBeLessThanOrEqual(LARGEST_BINARY_BYTES);
});
