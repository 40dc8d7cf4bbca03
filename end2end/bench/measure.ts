// What showing an answer costs a page, from the first byte of the text until the page is at rest.

import { loadavg } from 'node:os';
import type { CDPSession, Page } from '@playwright/test';
import type { Sent } from './relay.ts';
import { LAST_WORDS } from './text.ts';

/** Where the answer's text is, in Runnel's page and in the pages of the libraries. */
const ANSWER = '.answer-text:not(.refusal, .earlier)';

/** How long nothing may change before a page counts as at rest, in milliseconds. */
const REST_MS = 1_000;

/** One measurement. Times are in milliseconds, sizes in bytes. */
export interface Measured {
  /** How long the text was being sent. */
  streamed: number;
  /** How much of the processor the main thread took, altogether and in parts. */
  mainThread: number;
  script: number;
  layout: number;
  style: number;
  /** Stretches of 50 ms or more in which the page could not react. */
  longTasks: number;
  longestTask: number;
  /** 99 of 100 frames came sooner than this after the one before. */
  frame99: number;
  longestFrame: number;
  /** From the last piece of the text until the document was changed for the last time. */
  lag: number;
  /** How much moved that nobody touched: the sum of all layout shifts. */
  shift: number;
  /** Elements and texts within the answer. */
  nodes: number;
  /** How much text is shown, in characters. */
  characters: number;
  /** What scripts hold after a garbage collection, and the memory of WebAssembly, which is not part of it. */
  heap: number;
  wasm: number;
  /** How many processes wanted a processor in the last minute. With more than there are processors, times suffer. */
  load: number;
}

/** What the page itself notes. */
interface Notes {
  frames: number[];
  longTasks: number[];
  shift: number;
  /** When the answer was changed for the last time, as `Date.now` tells it. */
  changedAt: number;
}

declare global {
  interface Window {
    notes: Notes;
    wasmMemories: WebAssembly.Memory[];
  }
}

export class Measurement {
  private before: Map<string, number> = new Map();

  private constructor(
    private readonly page: Page,
    private readonly devtools: CDPSession,
  ) {}

  /** To be called before the page is opened. */
  static async of(page: Page): Promise<Measurement> {
    await page.addInitScript(noteMemories);
    return new Measurement(page, await page.context().newCDPSession(page));
  }

  /** From now on the page's processor is so many times slower than it is. */
  async slowDown(rate: number): Promise<void> {
    await this.devtools.send('Emulation.setCPUThrottlingRate', { rate });
  }

  async begin(): Promise<void> {
    await this.page.evaluate(takeNotes, ANSWER);
    // Counted in the thread's own processor time: what else the machine does is not part of it.
    await this.devtools.send('Performance.enable', { timeDomain: 'threadTicks' });
    this.before = await this.metrics();
  }

  /** Waits until the page shows all that was sent and is at rest. */
  async end({ firstAt, lastAt }: Sent): Promise<Measured> {
    const shown = await this.page.evaluate(whenAtRest, { answer: ANSWER, lastWords: LAST_WORDS, restMs: REST_MS });
    const after = await this.metrics();
    const seconds = (name: string) => ((after.get(name) ?? 0) - (this.before.get(name) ?? 0)) * 1_000;
    const { notes } = shown;
    return {
      streamed: lastAt - firstAt,
      mainThread: seconds('TaskDuration'),
      script: seconds('ScriptDuration'),
      layout: seconds('LayoutDuration'),
      style: seconds('RecalcStyleDuration'),
      longTasks: notes.longTasks.length,
      longestTask: Math.max(0, ...notes.longTasks),
      frame99: quantile(notes.frames, 0.99),
      longestFrame: quantile(notes.frames, 1),
      lag: notes.changedAt - lastAt,
      shift: notes.shift,
      nodes: shown.nodes,
      characters: shown.characters,
      heap: await this.heap(),
      wasm: shown.wasm,
      load: loadavg()[0] ?? 0,
    };
  }

  private async heap(): Promise<number> {
    await this.devtools.send('HeapProfiler.collectGarbage');
    return (await this.metrics()).get('JSHeapUsedSize') ?? 0;
  }

  private async metrics(): Promise<Map<string, number>> {
    const { metrics } = await this.devtools.send('Performance.getMetrics');
    return new Map(metrics.map(({ name, value }) => [name, value]));
  }
}

/** The smallest value that is not exceeded by this part of all. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? 0;
}

// The rest runs in the page.

/** Keeps the memories of WebAssembly within reach: a program shows them to nobody but itself. */
function noteMemories(): void {
  type Made = WebAssembly.Instance | { instance: WebAssembly.Instance };
  window.wasmMemories = [];
  const noting = <Given extends unknown[]>(make: (...given: Given) => Promise<Made>) => async (...given: Given) => {
    const made = await make(...given);
    const { exports } = 'instance' in made ? made.instance : made;
    window.wasmMemories.push(...Object.values(exports).filter((value) => value instanceof WebAssembly.Memory));
    return made;
  };
  const { instantiate, instantiateStreaming } = WebAssembly;
  Object.assign(WebAssembly, { instantiate: noting(instantiate), instantiateStreaming: noting(instantiateStreaming) });
}

/** Notes frames, long tasks, layout shifts and changes of the answer from now on. */
function takeNotes(answer: string): void {
  interface LayoutShift extends PerformanceEntry {
    value: number;
    hadRecentInput: boolean;
  }
  const notes: Notes = { frames: [], longTasks: [], shift: 0, changedAt: 0 };
  window.notes = notes;
  let last = performance.now();
  const tick = (now: number) => {
    notes.frames.push(now - last);
    last = now;
    requestAnimationFrame(tick);
  };
  requestAnimationFrame((now) => {
    last = now;
    requestAnimationFrame(tick);
  });
  new PerformanceObserver((list) => {
    notes.longTasks.push(...list.getEntries().map(({ duration }) => duration));
  }).observe({ type: 'longtask' });
  new PerformanceObserver((list) => {
    for (const { value, hadRecentInput } of list.getEntries() as LayoutShift[]) {
      notes.shift += hadRecentInput ? 0 : value;
    }
  }).observe({ type: 'layout-shift' });
  // One look for all changes of a moment: they nearly always begin within the answer.
  const concerns = ({ target }: MutationRecord) =>
    (target instanceof Element ? target : target.parentElement)?.closest(answer) != null;
  new MutationObserver((changes) => {
    if (changes.some(concerns)) {
      notes.changedAt = Date.now();
    }
  }).observe(document.body, { subtree: true, childList: true, characterData: true });
}

interface Rest {
  notes: Notes;
  nodes: number;
  characters: number;
  wasm: number;
}

/** Waits until the answer has its last words, and then has not been changed for a while. */
async function whenAtRest(wish: { answer: string; lastWords: string; restMs: number }): Promise<Rest> {
  const element = () => [...document.querySelectorAll(wish.answer)].at(-1);
  const text = () => element()?.textContent ?? '';
  const pause = () => new Promise((resolve) => setTimeout(resolve, wish.restMs / 4));
  while (!text().includes(wish.lastWords) || Date.now() - window.notes.changedAt < wish.restMs) {
    await pause();
  }
  const count = document.createNodeIterator(element() ?? document.body);
  let nodes = -1;
  while (count.nextNode() !== null) {
    nodes += 1;
  }
  const wasm = window.wasmMemories.reduce((sum, memory) => sum + memory.buffer.byteLength, 0);
  return { notes: window.notes, nodes, characters: text().length, wasm };
}
