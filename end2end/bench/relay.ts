// Stands between the emulated OpenRouter and whoever shows its answer: Runnel, or the page of a library.
//
// Everybody is sent the same stream by the same emulator. The relay puts the text into the question, which the
// model demo/echo repeats: so the page that asks shows a short question. It holds each question back until the
// measurement has begun, and notes when the last piece of the text went on its way.

import { EventEmitter, once } from 'node:events';
import { createServer, type IncomingMessage, request as requestTo, type Server, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import type { Emulator } from '../programs.ts';
import { type Asset, assets } from './assets.ts';

/** What is sent, and how quickly; see src/server/demo/directives.rs. */
export interface Script {
  text: string;
  delta_ms: number;
  characters: number;
}

/** A text that has been sent. Times are in milliseconds, as `Date.now` tells them. */
export interface Sent {
  firstAt: number;
  lastAt: number;
}

/** A question that waits for its answer. */
export interface Held {
  /** Lets the answer begin. Resolves once all of it is sent. */
  release(): Promise<Sent>;
}

/** The part of a request to OpenRouter that matters here. */
interface ChatRequest {
  stream?: boolean;
  messages: { role: string; content: unknown }[];
}

export class Relay {
  private readonly questions = new EventEmitter();

  private constructor(
    private readonly server: Server,
    private readonly emulator: Emulator,
    private readonly script: Script,
    private readonly assets: Map<string, Asset>,
    /** Such as http://127.0.0.1:4000 */
    readonly url: string,
  ) {}

  static async start(emulator: Emulator, script: Script): Promise<Relay> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') {
      throw new Error('A listening socket has a port.');
    }
    const relay = new Relay(server, emulator, script, await assets(), `http://127.0.0.1:${address.port}`);
    server.on('request', (request, response) => {
      relay.handle(request, response).catch((error: unknown) => response.destroy(error as Error));
    });
    return relay;
  }

  /** What Runnel is given as the base URL of OpenRouter. */
  get baseUrl(): string {
    return `${this.url}/api/v1`;
  }

  /** The next question. To be called before it is asked. */
  async asked(): Promise<Held> {
    const [held] = (await once(this.questions, 'asked')) as [Held];
    return held;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(request.url ?? '/', this.url);
    const asset = this.assets.get(pathname);
    if (asset !== undefined) {
      response.writeHead(200, { 'content-type': asset.type }).end(asset.body);
    } else if (pathname === '/stream') {
      await this.answerLibrary(response);
    } else if (pathname.startsWith('/api/v1/')) {
      await this.answerRunnel(request, response);
    } else {
      response.writeHead(404).end();
    }
  }

  /** The text alone, piece by piece as it comes. */
  private async answerLibrary(response: ServerResponse): Promise<void> {
    await this.hold(async () => {
      const upstream = await this.ask({ messages: [{ role: 'user', content: '' }] });
      // Without nosniff Chromium keeps the beginning of a text back until it has seen more of it.
      response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' });
      const sent = await forward(upstream, (_events, text) => response.write(text));
      response.end();
      return sent;
    });
  }

  /** What the emulator says, as it says it. */
  private async answerRunnel(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request);
    const asked = body.length > 0 ? (JSON.parse(body.toString()) as ChatRequest) : undefined;
    if (asked?.stream !== true) {
      await this.pass(request, body, response);
      return;
    }
    await this.hold(async () => {
      const upstream = await this.ask(asked);
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const sent = await forward(upstream, (events) => response.write(events));
      response.end();
      return sent;
    });
  }

  private async pass(request: IncomingMessage, body: Buffer, response: ServerResponse): Promise<void> {
    const upstream = await this.send(request.method ?? 'GET', request.url ?? '/', body);
    response.writeHead(upstream.statusCode ?? 502, { 'content-type': upstream.headers['content-type'] });
    await pipeline(upstream, response);
  }

  /** Announces a question, and answers it once it is released. */
  private async hold(answer: () => Promise<Sent>): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const held: Held = {
        release: async () => {
          const sent = answer();
          sent.then(() => resolve(), reject);
          return sent;
        },
      };
      this.questions.emit('asked', held);
    });
  }

  /** Asks the emulator to repeat the text in place of the last question. */
  private async ask({ messages, ...rest }: ChatRequest): Promise<IncomingMessage> {
    const { text, delta_ms, characters } = this.script;
    const content = `[[delta_ms=${delta_ms} characters=${characters}]] ${text}`;
    const asked = [...messages.slice(0, -1), { role: 'user', content }];
    const body = JSON.stringify({ ...rest, model: 'demo/echo', stream: true, messages: asked });
    return this.send('POST', '/api/v1/chat/completions', body);
  }

  private async send(method: string, path: string, body: string | Buffer): Promise<IncomingMessage> {
    const headers = { 'content-type': 'application/json' };
    const sent = requestTo(new URL(path, this.emulator.baseUrl), { method, headers }).end(body);
    const [upstream] = (await once(sent, 'response')) as [IncomingMessage];
    return upstream;
  }
}

/** Sends on what comes, as bytes and as the text in them, and notes when text went by. */
async function forward(
  upstream: IncomingMessage,
  send: (events: Buffer, text: string) => void,
): Promise<Sent> {
  const sent: Sent = { firstAt: 0, lastAt: 0 };
  const decoder = new TextDecoder();
  let rest = '';
  for await (const bytes of upstream as AsyncIterable<Buffer>) {
    const events = `${rest}${decoder.decode(bytes, { stream: true })}`.split('\n\n');
    rest = events.pop() ?? '';
    const text = events.map(textOf).join('');
    send(bytes, text);
    if (text !== '') {
      sent.lastAt = Date.now();
      sent.firstAt ||= sent.lastAt;
    }
  }
  if (sent.firstAt === 0) {
    throw new Error(`The emulator sent no text, but status ${upstream.statusCode}.`);
  }
  return sent;
}

/** The text in one event. Comments and the last event have none. */
function textOf(event: string): string {
  if (!event.startsWith('data: {')) {
    return '';
  }
  const chunk = JSON.parse(event.slice('data: '.length)) as { choices?: { delta?: { content?: string | null } }[] };
  return chunk.choices?.[0]?.delta?.content ?? '';
}
