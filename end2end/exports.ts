// Chats as `runnel export` writes them, made by hand: quicker than asking for each answer.

import { randomUUID } from 'node:crypto';

/** A chat whose questions follow one another, each with one answer. */
export interface MadeChat {
  title: string;
  turns: { question: string; answer: string }[];
  /** Milliseconds since 1970. */
  updated_ms?: number;
  is_archived?: boolean;
}

/** The chats, and where each of them and its messages will be found. */
export interface MadeExport {
  lines: string;
  /** The paths of the chats. */
  paths: string[];
  /** For each chat the ids of its questions and answers, in turns. */
  ids: { question: string; answer: string }[][];
}

export function exportOf(chats: readonly MadeChat[]): MadeExport {
  const header = JSON.stringify({ runnel_export: 1, runnel: '0.1.0' });
  const trailer = JSON.stringify({ conversations: chats.length });
  const made = chats.map((chat) => {
    const id = randomUUID();
    const ids = chat.turns.map(() => ({ question: randomUUID(), answer: randomUUID() }));
    return { path: `/c/${id}`, ids, line: JSON.stringify(conversation(id, ids, chat)) };
  });
  return {
    lines: `${[header, ...made.map(({ line }) => line), trailer].join('\n')}\n`,
    paths: made.map(({ path }) => path),
    ids: made.map(({ ids }) => ids),
  };
}

function conversation(id: string, ids: MadeExport['ids'][number], chat: MadeChat): object {
  const updated_ms = chat.updated_ms ?? Date.now();
  const turns = chat.turns.map((turn, at) => ({ ...turn, ids: ids[at], after: ids[at - 1]?.answer ?? null }));
  return {
    id,
    title: chat.title,
    is_title_chosen: true,
    is_archived: chat.is_archived ?? false,
    created_ms: updated_ms,
    updated_ms,
    questions: turns.map(({ ids, after, question }) => ({ id: ids?.question, after, text: question, asked_ms: updated_ms })),
    answers: turns.map(({ ids, answer }) => ({ ...ended(answer, updated_ms), id: ids?.answer, question: ids?.question })),
  };
}

/** An answer that came to a good end. */
function ended(text: string, begun_ms: number): object {
  const usage = { prompt_tokens: 10, completion_tokens: 20, total_tokens: 30, cost: 0.000_06 };
  return {
    requested_model: 'demo/plain',
    seq: 3,
    state: { ended: { status: 'complete', finish_reason: 'stop', usage, duration_ms: 1200 } },
    text,
    reasoning: '',
    refusal: '',
    tool_calls: [],
    citations: [],
    images: [],
    source: { model: 'demo/plain', provider: 'Demo' },
    first_token_ms: 300,
    chunks: 1,
    characters: text.length,
    bill: 'stated',
    begun_ms,
  };
}
