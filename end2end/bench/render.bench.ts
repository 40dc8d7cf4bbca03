// What it costs a browser to show a long Markdown answer while it grows: in Runnel, and with libraries made for it.
//
// Run by `make bench-render`. Settings, in the environment:
//
//   SUBJECTS  who is measured, separated by commas; all of subjects.ts if it is not given
//   RATES     how many times slower the processor is made, separated by commas; 1,4
//   SIZE_KB   the size of the answer; 100
//   REPEAT    how often each is measured; 1. The table has the medians.
//
// It measures and asserts nothing about time. It fails only if somebody does not show the text.

import { type Page, test as base } from '@playwright/test';
import { Emulator } from '../programs.ts';
import { type Measured, Measurement } from './measure.ts';
import { Relay } from './relay.ts';
import { RATES, REPEAT, SIZE_KB, SUBJECTS } from './settings.ts';
import { startSubject, type Subject } from './subjects.ts';
import { report } from './table.ts';
import { markdown } from './text.ts';

/** A quick model: a piece every 4 ms. That is 1 ms more than is said, for the emulator waits for whole ones. */
const PACE = { delta_ms: 3, characters: 20 };

const test = base.extend<object, { relay: Relay }>({
  relay: [
    async ({}, use) => {
      const emulator = await Emulator.start();
      const relay = await Relay.start(emulator, { text: markdown(SIZE_KB * 1024), ...PACE });
      await use(relay);
      await relay.close();
      await emulator.program.stop();
    },
    { scope: 'worker' },
  ],
});

for (let round = 1; round <= REPEAT; round += 1) {
  for (const rate of RATES) {
    for (const name of SUBJECTS) {
      test(`${name}, ${rate} x slower, round ${round}`, async ({ page, relay }, testInfo) => {
        const subject = await startSubject(name, relay);
        try {
          const measured = await measure(page, subject, relay, rate);
          await report(testInfo, { subject: name, rate, measured });
        } finally {
          await subject.close();
        }
      });
    }
  }
}

/** Each subject has a page, and so a process, of its own. The answer waits until the page that asks is measured. */
async function measure(page: Page, subject: Subject, relay: Relay, rate: number): Promise<Measured> {
  const measurement = await Measurement.of(page);
  await subject.open(page);
  await measurement.slowDown(rate);
  const asked = relay.asked();
  await subject.ask(page);
  const held = await asked;
  await measurement.begin();
  return measurement.end(await held.release());
}
