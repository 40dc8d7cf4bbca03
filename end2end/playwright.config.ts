// How the suite runs. Everything that a test needs is started by a fixture, on a free port: two runs at once do
// not meet, and nothing outside this machine is asked for anything.

import { defineConfig, devices } from '@playwright/test';

/** Chromium does nothing on its own account, so that what a test counts is the page's. */
const CHROMIUM_FLAGS = [
  '--no-sandbox',
  '--disable-dev-shm-usage',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
  '--disable-quic',
];

export default defineConfig({
  testDir: 'specs',
  // Each project has its own folder for traces, since a run begins by emptying it.
  fullyParallel: true,
  forbidOnly: Boolean(process.env['CI']),
  workers: 2,
  retries: 0,
  timeout: 30_000,
  expect: { timeout: 10_000 },
  reporter: 'list',
  use: {
    ...devices['Desktop Chrome'],
    viewport: { width: 1280, height: 800 },
    // Tests copy, and look at what was copied.
    permissions: ['clipboard-read', 'clipboard-write'],
    // Without the film strip, which costs more than the page itself on two cores, and without a copy of the document at
    // each step, which costs a fifth of all and slows the page that is measured. SNAPSHOTS=1 brings the copies back.
    trace: {
      mode: 'retain-on-failure',
      screenshots: false,
      snapshots: Boolean(process.env['SNAPSHOTS']),
      sources: Boolean(process.env['SNAPSHOTS']),
    },
    launchOptions: {
      // Chromium without its window and tab strip, which took a third of the two cores.
      executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium-headless-shell',
      args: CHROMIUM_FLAGS,
    },
  },
  projects: [
    {
      name: 'chromium',
      testIgnore: ['real-model.spec.ts', 'screenshots.spec.ts'],
      outputDir: 'test-results/chromium',
    },
    // Its fixtures start Firefox by themselves, since Playwright has only a Firefox of its own: firefox/browser.ts.
    { name: 'firefox', testDir: 'firefox', outputDir: 'test-results/firefox' },
    // So does what starts WebKit: webkit/browser.ts.
    { name: 'webkit', testDir: 'webkit', timeout: 120_000, outputDir: 'test-results/webkit' },
    { name: 'real-model', testMatch: 'real-model.spec.ts', outputDir: 'test-results/real-model' },
    // Pictures for people to look at, made on demand: npm run screenshots.
    ...(process.env['SCREENSHOTS']
      ? [{ name: 'screenshots', testMatch: 'screenshots.spec.ts', outputDir: 'test-results/screenshots-traces' }]
      : []),
  ],
});
