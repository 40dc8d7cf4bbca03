// What the README says to type works as it is typed there.

import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '../fixtures.ts';

test('the README’s curl commands ask, follow and stop in demo mode', async ({ startRunnel }) => {
  test.slow();
  const runnel = await startRunnel({});
  const readme = await readFile(resolve(import.meta.dirname, '../../README.md'), 'utf8');
  const script = /## With curl[\s\S]*?```sh\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
  const commands = script.replaceAll('http://127.0.0.1:3000', runnel.url);
  expect(commands.split(/^curl /m).length - 1, 'asking, following and stopping').toBe(5);

  const { stdout } = await promisify(execFile)('bash', ['-euc', commands.replace(/^curl /gm, 'curl -sS --fail-with-body ')]);
  const texts = [...stdout.matchAll(/^data: \{"text":/gm)];
  expect(texts.length, 'text comes in pieces').toBeGreaterThan(2);
  expect([...stdout.matchAll(/^data: \{"end":\{"status":"complete"/gm)], 'one asked, two asked, and one followed twice').toHaveLength(5);
  expect(stdout.trimEnd().endsWith('"complete"'), `it had ended: ${stdout.slice(-200)}`).toBe(true);
});
