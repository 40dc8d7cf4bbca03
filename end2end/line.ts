// A network line between the browser and Runnel, which a test can cut. A gateway on it can answer in Runnel's place.

import { once } from 'node:events';
import { createServer as createGateway } from 'node:http';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** What the gateway says while Runnel is away, as nginx does. */
const GATEWAY_PAGE = (status: number) =>
  `<html>\r\n<head><title>${status}</title></head>\r\n<body><center><h1>${status}</h1></center></body>\r\n</html>\r\n`;

export class Line {
  /** The paths that the gateway was asked for and answered itself. */
  readonly answeredByGateway: string[] = [];
  private readonly sockets = new Set<Socket>();
  private isCut = false;
  /** The status that the gateway answers with; `undefined` while it lets everything through. */
  private gatewayStatus: number | undefined;
  /** It listens nowhere: it is handed the connections that it answers. */
  private readonly gateway = createGateway((request, response) => {
    this.answeredByGateway.push(new URL(request.url ?? '/', this.url).pathname);
    request.resume();
    request.on('end', () => {
      response.writeHead(this.gatewayStatus ?? 502, { 'content-type': 'text/html', connection: 'close' });
      response.end(GATEWAY_PAGE(this.gatewayStatus ?? 502));
    });
  });

  private constructor(
    private readonly server: Server,
    /** Where the browser finds Runnel behind the line. */
    readonly url: string,
  ) {}

  /** A line to the server at `target`, such as http://127.0.0.1:4000. */
  static async to(target: string): Promise<Line> {
    const { hostname, port } = new URL(target);
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') {
      throw new Error('A listening socket has a port.');
    }
    const line = new Line(server, `http://127.0.0.1:${address.port}`);
    server.on('connection', (near) => {
      if (line.isCut) {
        near.destroy();
        return;
      }
      if (line.gatewayStatus !== undefined) {
        line.gateway.emit('connection', near);
        return;
      }
      const far = connect(Number(port), hostname);
      for (const [from, to] of [[near, far], [far, near]] as const) {
        line.sockets.add(from);
        from.setNoDelay(true);
        from.pipe(to);
        from.on('error', () => to.destroy());
        from.on('close', () => {
          line.sockets.delete(from);
          to.destroy();
        });
      }
    });
    return line;
  }

  /** Breaks every connection, and every new one, until it is mended. */
  cut(): void {
    this.isCut = true;
    for (const socket of this.sockets) {
      socket.destroy();
    }
  }

  /** Breaks every connection; until the line is mended, the gateway answers with a page of its own. */
  answerWith(status: number): void {
    this.cut();
    this.isCut = false;
    this.gatewayStatus = status;
  }

  mend(): void {
    this.isCut = false;
    this.gatewayStatus = undefined;
  }

  async close(): Promise<void> {
    this.cut();
    this.server.close();
    await once(this.server, 'close');
  }
}
