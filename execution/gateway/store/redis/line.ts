/**
 * The connection to Redis: one, so that commands take effect in the order in which they were given; opened again and again
 * when it is lost. While it is away everything is refused at once. An answer that does not come in time ends it, and with it
 * all that had been asked: the outcome of those writes is unknown.
 */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createClient, ErrorReply, RESP_TYPES } from '@redis/client';
import { backoffMs, withDeadline } from '../../../../platform/backoff.ts';
import { readPrivate } from '../../../../platform/config-file.ts';
import { errorMessage, OkcmError } from '../../../../platform/errors.ts';
import type { Logger } from '../../../../platform/log.ts';
import type { RedisStoreConfig } from '../../config.ts';
import {
  MAX_REDIS_PASSWORD_BYTES,
  MAX_REDIS_QUEUE,
  REDIS_BACKOFF,
  REDIS_PING_MS,
  REDIS_TIMEOUT_MS,
} from '../../limits.ts';
import { GatewayRefusal } from '../../refusals.ts';
import { DURABLE_SETTINGS, lossOf, parseInfo, SETTINGS, type ServerFacts } from './durability.ts';
import { type ScriptName, scripts } from './scripts.ts';

/** What Redis answers: RESP 2 with Buffers for its strings. */
export type Reply = number | Buffer | string | null | readonly Reply[];
export type Argument = string | Buffer;

export interface RedisLineOptions {
  readonly config: RedisStoreConfig;
  /** With which every key of this gateway begins. */
  readonly prefix: string;
  readonly logger: Logger;
  /** Of the pushes, as far as Redis is known to have it. */
  readonly knownHead: () => number;
  /** It is in reach, perhaps after having been away, and nothing is being asked: something has to be, now and then. */
  readonly onIdle: () => void;
}

/** How often the time of the oldest question is looked at, for each time that something is asked for its own sake. */
const IDLE_LOOKS = 4;

type Client = Awaited<ReturnType<typeof connectClient>>;

/** One opened connection, with what is known of the server behind it. */
interface Opened {
  readonly client: Client;
  readonly shas: ReadonlyMap<ScriptName, string>;
  /** Why it may lose keys. */
  readonly problem: string | undefined;
}

export class RedisLine {
  readonly #options: RedisLineOptions;
  #opened: Opened | undefined;
  /** Moments (monotonic) since which answers are waited for, in the order of asking. */
  readonly #asked = new Set<{ readonly sinceMs: number }>();
  #watch: NodeJS.Timeout | undefined;
  #retry: NodeJS.Timeout | undefined;
  #attempt = 0;
  #idleLooks = 0;
  #closed = false;
  #problem: string | undefined;
  /** The id of the keyspace, once it is open. */
  #id: string | undefined;
  #awaited: Promise<void> = Promise.resolve();
  #awaitedNext: Promise<void> | undefined;

  constructor(options: RedisLineOptions) {
    this.#options = options;
  }

  get isUp(): boolean {
    return this.#opened !== undefined;
  }

  /** Why it is away, or why it may lose keys. */
  get problem(): string | undefined {
    return this.#problem;
  }

  get isDurable(): boolean {
    return this.#opened === undefined || this.#opened.problem === undefined;
  }

  /**
   * Connects for the first time. Errors: STORE_UNUSABLE (cannot be reached, refuses the password, …), STORE_NOT_DURABLE, and
   * those of files that cannot be read.
   */
  async open(): Promise<void> {
    this.#adopt(await this.#connect());
    this.#watch = setInterval(() => this.#look(), REDIS_PING_MS / IDLE_LOOKS);
    this.#watch.unref();
  }

  /** The id of the keyspace, as `open` told: from then on another one, or none, is a store whose keys are gone. */
  identifyAs(id: string): void {
    this.#id = id;
  }

