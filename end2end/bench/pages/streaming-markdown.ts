// streaming-markdown: each piece is written to its parser, which adds to the document at once.

import { default_renderer, parser, parser_end, parser_write } from 'streaming-markdown';
import { answerElement, offer } from './stream.ts';

const writer = parser(default_renderer(answerElement()));

offer(
  (piece) => parser_write(writer, piece),
  () => parser_end(writer),
);
