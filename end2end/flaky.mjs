// Runs the browser tests several times while one core is kept busy, and counts which of them failed.
//
// Run by `make flaky`. RUNS in the environment says how many times; 10. What is given after it goes to Playwright, such
// as `-g "nothing jumps"`. A failed run does not end it; the traces of a run that failed are kept in
// test-results/flaky/<run>. The exit code is 0 if all runs passed.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';

const HERE = dirname(fileURLToPath(import.meta.url));
const RESULTS = join(HERE, 'test-results');
const KEPT = join(RESULTS, 'flaky');
const REPORT = join(KEPT, 'report.json');
const PROJECTS = ['chromium', 'firefox', 'webkit', 'real-model'];

const runs = Number(process.env['RUNS'] ?? 10);
if (!Number.isInteger(runs) || runs < 1) {
  console.error(`RUNS is how many times the tests are run, not “${process.env['RUNS']}”.`);
  process.exit(2);
}

// A thread of this process, so that it ends with it however that ends: Ctrl-C and SIGKILL too.
new Worker('for (;;);', { eval: true });

await rm(KEPT, { recursive: true, force: true });
await mkdir(KEPT, { recursive: true });
let testsRun = 0;
let failedRuns = 0;
/** For each test that failed, in how many runs. */
const failures = new Map();

for (let run = 1; run <= runs; run += 1) {
  console.log(`\nRun ${run} of ${runs}, with one core kept busy.`);
  const code = await playwright();
  const tests = await outcomes();
  testsRun += tests.length;
  for (const { name } of tests.filter(({ failed }) => failed)) {
    failures.set(name, (failures.get(name) ?? 0) + 1);
  }
  if (code !== 0) {
    failedRuns += 1;
    await keepTraces(run);
  }
  console.log(`So far: ${count(run, 'run')}, ${failedRuns} of them failed; ${count(testsRun, 'test')}.`);
}

console.log(`\n${count(runs, 'run')} with one core kept busy, ${count(testsRun, 'test')}: ${failedRuns === 0 ? 'none failed.' : `${count(failedRuns, 'run')} failed.`}`);
for (const [name, times] of [...failures].toSorted(([, one], [, other]) => other - one)) {
  console.log(`  failed in ${times} of ${count(runs, 'run')}: ${name}`);
}
process.exit(failedRuns === 0 ? 0 : 1);

/** Runs the suite once. Gives its exit code. */
async function playwright() {
  await rm(REPORT, { force: true });
  const child = spawn('node_modules/.bin/playwright', ['test', '--reporter=list,json', ...process.argv.slice(2)], {
    cwd: HERE,
    env: { ...process.env, PLAYWRIGHT_JSON_OUTPUT_FILE: REPORT },
    stdio: 'inherit',
  });
  const [code, signal] = await once(child, 'exit');
  // It was asked to end, and so is this.
  if (signal !== null || code === 130) {
    process.exit(130);
  }
  return code;
}

/** The tests of the last run, and whether each failed; none if the run did not come to its end. */
async function outcomes() {
  let report;
  try {
    report = JSON.parse(await readFile(REPORT, 'utf8'));
  } catch {
    return [];
  }
  const within = (suite, file) => [
    ...(suite.specs ?? []).flatMap((spec) =>
      spec.tests
        .filter(({ status }) => status !== 'skipped')
        .map(({ status }) => ({ name: `${file}: ${spec.title}`, failed: status === 'unexpected' })),
    ),
    ...(suite.suites ?? []).flatMap((inner) => within(inner, file)),
  ];
  return report.suites.flatMap((suite) => within(suite, suite.title));
}

/** Keeps what a failed run left beside its tests: the next run empties these folders. */
async function keepTraces(run) {
  for (const project of PROJECTS) {
    await mkdir(join(KEPT, String(run)), { recursive: true });
    // A project that had nothing to say has no folder.
    await rename(join(RESULTS, project), join(KEPT, String(run), project)).catch(() => {});
  }
}

function count(number, what) {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}
