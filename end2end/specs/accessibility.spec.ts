// The page for those who do not see it, or do not use a mouse.

import type { Page } from '@playwright/test';
import { ChatPage } from '../pages/chat.ts';
import { SettingsPage } from '../pages/settings.ts';
import { Sidebar } from '../pages/sidebar.ts';
import { violations } from '../audits.ts';
import { expect, prompt, test } from '../fixtures.ts';
import { recordWords } from '../recorders.ts';

interface Screen {
  name: string;
  /** Brings the page there. What it gives is called after the check. */
  show: (chat: ChatPage) => Promise<(() => Promise<void>) | void>;
}

const SCREENS: Screen[] = [
  { name: 'an empty chat', show: async (chat) => expect(chat.greeting).toBeVisible() },
  {
    name: 'an answer that is being written',
    show: async (chat) => {
      const answer = await chat.ask(prompt('Write an article.').typed, { model: 'demo/long' });
      await answer.hasGrownTo(100);
      return async () => {
        await answer.isRunning();
        await chat.stop.click();
        await answer.ended('stopped');
      };
    },
  },
  {
    name: 'a finished answer with its figures open',
    show: async (chat) => {
      const answer = await chat.ask(prompt('Hello.', { delta_ms: 1 }).typed);
      await answer.ended('complete');
      await answer.statsLine.click();
      await expect(answer.figure('Model')).toBeVisible();
    },
  },
  {
    name: 'an answer with reasoning, and one with sources',
    show: async (chat) => {
      const first = await chat.ask(prompt('Think.', { delta_ms: 1 }).typed, { model: 'demo/reasoning' });
      await first.ended('complete');
      await first.root.locator('.reasoning summary').click();
      const second = await chat.ask(prompt('Cite.', { delta_ms: 1 }).typed, { model: 'demo/citations' });
      await second.ended('complete');
      await expect(second.root.locator('.citation').getByRole('link')).toHaveCount(2);
    },
  },
  {
    name: 'a failed answer',
    show: async (chat) => {
      const answer = await chat.ask(prompt('Fail.').typed, { model: 'demo/error-402' });
      await answer.ended('failed');
    },
  },
  {
    name: 'the open panel with a wrong setting',
    show: async (chat) => {
      await chat.openSettings();
      await chat.field('Temperature').fill('9');
      await expect(chat.field('Temperature')).toHaveAttribute('aria-invalid', 'true');
    },
  },
  {
    name: 'the settings page',
    show: async (chat) => {
      await chat.settingsLink.click();
      await expect(new SettingsPage(chat.page).heading).toBeVisible();
    },
  },
];

test.describe('axe finds nothing', () => {
  // A colour in the middle of a transition is nobody's colour.
  test.use({ contextOptions: { reducedMotion: 'reduce' } });
  for (const screen of SCREENS) {
    test(`on ${screen.name}, light and dark`, async ({ chat, page }) => {
      const after = await screen.show(chat);
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme });
        expect(await violations(page), colorScheme).toEqual([]);
      }
      await after?.();
    });
  }
});

/** The line of figures, whatever they are. */
const STATISTICS = 'Statistics: …';

/** The name of the element that has the focus. */
async function focused(page: Page): Promise<string> {
  return page.evaluate(() => {
    const element = document.activeElement;
    if (element === null || element === document.body) {
      return '';
    }
    return element.getAttribute('aria-label') ?? element.textContent?.trim() ?? '';
  });
}

test('the keyboard alone suffices to ask, to stop, and to set', async ({ chat, page, emulator }) => {
  await chat.isAlive();
  await expect(chat.message, 'one can begin to type').toBeFocused();
  // Settings: in a new chat the panel stands below the button.
  await page.keyboard.press('Tab');
  await expect(chat.settingsButton).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(chat.field('Model'), 'the panel takes the focus').toBeFocused();
  await page.keyboard.type('demo/long');
  for (const name of ['System prompt', 'Temperature', 'Max tokens'] as const) {
    await page.keyboard.press('Tab');
    await expect(chat.field(name)).toBeFocused();
  }
  await page.keyboard.press('Escape');
  await expect(chat.settingsPanel).toBeHidden();
  await expect(chat.settingsButton, 'the focus goes back').toBeFocused();

  // Ask.
  await page.keyboard.press('Shift+Tab');
  await expect(chat.message).toBeFocused();
  const { typed, asked } = prompt('With ten fingers.');
  await page.keyboard.type(typed);
  await page.keyboard.press('Enter');
  const answer = chat.answer();
  await answer.hasGrownTo(40);
  await expect(chat.message, 'the focus stays where one types').toBeFocused();

  // Stop.
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  await expect(chat.stop).toBeFocused();
  await page.keyboard.press('Enter');
  await answer.ended('stopped');
  await expect.poll(async () => (await emulator.stats(asked)).open).toBe(0);
});

test('Tab goes through a chat in the order in which it is read', async ({ page, emulator, startRunnel }) => {
  const runnel = await startRunnel({ OPENROUTER_BASE_URL: emulator.baseUrl });
  const chat = new ChatPage(page);
  await chat.open(runnel.url);
  const { typed } = prompt('Hello.', { delta_ms: 1 });
  const answer = await chat.ask(typed, { model: 'demo/echo' });
  await answer.ended('complete');
  await expect(new Sidebar(page).chat(typed)).toHaveAttribute('aria-current', 'page');
  await chat.message.fill('Next.');
  await expect(chat.send).toBeEnabled();
  await page.getByRole('link', { name: 'Runnel', exact: true }).focus();
  const order = [await focused(page)];
  while (order.at(-1) !== 'Send' && order.length < 20) {
    await page.keyboard.press('Tab');
    order.push((await focused(page)).replace(/^Statistics: .+/, STATISTICS));
  }
  await page.getByRole('link', { name: 'Runnel', exact: true }).focus();
  await page.keyboard.press('Shift+Tab');
  expect([await focused(page), ...order]).toEqual([
    'Skip to message field',
    'Runnel',
    'New chat',
    'Settings',
    'Search chats',
    typed,
    `Actions for “${typed}”`,
    'Conversation',
    'Edit the question',
    STATISTICS,
    'Try again',
    'Copy',
    'Copy as rich text',
    'Branch into new chat',
    'Message',
    'Chat settings: demo/echo',
    'Send',
  ]);
});

