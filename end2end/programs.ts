// The programs that the tests talk to: Runnel, the emulated OpenRouter, and a real model's server.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const HERE = import.meta.dirname;

/** The binary under test. */
export const RUNNEL_BIN = resolve(HERE, process.env['RUNNEL_BIN'] ?? '../target/release/runnel');

/** A Python that has the packages of requirements.txt. */
const MODEL_PYTHON = resolve(HERE, process.env['RUNNEL_MODEL_PYTHON'] ?? '.venv/bin/python');

const START_TIMEOUT_MS = 20_000;

/** How a program is started: in a folder of its own, with nothing in its environment but `env`. */
interface Start {
  command: string;
  args: readonly string[];
  env: Record<string, string>;
  folder: string;
  /** What it says once it can be reached. The first group is its address. */
  pattern: RegExp;
}

/** A program that says where it is reached, and everything that it has said. */
export class Program {
  /** What it wrote to standard output and standard error so far. */
  said = '';
  private child: ChildProcess | undefined;

  private constructor(private readonly start: Start) {}

  /** Starts a program in an empty folder, and waits until it says where it is. */
  static async start(
    command: string,
    args: readonly string[],
    env: Record<string, string>,
    pattern: RegExp,
  ): Promise<[Program, string]> {
    const folder = await mkdtemp(join(tmpdir(), 'runnel-end2end-'));
    const program = new Program({ command, args, env, folder, pattern });
    return [program, await program.run(args)];
  }

  /** Where it runs, and where it keeps what it keeps. */
  get folder(): string {
    return this.start.folder;
  }

  /** Starts it once more in the same folder, after it ended. */
  async startAgain(args: readonly string[]): Promise<void> {
    await this.run(args);
  }

  /** Ends it without a warning, as a crash does. What it kept stays. */
  async crash(): Promise<void> {
    await this.end('SIGKILL');
  }

  /** Asks it to end, as an operator does, and waits until it has. */
  async askToEnd(): Promise<void> {
    await this.end('SIGTERM');
  }

  /** Keeps its files from growing beyond so many bytes, as a full disk would. */
  async limitFileSize(bytes: number | 'unlimited'): Promise<void> {
    await promisify(execFile)('prlimit', [`--pid=${this.child?.pid}`, `--fsize=${bytes}:`]);
  }

  /** Ends it, and leaves nothing behind. */
  async stop(): Promise<void> {
    await this.crash();
    await rm(this.folder, { recursive: true, force: true });
  }

  private async run(args: readonly string[]): Promise<string> {
    const { command, env, folder, pattern } = this.start;
    const child = spawn(command, args, { cwd: folder, env, stdio: ['pipe', 'pipe', 'pipe'] });
    this.child = child;
    const before = this.said.length;
    return new Promise<string>((resolve, reject) => {
      const giveUp = (why: string) => reject(new Error(`${command} ${args.join(' ')} ${why}. It said:\n${this.said}`));
      const timer = setTimeout(() => giveUp('did not say where it is'), START_TIMEOUT_MS);
      const hear = (bytes: Buffer) => {
        this.said += bytes.toString();
        const found = pattern.exec(this.said.slice(before))?.[1];
        if (found !== undefined) {
          clearTimeout(timer);
          resolve(found);
        }
      };
      child.stdout.on('data', hear);
      child.stderr.on('data', hear);
      child.on('error', (error) => giveUp(`could not be started (${error.message})`));
      child.on('exit', (code) => giveUp(`ended with code ${code}`));
    }).catch(async (error: unknown) => {
      await this.stop();
      throw error;
    });
  }

  private async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const { child } = this;
    if (child?.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      const ended = once(child, 'exit');
      child.kill(signal);
      await ended;
    }
  }
}

/** How often the emulator was asked something, and what became of the streams. */
export interface Tally {
  requests: number;
  streams: number;
  open: number;
  completed: number;
  aborted: number;
}

/** The last request that the emulator was sent, as far as it shows it. */
export interface SeenRequest {
  headers: { authorization: { present: boolean } } & Record<string, unknown>;
  body: { model: string; messages: { role: string; content: unknown }[] } & Record<string, unknown>;
}

interface Stats {
  by_prompt: Record<string, Tally>;
  by_model: Record<string, Tally>;
  last_request: SeenRequest;
}

const NOTHING: Tally = { requests: 0, streams: 0, open: 0, completed: 0, aborted: 0 };

/** The emulated OpenRouter. */
export class Emulator {
  private constructor(
    readonly program: Program,
    /** What Runnel is given as the base URL. */
    readonly baseUrl: string,
  ) {}

  static async start(): Promise<Emulator> {
    const [program, baseUrl] = await Program.start(
      RUNNEL_BIN,
      ['demo-upstream', '--at', '127.0.0.1:0'],
      {},
      /emulated OpenRouter is at (http:\S+)\s/,
    );
    return new Emulator(program, baseUrl);
  }

