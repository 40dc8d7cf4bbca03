// A network line between the browser and Runnel, which a test can cut.

import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

export class Line {
  private readonly sockets = new Set<Socket>();
  private isCut = false;

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

  mend(): void {
    this.isCut = false;
  }

  async close(): Promise<void> {
    this.cut();
    this.server.close();
    await once(this.server, 'close');
  }
}
