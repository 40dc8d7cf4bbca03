// The programs that the tests talk to: Runnel, the emulated OpenRouter, and a real model's server.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const HERE = import.meta.dirname;

/** The binary under test. */
export const RUNNEL_BIN = resolve(HERE, process.env['RUNNEL_BIN'] ?? '../target/release/runnel');

/** A Python that has the packages of requirements.txt. */
const MODEL_PYTHON = resolve(HERE, process.env['RUNNEL_MODEL_PYTHON'] ?? '.venv/bin/python');

const START_TIMEOUT_MS = 20_000;

/** A program that says where it is reached, and everything that it has said. */
export class Program {
  /** What it wrote to standard output and standard error so far. */
  said = '';

  private constructor(
    private readonly child: ChildProcess,
    private readonly folder: string,
  ) {}

  /**
   * Starts a program in an empty folder, with nothing in its environment but `env`, and waits until its output
   * matches `pattern`. The first group of the match is its address.
   */
  static async start(
    command: string,
    args: readonly string[],
    env: Record<string, string>,
    pattern: RegExp,
  ): Promise<[Program, string]> {
    const folder = await mkdtemp(join(tmpdir(), 'runnel-end2end-'));
    const child = spawn(command, args, { cwd: folder, env, stdio: ['pipe', 'pipe', 'pipe'] });
    const program = new Program(child, folder);
    const address = await new Promise<string>((resolve, reject) => {
      const giveUp = (why: string) => reject(new Error(`${command} ${args.join(' ')} ${why}. It said:\n${program.said}`));
      const timer = setTimeout(() => giveUp('did not say where it is'), START_TIMEOUT_MS);
      const hear = (bytes: Buffer) => {
        program.said += bytes.toString();
        const found = pattern.exec(program.said)?.[1];
        if (found !== undefined) {
          clearTimeout(timer);
          resolve(found);
        }
      };
      child.stdout?.on('data', hear);
      child.stderr?.on('data', hear);
      child.on('error', (error) => giveUp(`could not be started (${error.message})`));
      child.on('exit', (code) => giveUp(`ended with code ${code}`));
    }).catch(async (error: unknown) => {
      await program.stop();
      throw error;
    });
    return [program, address];
  }

  async stop(): Promise<void> {
    if (this.child.pid !== undefined && this.child.exitCode === null && this.child.signalCode === null) {
      const ended = once(this.child, 'exit');
      this.child.kill('SIGKILL');
      await ended;
    }
    await rm(this.folder, { recursive: true, force: true });
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

/** A running Runnel. */
export class Runnel {
  private constructor(
    readonly program: Program,
    /** Such as http://127.0.0.1:4000 */
    readonly url: string,
  ) {}

  /** Starts it on a free port. The patience is short, so that silence is not waited for long. */
  static async start(env: Record<string, string>): Promise<Runnel> {
    const [program, url] = await Program.start(
      RUNNEL_BIN,
      ['--listen', '127.0.0.1:0'],
      { RUNNEL_IDLE_TIMEOUT: '2', RUNNEL_PROGRESS_TIMEOUT: '5', ...env },
      /Runnel is at (http:\S+)\s/,
    );
    return new Runnel(program, url);
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
