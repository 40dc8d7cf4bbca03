// How the benchmarks run: the suite's browser, with one page at a time.

import { defineConfig } from '@playwright/test';
import suite from '../playwright.config.ts';

const { trace: _trace, ...use } = suite.use ?? {};

export default defineConfig({
  testDir: '.',
  testMatch: '*.bench.ts',
  outputDir: '../test-results/bench',
  workers: 1,
  // A slow page may need minutes to show what was sent in half a minute.
  timeout: 15 * 60_000,
  reporter: './table.ts',
  use: { ...use, trace: 'off' },
});
