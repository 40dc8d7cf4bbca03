// A line between the browser and Runnel on which pages come in two pieces.

import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';

export class Pieces {
  /** Which part of a page's body comes first, between 0 and 1. */
  part = 1;
  /** Sends the rest of the page that is held. */
  private sendRest: () => void = () => {};

  private constructor(
    private readonly server: Server,
    /** Where the browser finds Runnel behind the line. */
    readonly url: string,
  ) {}

  /** A line to the server at `target`, such as http://127.0.0.1:4000. */
  static async to(target: string): Promise<Pieces> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') {
      throw new Error('A listening socket has a port.');
    }
    const pieces = new Pieces(server, `http://127.0.0.1:${address.port}`);
    server.on('request', (asked, response) => {
      // What is compressed cannot be cut between two elements.
      const headers = { ...asked.headers, 'accept-encoding': 'identity' };
      const passed = request(new URL(asked.url ?? '/', target), { method: asked.method, headers });
      passed.on('response', (answer) => void pieces.pass(asked, answer, response).catch(() => response.destroy()));
      passed.on('error', () => response.destroy());
      asked.pipe(passed);
    });
    return pieces;
  }

  /** Has the rest of the page come. */
  release(): void {
    this.sendRest();
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  private async pass(asked: IncomingMessage, answer: IncomingMessage, response: ServerResponse): Promise<void> {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    if (!answer.headers['content-type']?.startsWith('text/html') || asked.headers['sec-fetch-dest'] !== 'document') {
      answer.pipe(response);
      return;
    }
    const page = (await buffer(answer)).toString();
    const elements = [...page.slice(page.indexOf('<body')).matchAll(/<[a-z]/g)];
    const cut = page.indexOf('<body') + (elements[Math.floor(this.part * elements.length)]?.index ?? page.length);
    response.write(page.slice(0, cut));
    this.sendRest = () => response.end(page.slice(cut));
  }
}
