// Who is measured: Runnel, and libraries that show growing Markdown.

import type { Page } from '@playwright/test';
import { ChatPage } from '../pages/chat.ts';
import { Runnel } from '../programs.ts';
import { LIBRARIES, type Library } from './assets.ts';
import type { Relay } from './relay.ts';

/** A page that can ask one question. */
export interface Subject {
  open(page: Page): Promise<void>;
  /** Asks. The answer begins when the relay lets it. */
  ask(page: Page): Promise<void>;
  close(): Promise<void>;
}

export const SUBJECT_NAMES = ['runnel', ...LIBRARIES] as const;

export type SubjectName = (typeof SUBJECT_NAMES)[number];

/** What the others are compared with: it only ever adds to the document. */
export const YARDSTICK: SubjectName = 'streaming-markdown';

export async function startSubject(name: SubjectName, relay: Relay): Promise<Subject> {
  return name === 'runnel' ? startRunnel(relay) : library(name, relay);
}

/** The real program, with an empty database. */
async function startRunnel(relay: Relay): Promise<Subject> {
  const runnel = await Runnel.start({
    OPENROUTER_BASE_URL: relay.baseUrl,
    RUNNEL_DEFAULT_MODEL: 'demo/echo',
    // The question is held until the measurement has begun.
    RUNNEL_IDLE_TIMEOUT: '60',
    RUNNEL_PROGRESS_TIMEOUT: '60',
  });
  return {
    open: (page) => new ChatPage(page).open(runnel.url),
    ask: async (page) => {
      await new ChatPage(page).ask('Explain streaming.');
    },
    close: () => runnel.program.stop(),
  };
}

function library(name: Library, relay: Relay): Subject {
  return {
    open: async (page) => {
      await page.goto(`${relay.url}/${name}`);
      await page.waitForFunction(() => 'ask' in window);
    },
    // Not waited for: it ends with the answer.
    ask: (page) => page.evaluate(() => void (window as unknown as { ask(): Promise<void> }).ask()),
    close: async () => {},
  };
}