  /** @throws GatewayRefusal STORE_UNREACHABLE: not done, or perhaps done. */
  run(script: ScriptName, args: readonly Argument[]): Promise<Reply> {
    const opened = this.#opened;
    const sha = opened?.shas.get(script);
    if (opened === undefined || sha === undefined || this.#asked.size >= MAX_REDIS_QUEUE)
      return Promise.reject(new GatewayRefusal('STORE_UNREACHABLE'));
    return this.#ask(opened, ['EVALSHA', sha, '1', this.#options.prefix, ...args]);
  }

  /**
   * Resolves when all that was answered before is as safe as the configuration demands.
   *
   * @throws GatewayRefusal STORE_UNREACHABLE
   */
  async settled(): Promise<void> {
    if (this.#replicas === 0) return;
    // WAIT holds the connection up: one for all who have written since the last.
    this.#awaitedNext ??= this.#awaited
      .catch(() => undefined)
      .then(() => {
        this.#awaitedNext = undefined;
        this.#awaited = this.#awaitReplicas();
        return this.#awaited;
      });
    await this.#awaitedNext;
  }

  get #replicas(): number {
    return this.#options.config.replicas ?? 0;
  }

  async #awaitReplicas(): Promise<void> {
    const opened = this.#opened;
    if (opened === undefined) throw new GatewayRefusal('STORE_UNREACHABLE');
    const reply = await this.#ask(opened, ['WAIT', String(this.#replicas), String(REDIS_TIMEOUT_MS / 2)]);
    if (Number(reply) < this.#replicas) throw new GatewayRefusal('STORE_UNREACHABLE');
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#watch);
    clearTimeout(this.#retry);
    const opened = this.#opened;
    this.#opened = undefined;
    if (opened === undefined) return;
    opened.client.removeAllListeners('terminated');
    await withDeadline(REDIS_TIMEOUT_MS, 'closing the connection to Redis', () =>
      opened.client.close(),
    ).catch(() => opened.client.destroy());
  }

  async #ask(opened: Opened, command: Argument[]): Promise<Reply> {
    const asked = { sinceMs: performance.now() };
    this.#asked.add(asked);
    try {
      return (await opened.client.sendCommand(command)) as unknown as Reply;
    } catch (error) {
      if (isPassing(error)) this.#complain(errorMessage(error));
      else this.#lose(opened, error);
      throw new GatewayRefusal('STORE_UNREACHABLE');
    } finally {
      this.#asked.delete(asked);
    }
  }

  /** Answers come in order: the oldest question tells how long Redis has been silent. */
  #look(): void {
    const opened = this.#opened;
    if (opened === undefined) return;
    const [oldest] = this.#asked;
    if (oldest === undefined) {
      if (++this.#idleLooks % IDLE_LOOKS === 0) this.#options.onIdle();
    } else if (performance.now() - oldest.sinceMs > REDIS_TIMEOUT_MS) {
      this.#lose(opened, new Error(`no answer within ${REDIS_TIMEOUT_MS} ms`));
    }
  }

  #lose(opened: Opened, cause: unknown): void {
    if (this.#opened !== opened) return;
    this.#opened = undefined;
    opened.client.removeAllListeners('terminated');
    opened.client.destroy();
    this.#away(cause);
  }

  #away(cause: unknown): void {
    if (this.#closed) return;
    this.#complain(errorMessage(cause));
    clearTimeout(this.#retry);
    this.#retry = setTimeout(
      () => {
        this.#connect().then(
          (opened) => {
            if (this.#closed) return opened.client.destroy();
            this.#adopt(opened);
            this.#options.logger.info('the key store is back');
            this.#options.onIdle();
          },
          (error: unknown) => this.#away(error),
        );
      },
      backoffMs(this.#attempt++, REDIS_BACKOFF),
    );
    this.#retry.unref();
  }

  #complain(problem: string): void {
    if (problem === this.#problem) return;
    this.#options.logger.error(
      { reason: 'STORE_UNREACHABLE', cause: problem },
      'the key store takes nothing',
    );
    this.#problem = problem;
  }

  #adopt(opened: Opened): void {
    this.#opened = opened;
    this.#attempt = 0;
    this.#problem = opened.problem;
    opened.client.once('terminated', (cause: unknown) => this.#lose(opened, cause));
    if (opened.problem !== undefined) {
      this.#options.logger.warn(
        { reason: 'STORE_NOT_DURABLE', cause: opened.problem },
        'the key store may lose keys that were acknowledged, as the configuration allows',
      );
    }
  }

