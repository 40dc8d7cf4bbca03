// What the pages of the libraries share: reading the stream, and staying at its end.

/** Offers `ask` to the benchmark. `show` is given each piece as it comes, `end` is called after the last. */
export function offer(show: (piece: string) => void, end: () => void): void {
  Object.assign(window, { ask: () => ask(show, end) });
}

/** Where the answer is shown. */
export function answerElement(): HTMLElement {
  return the('.answer-text');
}

async function ask(show: (piece: string) => void, end: () => void): Promise<void> {
  const follow = follower(the('.transcript'));
  const response = await fetch('/stream');
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  for (let read = await reader?.read(); read !== undefined && !read.done; read = await reader?.read()) {
    show(read.value);
    follow();
  }
  end();
}

/** Keeps the end in sight as a chat does: once a frame, however many pieces came. */
function follower(transcript: HTMLElement): () => void {
  let isWaiting = false;
  return () => {
    if (isWaiting) {
      return;
    }
    isWaiting = true;
    requestAnimationFrame(() => {
      isWaiting = false;
      transcript.scrollTop = transcript.scrollHeight;
    });
  };
}

function the(selector: string): HTMLElement {
  const element = document.querySelector<HTMLElement>(selector);
  if (element === null) {
    throw new Error(`The page has no ${selector}.`);
  }
  return element;
}
