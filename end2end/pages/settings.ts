// The settings page.

import type { Locator, Page } from '@playwright/test';

export class SettingsPage {
  readonly heading: Locator;

  constructor(readonly page: Page) {
    this.heading = page.getByRole('heading', { name: 'Settings', level: 1 });
  }

  async open(): Promise<void> {
    await this.page.goto('/settings');
    await this.heading.waitFor();
  }

  /** What is set for new chats. */
  field(name: 'Model' | 'System prompt'): Locator {
    return this.page.getByRole('group', { name: 'For new chats' }).getByLabel(name, { exact: true });
  }

  theme(name: 'Match system' | 'Light' | 'Dark'): Locator {
    return this.page.getByRole('group', { name: 'Theme' }).getByRole('radio', { name });
  }
}
