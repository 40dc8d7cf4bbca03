// What an answer's Markdown became: blocks that can be read, copied and opened.

import type { FrameLocator, Locator } from '@playwright/test';

/** The rendered text of one answer. */
export class MarkdownText {
  /** The blocks at the top, in their order. */
  readonly blocks: Locator;
  readonly links: Locator;
  readonly footnoteMarks: Locator;
  readonly footnotes: Locator;
  readonly pictures: Locator;
  /** Buttons that show a picture from elsewhere. */
  readonly pictureButtons: Locator;
  readonly pictureFrames: Locator;
  readonly formulas: Locator;
  /** Addresses that are not opened. */
  readonly deadLinks: Locator;
  /** Where links lead whose words say something else. */
  readonly linkHosts: Locator;
  /** Characters that cannot be seen, made visible. */
  readonly invisible: Locator;

  constructor(readonly root: Locator) {
    this.blocks = root.locator('> *');
    this.links = root.getByRole('link');
    this.footnoteMarks = root.locator('[data-do="footnote"]');
    this.footnotes = root.locator('.footnote');
    this.pictures = root.getByRole('img').and(root.locator('img'));
    this.pictureButtons = root.locator('[data-do="show-picture"]');
    this.pictureFrames = root.locator('iframe[src*="/frame/picture"]');
    this.formulas = root.locator('.math');
    this.deadLinks = root.locator('.dead-link');
    this.linkHosts = root.locator('.link-host');
    this.invisible = root.locator('.invisible');
  }

  heading(name: string, level?: number): Locator {
    return this.root.getByRole('heading', level === undefined ? { name } : { name, level });
  }

  paragraph(words: string): Locator {
    return this.root.getByRole('paragraph').filter({ hasText: words });
  }

  /** Code block `index`, from 0. */
  code(index = 0): CodeBlock {
    return new CodeBlock(this.root.locator('.code-block').nth(index));
  }

  /** The first code block in this language, by the name that the answer gave it. */
  codeIn(language: string): CodeBlock {
    const name = this.root.page().locator('.code-language').getByText(language, { exact: true });
    return new CodeBlock(this.root.locator('.code-block').filter({ has: name }).first());
  }

  table(index = 0): Table {
    return new Table(this.root.locator('.table-block').nth(index));
  }

  /** Such as "note" or "warning". */
  alert(kind: string): Locator {
    return this.root.locator(`.alert-${kind}`);
  }

  /** The HTML of each block at the top, in their order. */
  async html(): Promise<string[]> {
    return this.root.evaluate((root) => [...root.children].map((block) => block.outerHTML));
  }
}

export class CodeBlock {
  readonly language: Locator;
  readonly code: Locator;
  readonly lines: Locator;
  readonly copy: Locator;
  readonly wrap: Locator;
  readonly download: Locator;
  readonly showDiagram: Locator;
  readonly diagramFrame: Locator;
  /** What the diagram's frame shows. */
  readonly diagram: FrameLocator;

  constructor(readonly root: Locator) {
    this.language = root.locator('.code-language');
    this.code = root.locator('pre');
    this.lines = this.code.locator('.line');
    this.copy = root.locator('[data-do="copy-code"]');
    this.wrap = root.locator('[data-do="wrap-code"]');
    this.download = root.locator('[data-do="download-code"]');
    this.showDiagram = root.locator('[data-do="show-diagram"]');
    this.diagramFrame = root.locator('iframe');
    this.diagram = root.frameLocator('iframe');
  }
}

export class Table {
  readonly table: Locator;
  readonly headers: Locator;
  readonly rows: Locator;
  readonly scroller: Locator;
  readonly copyCsv: Locator;
  readonly copyMarkdown: Locator;

  constructor(readonly root: Locator) {
    this.table = root.getByRole('table');
    this.headers = this.table.getByRole('columnheader');
    this.rows = this.table.locator('tbody').getByRole('row');
    this.scroller = root.getByRole('group', { name: 'Table' });
    this.copyCsv = root.locator('[data-do="copy-csv"]');
    this.copyMarkdown = root.locator('[data-do="copy-table"]');
  }

  /** The words of one row's cells. */
  async cells(row: number): Promise<string[]> {
    return this.rows.nth(row).getByRole('cell').allTextContents();
  }
}
