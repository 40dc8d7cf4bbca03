// The answer that everybody shows: Markdown as models write it, the same in every run.

/** The last words of every text. Who shows them shows all of it. */
export const LAST_WORDS = 'These are the last words of this answer.';

const SEED = 20_241_121;

const WORDS = (
  'stream token answer browser server frame layout reader chunk buffer network parser cursor table column memory ' +
  'signal update delay budget line paragraph element document style thread queue event socket cache index field ' +
  'value figure measure screen pixel window history message question model letter sentence heading number result'
).split(' ');

const VERBS = 'reads writes keeps sends moves shows holds joins splits counts waits draws grows begins ends'.split(' ');

const CODE: Record<string, readonly string[]> = {
  rust: [
    '/// Takes what is complete from the front of `waiting`.',
    'pub fn take_complete(waiting: &mut Vec<u8>) -> Option<String> {',
    '    let end = waiting.iter().rposition(|byte| *byte == b\'\\n\')? + 1;',
    '    let rest = waiting.split_off(end);',
    '    let line = std::mem::replace(waiting, rest);',
    '    String::from_utf8(line).ok() // 0x0a never stands within a character',
    '}',
  ],
  python: [
    'import asyncio',
    '',
    '@dataclass(frozen=True)',
    'class Piece:',
    '    """One piece of an answer."""',
    '    text: str',
    '    at: float = 0.0',
    '',
    'async def follow(pieces, limit=1_000):',
    '    async for number, piece in enumerate(pieces):',
    '        if number > limit or not piece.text:',
    '            break',
    '        print(f"{piece.at:>8.3f}  {piece.text!r}")',
  ],
  typescript: [
    'interface Cell<T> { readonly value: T; changed: boolean }',
    '',
    'export async function* lines(body: ReadableStream<string>): AsyncGenerator<string> {',
    "  let rest = '';",
    '  for await (const piece of body) {',
    '    const found = `${rest}${piece}`.split(/\\r?\\n/);',
    "    rest = found.pop() ?? '';",
    '    yield* found; // the last one is not complete yet',
    '  }',
    '}',
  ],
  bash: [
    '#!/usr/bin/env bash',
    'set -euo pipefail',
    'for file in "$HOME"/logs/*.log; do',
    '  lines=$(wc -l < "$file")',
    '  if (( lines > 500 )); then',
    '    tail -n 500 "$file" > "$file.short" && mv "$file.short" "$file"',
    '  fi',
    'done',
  ],
  sql: [
    'SELECT chat.id, count(*) AS answers, max(answer.ended_at) AS latest',
    'FROM chat',
    "JOIN answer ON answer.chat_id = chat.id AND answer.status = 'complete'",
    'WHERE answer.tokens BETWEEN 10 AND 4000 -- the long ones are elsewhere',
    'GROUP BY chat.id',
    'ORDER BY latest DESC',
    'LIMIT 20;',
  ],
  json: [
    '{',
    '  "model": "demo/echo",',
    '  "temperature": 0.7,',
    '  "stream": true,',
    '  "messages": [{ "role": "user", "content": "How does a stream end?" }],',
    '  "stop": null',
    '}',
  ],
  css: [
    '@media (width < 40rem) {',
    '  .answer > pre { overflow-x: auto; padding: 0.75rem 1rem; }',
    '  .answer :is(th, td):not(:last-child)::after { content: "·"; color: #8899aa80; }',
    '}',
  ],
  diff: [
    '--- a/reader.py',
    '+++ b/reader.py',
    '@@ -12,3 +12,4 @@ def read(source):',
    '     for piece in source:',
    '-        text = text + piece',
    '+        parts.append(piece)',
    '+    return "".join(parts)',
  ],
};

const MATHS = [
  '\\bar{t} = \\frac{1}{n} \\sum_{i=1}^{n} t_i',
  'p_{99} = \\inf \\{ x : F(x) \\ge 0.99 \\}',
  '\\int_0^T r(t)\\,dt = \\sqrt{a^2 + b^2} + \\alpha \\cdot 10^{-3}',
];