  /** What it counted for one prompt, written as it was asked: without directives. */
  async stats(asked: string): Promise<Tally> {
    const { by_prompt } = await this.allStats();
    return by_prompt[asked] ?? NOTHING;
  }

  /** Has what it streams to a prompt come without pauses from now on: so a test says when a slow answer ends. */
  async finish(asked: string): Promise<void> {
    const response = await fetch(new URL('/__finish', this.baseUrl), { method: 'POST', body: asked });
    if (response.status !== 204) {
      throw new Error(`The emulator answered ${response.status}.`);
    }
  }

  async lastRequest(): Promise<SeenRequest> {
    return (await this.allStats()).last_request;
  }

  /** What a model says to a prompt, asked for without Runnel and without streaming. */
  async wholeAnswer(model: string, prompt: string): Promise<string> {
    const response = await fetch(`${this.baseUrl}/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model, stream: false, messages: [{ role: 'user', content: prompt }] }),
    });
    const whole = (await response.json()) as { choices: [{ message: { content: string } }] };
    return whole.choices[0].message.content;
  }

  private async allStats(): Promise<Stats> {
    const response = await fetch(new URL('/__stats', this.baseUrl));
    return (await response.json()) as Stats;
  }
}

/** The file that a Runnel keeps its chats in, within its own folder. */
const DATABASE = 'runnel.db';

/** A running Runnel. */
export class Runnel {
  private constructor(
    readonly program: Program,
    /** Such as http://127.0.0.1:4000 */
    readonly url: string,
  ) {}

  /** Starts it on a free port, without chats. The patience is short, so that silence is not waited for long. */
  static async start(env: Record<string, string>): Promise<Runnel> {
    const [program, url] = await Program.start(
      RUNNEL_BIN,
      ['--listen', '127.0.0.1:0'],
      { RUNNEL_DATABASE_URL: DATABASE, RUNNEL_IDLE_TIMEOUT: '2', RUNNEL_PROGRESS_TIMEOUT: '5', ...env },
      /Runnel is at (http:\S+)\s/,
    );
    return new Runnel(program, url);
  }

  /** Starts it again where it was, with the chats that it has, after it ended. */
  async startAgain(): Promise<void> {
    await this.program.startAgain(['--listen', new URL(this.url).host]);
  }

  async restart(): Promise<void> {
    await this.program.crash();
    await this.startAgain();
  }

  /** Asks in a new chat, as a program does, and waits for the end of the answer. Gives the chat's path. */
  async ask(text: string, model: string): Promise<string> {
    const conversation = randomUUID();
    const response = await fetch(new URL('/api/send_message', this.url), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ conversation, question: { text }, settings: { model } }),
    });
    const events = await response.text();
    if (!response.ok) {
      throw new Error(`It was not asked: ${events}`);
    }
    return `/c/${conversation}`;
  }

  /** Copies what it keeps, as `runnel backup` does. Gives what puts the copy in place of all that it has, once it ended. */
  async backUp(): Promise<() => Promise<void>> {
    const { folder } = this.program;
    const copy = `backup-${randomUUID()}.db`;
    await this.runCommand(['backup', copy]);
    return async () => {
      for (const beside of await readdir(folder)) {
        if (beside.startsWith(DATABASE)) {
          await rm(join(folder, beside), { recursive: true });
        }
      }
      await rename(join(folder, copy), join(folder, DATABASE));
    };
  }

  /** Adds chats, one a line, as `runnel export` writes them. */
  async import(lines: string): Promise<void> {
    await this.runCommand(['import'], lines);
  }

  /** All chats, as `runnel export` writes them. */
  async export(): Promise<string> {
    return this.runCommand(['export']);
  }

  /** Runs the program beside it, on the same file, and waits for its end. Gives what it wrote to standard output. */
  private async runCommand(args: string[], input = ''): Promise<string> {
    const child = spawn(RUNNEL_BIN, args, {
      cwd: this.program.folder,
      env: { RUNNEL_DATABASE_URL: DATABASE },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const output: Buffer[] = [];
    let said = '';
    child.stdout.on('data', (bytes: Buffer) => output.push(bytes));
    child.stderr.on('data', (bytes: Buffer) => {
      said += bytes.toString();
    });
    const closed = once(child, 'close');
    child.stdin.end(input);
    const [code] = (await closed) as [number | null];
    if (code !== 0) {
      throw new Error(`runnel ${args.join(' ')} ended with code ${code}. It said:\n${said}`);
    }
    return Buffer.concat(output).toString();
  }
}

/** llama.cpp's server with a small real model. */
export async function startRealModel(): Promise<[Program, string]> {
  return Program.start(
    MODEL_PYTHON,
    [join(HERE, 'real_model.py'), String(await freePort())],
    {},
    /The real model is at (http:\S+)\s/,
  );
}

/** A port at which nobody listens now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') {
    throw new Error('A listening socket has a port.');
  }
  server.close();
  await once(server, 'close');
  return address.port;
}
