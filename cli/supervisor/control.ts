/**
 * The control channel of a running supervisor: `okcm stop|start COMPONENT`. HTTP on loopback with a token that only
 * the owner of the home can read; the port is any free one, written with the token to `control.json`.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { createServer } from '../../platform/http.ts';
import { CliError, describeError, type ErrorReport } from '../errors.ts';
import { readJson, writeJson } from '../home/json-file.ts';
import type { HomePaths } from '../home/paths.ts';
import { isAlive } from '../home/process-alive.ts';

const MAX_BODY_BYTES = 4_096;
const MAX_CONNECTIONS = 16;
/** Longer than the slowest orderly stop of a component. */
const CLIENT_TIMEOUT_MS = 60_000;

const Command = Type.Object({
  action: Type.Union([Type.Literal('start'), Type.Literal('stop'), Type.Literal('refresh')]),
  component: Type.Optional(Type.String({ maxLength: 128 })),
});
export type ControlCommand = Static<typeof Command>;

const ControlFile = Type.Object({ url: Type.String(), token: Type.String(), pid: Type.Integer() });

export interface ControlServer {
  close(): Promise<void>;
}

export async function startControl(
  paths: HomePaths,
  run: (command: ControlCommand) => Promise<void>,
): Promise<ControlServer> {
  const token = randomBytes(32).toString('base64url');
  const expected = Buffer.from(`Bearer ${token}`);
  const server = createServer({ requestTimeout: 5_000, headersTimeout: 5_000 }, (request, response) => {
    void handle(request, response, expected, run);
  });
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: '127.0.0.1', port: 0 }, resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  await writeJson(paths.control, { url: `http://127.0.0.1:${port}/`, token, pid: process.pid });
  return {
    close: async () => {
      await rm(paths.control, { force: true });
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

async function handle(
  request: IncomingMessage,
  response: ServerResponse,
  expected: Buffer,
  run: (command: ControlCommand) => Promise<void>,
): Promise<void> {
  const answer = (status: number, body: unknown): void => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(`${JSON.stringify(body)}\n`);
  };
  try {
    const presented = Buffer.from(request.headers.authorization ?? '');
    if (presented.length !== expected.length || !timingSafeEqual(presented, expected)) {
      return answer(401, { error: 'the token is missing or wrong' });
    }
    const command = await readCommand(request);
    if (command === undefined) return answer(400, { error: 'not a command' });
    await run(command);
    answer(200, { done: true });
  } catch (error) {
    answer(409, { error: describeError(error) });
  }
}

async function readCommand(request: IncomingMessage): Promise<ControlCommand | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > MAX_BODY_BYTES) return undefined;
    chunks.push(bytes);
  }
  try {
    const body: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    return Value.Check(Command, body) ? body : undefined;
  } catch {
    return undefined;
  }
}

/** Sends one command. Errors: NOT_RUNNING, COMPONENT_UNKNOWN, COMPONENT_FAILED. */
export async function sendControl(paths: HomePaths, command: ControlCommand): Promise<void> {
  const file = await readJson(paths.control, ControlFile);
  // The port of a supervisor that was killed may be somebody else's by now, who must not get its token.
  if (file === undefined || !isAlive(file.pid)) {
    throw new CliError('NOT_RUNNING', `nothing is running on ${paths.root}`);
  }
  let response: Response;
  try {
    response = await fetch(file.url, {
      method: 'POST',
      headers: { authorization: `Bearer ${file.token}`, 'content-type': 'application/json' },
      body: JSON.stringify(command),
      signal: AbortSignal.timeout(CLIENT_TIMEOUT_MS),
    });
  } catch (cause) {
    throw new CliError('NOT_RUNNING', `the supervisor of ${paths.root} does not answer`, { cause });
  }
  const body: unknown = await response.json();
  if (!response.ok) throw failureOf(body);
}

function failureOf(body: unknown): CliError {
  const report =
    typeof body === 'object' && body !== null && 'error' in body && typeof body.error === 'object'
      ? (body.error as ErrorReport)
      : undefined;
  const code = report?.code === 'COMPONENT_UNKNOWN' ? 'COMPONENT_UNKNOWN' : 'COMPONENT_FAILED';
  const hint = report?.hint;
  return new CliError(code, report?.message ?? 'the command was refused', hint === undefined ? {} : { hint });
}