  async #connect(): Promise<Opened> {
    const { config } = this.#options;
    const place = `redis at ${config.host}:${config.port}`;
    const client = await connectClient(config).catch((error: unknown) => {
      if (error instanceof OkcmError) throw error;
      throw new OkcmError('STORE_UNUSABLE', `${place} cannot be used: ${errorMessage(error)}`, {
        cause: error,
      });
    });
    try {
      return await withDeadline(2 * REDIS_TIMEOUT_MS, `looking at ${place}`, () =>
        this.#examine(client, place),
      );
    } catch (error) {
      client.destroy();
      throw error;
    }
  }

  async #examine(client: Client, place: string): Promise<Opened> {
    const problem = lossOf(await factsOf(client));
    if (problem !== undefined && this.#options.config.allowLoss !== true) {
      throw new OkcmError('STORE_NOT_DURABLE', `${place} may lose keys that were acknowledged: ${problem}`, {
        hint: DURABLE_SETTINGS,
      });
    }
    const shas = new Map<ScriptName, string>();
    for (const [name, body] of scripts)
      shas.set(name, text(await client.sendCommand(['SCRIPT', 'LOAD', body])));
    if (this.#id !== undefined) {
      const identify = shas.get('identify') ?? '';
      const told: unknown = await client.sendCommand(['EVALSHA', identify, '1', this.#options.prefix]);
      const [id, head] = Array.isArray(told) ? told.map(text) : [];
      if (id !== this.#id)
        throw new OkcmError('STORE_UNUSABLE', `${place} does not hold the keys of this gateway any more`, {
          hint: 'restore them, or restart the gateway to begin with an empty store',
        });
      // Keys that were destroyed since are in it, and no push will tell of them again.
      if (Number(head) < this.#options.knownHead())
        throw new OkcmError('STORE_UNUSABLE', `${place} holds an older state of the keys of this gateway`, {
          hint: 'restart the gateway: it then fetches from the core what has changed since',
        });
    }
    return { client, shas, problem };
  }
}

/** Redis is there and takes no writes for now: its memory is full, or its disk. Reads go on. */
function isPassing(error: unknown): boolean {
  return error instanceof ErrorReply && /^(?:OOM|MISCONF|NOREPLICAS) /.test(error.message);
}

/** An id for a keyspace that is opened for the first time. */
export function newKeyspaceId(): string {
  return randomUUID();
}

export function text(reply: unknown): string {
  return Buffer.isBuffer(reply) ? reply.toString('utf8') : String(reply ?? '');
}

async function connectClient(config: RedisStoreConfig) {
  const { tls, passwordFile, username, database = 0 } = config;
  const password =
    passwordFile === undefined
      ? undefined
      : (await readPrivate(passwordFile, MAX_REDIS_PASSWORD_BYTES)).replace(/\r?\n$/, '');
  const files =
    tls === undefined
      ? undefined
      : {
          tls: true as const,
          servername: tls.servername ?? config.host,
          ca: await readFile(tls.ca),
          ...(tls.cert === undefined ? {} : { cert: await readFile(tls.cert) }),
          ...(tls.key === undefined ? {} : { key: await readFile(tls.key) }),
        };
  const client = createClient({
    RESP: 2,
    socket: {
      host: config.host,
      port: config.port,
      connectTimeout: REDIS_TIMEOUT_MS,
      // A lost connection is this file's to open again: what is behind it may have changed.
      reconnectStrategy: false as const,
      ...files,
    },
    database,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    disableOfflineQueue: true,
    disableClientInfo: true,
    maintNotifications: 'disabled',
    // One watch over all of them instead of a timer for each (`#look`).
    commandOptions: { timeout: 0, typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } },
  });
  // Every loss is told by `terminated` or by what had been asked.
  client.on('error', () => undefined);
  try {
    await withDeadline(REDIS_TIMEOUT_MS, 'connecting', () => client.connect());
  } catch (error) {
    client.destroy();
    throw error;
  }
  return client;
}

async function factsOf(client: Client): Promise<ServerFacts> {
  const info = parseInfo(text(await client.sendCommand(['INFO'])));
  const config = new Map<string, string>();
  for (const name of SETTINGS) {
    // A user may not be allowed to ask.
    const reply: unknown = await client.sendCommand(['CONFIG', 'GET', name]).catch(() => []);
    if (Array.isArray(reply) && reply.length === 2) config.set(name, text(reply[1]));
  }
  return { info, config };
}