/** A text of at least so many bytes, and not many more. */
export function markdown(bytes: number): string {
  const writer = new Writer(SEED);
  const parts: string[] = [];
  let length = 0;
  for (let number = 0; length < bytes; number += 1) {
    const part = writer.part(number);
    parts.push(part);
    length += Buffer.byteLength(part) + 2;
  }
  return [...parts, LAST_WORDS].join('\n\n');
}

/** Writes the parts of a text. The same seed gives the same parts. */
class Writer {
  constructor(private state: number) {}

  /** Part `number`: a mixture as in an answer to a technical question, paragraphs for the most part. */
  part(number: number): string {
    const kinds = [
      () => this.heading(2),
      () => this.paragraph(),
      () => this.list(),
      () => this.paragraph(),
      () => this.code(),
      () => this.paragraph(),
      () => this.heading(3),
      () => this.paragraph(),
      () => this.table(),
      () => this.paragraph(),
      () => this.quote(),
      () => this.numbered(),
      () => this.paragraph(),
      () => this.code(),
      () => this.paragraph(),
      () => (number % 3 === 0 ? this.display() : '---'),
    ];
    return this.of(kinds[number % kinds.length] ?? kinds[1]);
  }

  private of(write: (() => string) | undefined): string {
    return write?.() ?? '';
  }

  /** From 0 up to, but without, `limit`. Mulberry32, a small generator of which nothing but evenness is asked. */
  private below(limit: number): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  }

  private pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }

  private words(count: number): string {
    return Array.from({ length: count }, () => this.pick(WORDS)).join(' ');
  }

  /** A few words, now and then marked up. */
  private phrase(): string {
    const words = this.words(1 + this.below(3));
    switch (this.below(16)) {
      case 0:
        return `**${words}**`;
      case 1:
        return `*${words}*`;
      case 2:
        return `\`${words.replaceAll(' ', '_')}()\``;
      case 3:
        return `[${words}](https://example.com/${words.replaceAll(' ', '/')}?page=${this.below(90)})`;
      case 4:
        return `~~${words}~~`;
      case 5:
        return `**${words} and \`${this.pick(WORDS)}\`**`;
      case 6:
        return `$${this.pick(WORDS)[0]}_${this.below(9)}^2$`;
      case 7:
        return this.pick(['naïve café', '“quoted”', 'a — b', '語', '🌊']);
      default:
        return words;
    }
  }

  private sentence(): string {
    const phrases = Array.from({ length: 2 + this.below(4) }, () => this.phrase());
    return `The ${this.pick(WORDS)} ${this.pick(VERBS)} ${phrases.join(', ')}.`;
  }

  private paragraph(): string {
    return Array.from({ length: 3 + this.below(4) }, () => this.sentence()).join(' ');
  }

  private heading(level: number): string {
    return `${'#'.repeat(level)} How the ${this.words(2)} ${this.pick(VERBS)}`;
  }

  private list(): string {
    const lines: string[] = [];
    for (let item = 0; item < 4; item += 1) {
      lines.push(`- **${this.words(2)}**: ${this.sentence()}`);
      for (let inner = this.below(3); inner > 0; inner -= 1) {
        lines.push(`  - ${this.sentence()}`, ...(this.below(3) === 0 ? [`    - ${this.words(5)}`] : []));
      }
    }
    return lines.join('\n');
  }

  private numbered(): string {
    const items = Array.from({ length: 5 }, (_, index) => `${index + 1}. ${this.sentence()}`);
    return items.join('\n');
  }

  private quote(): string {
    return `> ${this.sentence()}\n> ${this.sentence()}\n>\n> ${this.sentence()}`;
  }

  private table(): string {
    const rows = Array.from(
      { length: 5 + this.below(6) },
      () => `| \`${this.pick(WORDS)}\` | ${this.words(3)} | ${this.below(900)} | ${this.phrase()} |`,
    );
    return ['| Name | What it does | Number | Remark |', '| --- | :--- | ---: | :---: |', ...rows].join('\n');
  }

  private code(): string {
    const language = this.pick(Object.keys(CODE));
    const lines = CODE[language] ?? [];
    const times = 1 + this.below(3);
    return ['```' + language, ...Array.from({ length: times }, () => lines).flat(), '```'].join('\n');
  }

  private display(): string {
    return `$$\n${this.pick(MATHS)}\n$$`;
  }
}
