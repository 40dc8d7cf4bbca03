// Observers inside the page: they see every state, also those that come and go between two looks from outside.

import type { Page } from '@playwright/test';

/** The newest answer's text after one change in the document. */
export interface TextChange {
  length: number;
  /** Numbers the element, and its text node, in the order in which they were first seen. */
  element: number;
  node: number;
  /** How many frames the page had begun to draw by then. */
  frame: number;
}

/** Records every change of the newest answer's text from now on. Gives the record so far when called. */
export async function recordText(page: Page): Promise<() => Promise<TextChange[]>> {
  const record = await page.evaluateHandle(() => {
    const changes: TextChange[] = [];
    const numbers = new WeakMap<Node, number>();
    let known = 0;
    const number = (node: Node | null): number => {
      if (node === null) {
        return 0;
      }
      const found = numbers.get(node) ?? (known += 1);
      numbers.set(node, found);
      return found;
    };
    let frame = 0;
    const tick = () => {
      frame += 1;
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
    new MutationObserver((mutations) => {
      const element = [...document.querySelectorAll('.answer-text:not(.refusal, .earlier)')].at(-1);
      const concerns = (mutation: MutationRecord) =>
        element !== undefined &&
        (element.contains(mutation.target) || [...mutation.addedNodes].some((node) => node.contains(element)));
      if (element !== undefined && mutations.some(concerns)) {
        const length = (element.textContent ?? '').trim().length;
        changes.push({ length, element: number(element), node: number(element.firstChild), frame });
      }
    }).observe(document.body, { subtree: true, childList: true, characterData: true });
    return changes;
  });
  return () => record.evaluate((changes) => [...changes]);
}

/** Records each different text that the last element with this selector has, from now on. */
export async function recordWords(page: Page, selector: string): Promise<() => Promise<string[]>> {
  const record = await page.evaluateHandle((selector) => {
    const texts: string[] = [];
    const look = () => {
      const text = [...document.querySelectorAll(selector)].at(-1)?.textContent?.trim();
      if (text !== undefined && text !== '' && text !== texts.at(-1)) {
        texts.push(text);
      }
    };
    look();
    new MutationObserver(look).observe(document.body, {
      subtree: true,
      childList: true,
      characterData: true,
      attributes: true,
    });
    return texts;
  }, selector);
  return () => record.evaluate((texts) => [...texts]);
}

/** Something that moved although nobody touched the page. */
export interface Shift {
  value: number;
  /** What moved, blocks within the text of an answer left out. */
  moved: string[];
}

/** Records layout shifts from now on, those right after a person's own action left out. */
export async function recordShifts(page: Page): Promise<() => Promise<Shift[]>> {
  const record = await page.evaluateHandle(() => {
    interface LayoutShift extends PerformanceEntry {
      value: number;
      hadRecentInput: boolean;
      sources: { node: Node | null }[];
    }
    const shifts: Shift[] = [];
    const nameOf = (node: Node | null) =>
      node instanceof Element ? `${node.tagName} ${node.className}` : String(node?.textContent?.slice(0, 40));
    const isInAnswer = (node: Node | null) =>
      Boolean((node instanceof Element ? node : node?.parentElement)?.closest('.answer-text > *'));
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries() as LayoutShift[]) {
        if (!entry.hadRecentInput) {
          const nodes = entry.sources.map(({ node }) => node).filter((node) => !isInAnswer(node));
          shifts.push({ value: entry.value, moved: nodes.map(nameOf) });
        }
      }
    }).observe({ type: 'layout-shift', buffered: false });
    return shifts;
  });
  return () => record.evaluate((shifts) => [...shifts]);
}

/** Records all layout shifts of every page that is opened from now on. Gives the newest page's when called. */
export async function recordShiftsFromStart(page: Page): Promise<() => Promise<Shift[]>> {
  await page.addInitScript(() => {
    interface LayoutShift extends PerformanceEntry {
      value: number;
      sources: { node: Node | null }[];
    }
    const shifts: Shift[] = [];
    Object.assign(window, { shifts });
    new PerformanceObserver((list) => {
      for (const { value, sources } of list.getEntries() as LayoutShift[]) {
        shifts.push({ value, moved: sources.map(({ node }) => `${node?.nodeName} ${node?.textContent?.slice(0, 40)}`) });
      }
    }).observe({ type: 'layout-shift', buffered: true });
  });
  return () => page.evaluate(() => (window as unknown as { shifts: Shift[] }).shifts);
}

/** Where the parts of the page were in the frames that were drawn while an answer ran. */
export interface Places {
  frames: number;
  /** For each part, every different place in which it was. */
  places: Record<string, string[]>;
}

