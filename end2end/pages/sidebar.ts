// The list of chats: a column beside the chat, a drawer on a narrow screen.

import { expect, type Locator, type Page } from '@playwright/test';

/** What can be done with a chat. */
export type Action = 'Rename' | 'Pin' | 'Unpin' | 'Archive' | 'Unarchive' | 'Delete';

export class Sidebar {
  readonly root: Locator;
  readonly search: Locator;
  /** The chats that are listed, in their order. */
  readonly chats: Locator;
  readonly headings: Locator;
  readonly found: Locator;
  readonly archived: Locator;
  readonly menu: Locator;
  readonly newTitle: Locator;
  readonly older: Locator;
  readonly undo: Locator;
  /** On a narrow screen: opens the drawer. */
  readonly drawerButton: Locator;

  constructor(readonly page: Page) {
    this.root = page.getByRole('navigation', { name: 'Chats' });
    this.search = page.getByRole('searchbox', { name: 'Search chats' });
    this.chats = this.root.locator('.chat-item .chat-link');
    this.headings = this.root.getByRole('heading');
    this.found = this.root.getByRole('list', { name: 'Found' }).getByRole('link');
    this.archived = this.root.getByText('Archived', { exact: true });
    this.menu = this.root.getByRole('group', { name: 'Actions' });
    this.newTitle = this.root.getByRole('textbox', { name: 'New title' });
    this.older = this.root.getByRole('button', { name: 'Older chats' });
    this.undo = this.root.getByRole('button', { name: 'Undo' });
    this.drawerButton = page.getByRole('button', { name: 'Chats', exact: true });
  }

  /** The line of the chat whose title has these words. A title is the question's first words. */
  item(title: string): Locator {
    return this.root.locator('.chat-item').filter({ hasText: title });
  }

  chat(title: string): Locator {
    return this.item(title).getByRole('link');
  }

  actionsOf(title: string): Locator {
    return this.root.getByRole('button', { name: `Actions for “${title}` });
  }

  /** Opens the chat's menu and takes one of its actions. */
  async act(title: string, action: Action): Promise<void> {
    await this.actionsOf(title).click();
    await this.menu.getByRole('button', { name: action, exact: true }).click();
  }

  /** Renames a chat, and waits until the list says so. What is shown may be less than what was typed. */
  async rename(title: string, to: string, shown = to): Promise<void> {
    await this.act(title, 'Rename');
    await this.newTitle.fill(to);
    await this.newTitle.press('Enter');
    await expect(this.chat(shown)).toBeVisible();
  }

  /** Searches for these words, and waits for what is found. */
  async find(words: string): Promise<void> {
    const answered = this.page.waitForResponse((response) => response.url().includes('/api/search_conversations'));
    await this.search.fill(words);
    await answered;
  }

  /** The titles in the list, in their order. */
  async titles(): Promise<string[]> {
    return this.root.locator('.chat-item .chat-title').allTextContents();
  }
}
