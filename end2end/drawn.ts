// What was really drawn while an answer was written: looked at after each frame, from within the page.

import type { Page } from '@playwright/test';

/** What was seen of the newest answer, from frame to frame. */
export interface Drawn {
  /** Each different text that a person could read in it. */
  texts: string[];
  /** Every move or change of size of a block that had another after it. */
  moved: string[];
  /** Every different place to which the transcript was scrolled. */
  tops: number[];
}

/** Records what is drawn of the newest answer from now on. Gives the record so far when called. */
export async function recordDrawn(page: Page): Promise<() => Promise<Drawn>> {
  const record = await page.evaluateHandle(() => {
    const drawn: Drawn = { texts: [], moved: [], tops: [] };
    const places = new WeakMap<Element, string>();
    const lookAtText = (text: HTMLElement) => {
      const words = text.innerText;
      if (words !== '' && words !== drawn.texts.at(-1)) {
        drawn.texts.push(words);
      }
    };
    const lookAtBlocks = (text: HTMLElement) => {
      const origin = text.getBoundingClientRect().top;
      for (const block of [...text.children].slice(0, -1)) {
        const { top, height } = block.getBoundingClientRect();
        const place = `${Math.round(top - origin)} + ${Math.round(height)}`;
        const before = places.get(block) ?? place;
        if (before !== place) {
          drawn.moved.push(`${block.tagName} “${block.textContent?.slice(0, 40)}”: ${before} became ${place}`);
        }
        places.set(block, place);
      }
    };
    const look = () => {
      const text = [...document.querySelectorAll<HTMLElement>('.answer-text:not(.refusal, .earlier)')].at(-1);
      if (text !== undefined) {
        lookAtText(text);
        lookAtBlocks(text);
      }
      const top = document.querySelector('[role=log]')?.scrollTop;
      if (top !== undefined && top !== drawn.tops.at(-1)) {
        drawn.tops.push(top);
      }
      next();
    };
    // A message that is posted in a frame is handled after that frame was drawn.
    const next = () => {
      requestAnimationFrame(() => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = look;
        port2.postMessage(null);
      });
    };
    next();
    return drawn;
  });
  return () => record.evaluate((drawn) => structuredClone(drawn));
}

/**
 * Records, from now on, each layout shift of something within an answer that was finished: what it stands in was no
 * longer the answer's last block when the frame before was drawn.
 */
export async function recordShiftsAbove(page: Page): Promise<() => Promise<string[]>> {
  const record = await page.evaluateHandle(() => {
    interface LayoutShift extends PerformanceEntry {
      hadRecentInput: boolean;
      sources: { node: Node | null }[];
    }
    const shifted: string[] = [];
    // A shift is told some frames after the one that it was in, and on a busy machine whole blocks begin and end within
    // one frame. So each change of what is last is noted with its time, and so is the beginning of each frame. The time
    // that a frame is given is not it: it may be before the one before was drawn.
    const lasts: { since: number; blocks: Element[] }[] = [];
    const frames: number[] = [];
    const noteFrame = () => {
      frames.push(performance.now());
      requestAnimationFrame(noteFrame);
    };
    requestAnimationFrame(noteFrame);
    const noteLasts = () => {
      const blocks = [...document.querySelectorAll('.answer-text > :last-child')];
      const known = lasts.at(-1)?.blocks ?? [];
      if (blocks.length !== known.length || blocks.some((block, at) => block !== known[at])) {
        lasts.push({ since: performance.now(), blocks });
      }
    };
    noteLasts();
    new MutationObserver(noteLasts).observe(document.body, { subtree: true, childList: true });
    const wasLast = (node: Node, time: number) => {
      const frameBefore = frames.filter((frame) => frame <= time).at(-2) ?? 0;
      const until = (at: number) => lasts[at + 1]?.since ?? Infinity;
      const growing = lasts.filter(({ since }, at) => since <= time && until(at) >= frameBefore);
      return growing.some(({ blocks }) => blocks.some((block) => block.contains(node)));
    };
    const isAbove = (node: Node, time: number) => {
      const text = (node instanceof Element ? node : node.parentElement)?.closest('.answer-text');
      return text !== null && text !== undefined && text !== node && !wasLast(node, time);
    };
    new PerformanceObserver((list) => {
      for (const { hadRecentInput, sources, startTime } of list.getEntries() as LayoutShift[]) {
        const nodes = hadRecentInput ? [] : sources.flatMap(({ node }) => (node === null ? [] : [node]));
        shifted.push(...nodes.filter((node) => isAbove(node, startTime)).map((node) => `${node.nodeName} “${node.textContent?.slice(0, 40)}”`));
      }
    }).observe({ type: 'layout-shift', buffered: false });
    return shifted;
  });
  return () => record.evaluate((shifted) => [...shifted]);
}