/**
 * Records where the frame of the page and the newest turn are, in every frame drawn while an answer is running.
 * Parts of the turn are measured against the beginning of the transcript: scrolling is not a jump.
 */
export async function recordPlaces(page: Page): Promise<() => Promise<Places>> {
  const record = await page.evaluateHandle(() => {
    const record: Places = { frames: 0, places: {} };
    const note = (name: string, element: Element | undefined, origin?: Element) => {
      if (element === undefined) {
        return;
      }
      const { x, y } = element.getBoundingClientRect();
      const from = origin?.getBoundingClientRect();
      const place = `${Math.round(x - (from?.x ?? 0))},${Math.round(y - (from?.y ?? 0))}`;
      const seen = (record.places[name] ??= []);
      if (!seen.includes(place)) {
        seen.push(place);
      }
    };
    const look = () => {
      const last = (selector: string) => [...document.querySelectorAll(selector)].at(-1);
      const answer = last('article.answer');
      // Its own text: there is none before the first words.
      const text = [...(answer?.querySelectorAll('.answer-text:not(.refusal, .earlier)') ?? [])].at(-1);
      if (answer?.getAttribute('data-status') === 'running' && (text?.textContent ?? '').trim() !== '') {
        const turns = last('.turns');
        record.frames += 1;
        note('header', last('header'));
        note('composer', last('.composer-field'));
        note('transcript', last('[role=log]'));
        note('question', last('.question-text'), turns);
        note('model', last('.answer-model'), turns);
        note('text', text, turns);
        note('figures, sideways', last('.stats'), last('.answer-foot'));
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
    return record;
  });
  return () => record.evaluate((record) => structuredClone(record));
}

/** The addresses of the requests that a page makes for one answer: sends and follows. */
export function recordStreams(page: Page): string[] {
  const streams: string[] = [];
  page.on('request', (request) => {
    const { pathname } = new URL(request.url());
    if (['/api/send_message', '/api/follow_answer'].includes(pathname)) {
      streams.push(pathname);
    }
  });
  return streams;
}

/** A stretch in which the page could not react: 50 ms or more. In milliseconds. */
export interface LongTask {
  at: number;
  took: number;
}

/** Records long tasks in every document that the page opens from now on. Gives those of the present one. */
export async function recordLongTasks(page: Page): Promise<() => Promise<LongTask[]>> {
  await page.addInitScript(() => {
    const tasks: LongTask[] = [];
    Object.assign(window, { longTasks: tasks });
    new PerformanceObserver((list) => {
      for (const { startTime, duration } of list.getEntries()) {
        tasks.push({ at: Math.round(startTime), took: Math.round(duration) });
      }
    }).observe({ type: 'longtask', buffered: true });
  });
  return () => page.evaluate(() => (window as unknown as { longTasks: LongTask[] }).longTasks);
}

/** What a page changed in the transcript. */
export interface Drawing {
  /** The most answers that came into the document in one task. */
  mostAtOnce: number;
  /** The changes within turns that are not the last. */
  inEarlierTurns: number;
}

/**
 * Counts from now on what each document that the page opens changes in its transcript. Gives what the present one did
 * since the last call.
 */
export async function recordDrawing(page: Page): Promise<() => Promise<Drawing>> {
  await page.addInitScript(() => {
    const drawing: Drawing = { mostAtOnce: 0, inEarlierTurns: 0 };
    Object.assign(window, { drawing });
    const known = new WeakSet<Element>();
    const newAnswers = (node: Node) => {
      const within = node instanceof Element ? [node, ...node.querySelectorAll('article.answer')] : [];
      const answers = within.filter((element) => element.matches('article.answer') && !known.has(element));
      answers.forEach((answer) => known.add(answer));
      return answers.length;
    };
    // Called at the end of each callback that changed something: two tasks are never counted as one.
    new MutationObserver((mutations) => {
      const last = [...document.querySelectorAll('.turn')].at(-1);
      let answers = 0;
      for (const { target, addedNodes } of mutations) {
        for (const node of addedNodes) {
          answers += newAnswers(node);
        }
        const turn = (target instanceof Element ? target : target.parentElement)?.closest('.turn') ?? undefined;
        drawing.inEarlierTurns += turn !== undefined && turn !== last ? 1 : 0;
      }
      drawing.mostAtOnce = Math.max(drawing.mostAtOnce, answers);
    }).observe(document, { subtree: true, childList: true, characterData: true, attributes: true });
  });
  return () =>
    page.evaluate(() => {
      const { drawing } = window as unknown as { drawing: Drawing };
      const copy = { ...drawing };
      Object.assign(drawing, { mostAtOnce: 0, inEarlierTurns: 0 });
      return copy;
    });
}