test('a link that is seen with the focus alone leads past everything to the field', async ({ chat, page }) => {
  await chat.isAlive();
  await expect(chat.skipLink).toHaveCSS('clip-path', 'inset(50%)');
  await page.getByRole('link', { name: 'Runnel', exact: true }).focus();
  await page.keyboard.press('Shift+Tab');
  await expect(chat.skipLink).toBeFocused();
  await expect(chat.skipLink).toHaveCSS('clip-path', 'none');
  await expect(chat.skipLink).toBeInViewport({ ratio: 1 });
  const address = page.url();
  await page.keyboard.press('Enter');
  await expect(chat.message).toBeFocused();
  expect(page.url()).toBe(address);
});

test('the settings page is reached and left with the keyboard', async ({ chat, page }) => {
  await chat.isAlive();
  await chat.newChat.focus();
  await page.keyboard.press('Tab');
  await expect(chat.settingsLink).toBeFocused();
  await page.keyboard.press('Enter');
  const settings = new SettingsPage(page);
  await expect(settings.heading).toBeVisible();
  await settings.theme('Match system').focus();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowDown');
  await expect(settings.theme('Dark')).toBeChecked();
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
  await chat.newChat.focus();
  await page.keyboard.press('Enter');
  await expect(chat.greeting).toBeVisible();
  await page.reload();
  await expect(page.locator('html'), 'the theme is kept').toHaveAttribute('data-theme', 'dark');
});

test('the focus is always seen', async ({ chat, page }) => {
  await chat.isAlive();
  for (const target of [chat.settingsLink, chat.newChat, chat.settingsButton]) {
    await target.focus();
    // A focus that came from the keyboard shows its ring.
    await page.keyboard.press('Shift');
    const ring = await target.evaluate((element) => {
      const { outlineStyle, outlineWidth } = getComputedStyle(element);
      return outlineStyle === 'none' ? 0 : Number.parseFloat(outlineWidth);
    });
    expect(ring).toBeGreaterThanOrEqual(1.5);
  }
});

test('the start and the end of an answer are announced, and no word of it', async ({ chat, page }) => {
  const answer = await chat.ask(prompt('Begin the log.', { delta_ms: 1 }).typed, { model: 'demo/echo' });
  await answer.ended('complete');
  const announced = await recordWords(page, '[role=status]');
  const before = await announced();
  const second = await chat.ask(prompt('Say something.', { delta_ms: 5 }).typed, { model: 'demo/plain' });
  await second.ended('complete');
  const said = await announced();
  const characters = (await second.read()).length;
  expect(said).toEqual([...before, 'Answering.', `Answer complete, ${characters.toLocaleString('en')} characters.`]);
  await expect(chat.status).toHaveCount(1);
});

for (const [model, words] of [
  ['demo/error-401', 'The answer failed.'],
  ['demo/cut', 'The answer was interrupted.'],
] as const) {
  test(`the end of ${model} is announced`, async ({ chat }) => {
    await chat.ask(prompt('Go wrong.', { delta_ms: 1 }).typed, { model });
    await expect(chat.status).toHaveText(words);
  });
}

test('a running answer is marked as busy', async ({ chat }) => {
  const answer = await chat.ask(prompt('Write an article.').typed, { model: 'demo/long' });
  await answer.hasGrownTo(10);
  await expect(answer.root).toHaveAttribute('aria-busy', 'true');
  await chat.stop.click();
  await answer.ended('stopped');
  await expect(answer.root).toHaveAttribute('aria-busy', 'false');
});

test('nothing moves for those who asked for less motion', async ({ chat, page }) => {
  await page.emulateMedia({ reducedMotion: 'reduce' });
  const answer = await chat.ask(prompt('Write an article.').typed, { model: 'demo/long' });
  await answer.hasGrownTo(20);
  const moving = await page.evaluate(() =>
    document.getAnimations().filter((animation) => Number(animation.effect?.getComputedTiming().activeDuration ?? 0) > 10).length,
  );
  expect(moving).toBe(0);
  await chat.stop.click();
  await answer.ended('stopped');
});

test('a chat’s first answer is told from its beginning to its end', async ({ chat, page }) => {
  await expect(chat.newChat).toBeVisible();
  // A live region is read out when its words change, not when it comes with them.
  const region = page.locator('main').getByRole('status');
  await expect(region).toBeAttached();
  await expect(region).toBeEmpty();
  await region.evaluate((region) => {
    const told: (string | null)[] = [];
    Object.assign(globalThis, { told });
    new MutationObserver(() => told.push(region.textContent)).observe(region, {
      characterData: true,
      childList: true,
      subtree: true,
    });
  });
  const answer = await chat.ask(prompt('Tell me.', { delta_ms: 5 }).typed);
  await answer.ended('complete');
  const told = () => page.evaluate(() => (globalThis as unknown as { told: string[] }).told);
  await expect.poll(told).toEqual(['Answering.', expect.stringMatching(/^Answer complete, [\d,]+ characters\.$/)]);
});
