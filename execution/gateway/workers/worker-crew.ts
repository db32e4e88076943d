/** A worker's end of the pipe to its primary. */
import type { Socket } from 'node:net';
import { parseTenantId, type TenantId } from '../../../contracts/index.ts';
import { errorMessage } from '../../../platform/errors.ts';
import type { Logger } from '../../../platform/log.ts';
import { FLUSH_DEADLINE_MS, MAX_SIBLING_WAIT_MS, RUINED_END_MS, SIBLING_GATHER_MS } from '../limits.ts';
import { GatewayRefusal, type RefusalCode } from '../refusals.ts';
import { OpenAsks } from './asks.ts';
import { type Crew, endProcess, type Member } from './crew.ts';
import type { ObjectChange, Ready, ToPrimary, ToWorker } from './messages.ts';
import type { TicketKeys } from './tickets.ts';

export interface WorkerCrewOptions {
  readonly send: (message: ToPrimary | Ready) => void;
  /** The primary wants this process to end. */
  readonly onStop: () => void;
  readonly logger: Logger;
}

/** What came of a flush: `refusal` undefined means that all is announced. */
interface Flushed {
  readonly refusal: RefusalCode | undefined;
}

export class WorkerCrew implements Crew {
  readonly isShared = true;
  readonly #options: WorkerCrewOptions;
  readonly #flushes = new OpenAsks<Flushed>();
  readonly #news = new OpenAsks<true>();
  #member: Member | undefined;
  #tickets: TicketKeys | undefined;
  #leads = false;
  #ended = 0;
  #endedTimer: NodeJS.Timeout | undefined;
  #kickTimer: NodeJS.Timeout | undefined;

  constructor(options: WorkerCrewOptions) {
    this.#options = options;
  }

  get leads(): boolean {
    return this.#leads;
  }

  join(member: Member): void {
    this.#member = member;
    if (this.#tickets !== undefined) member.useTicketKeys(this.#tickets);
    this.#options.send({ kind: 'ready' });
    if (this.#leads) member.kick();
  }

  kick(): void {
    // Many keys in a moment are one piece of news.
    this.#kickTimer ??= setTimeout(() => {
      this.#kickTimer = undefined;
      this.#options.send({ kind: 'kick' });
    }, SIBLING_GATHER_MS).unref();
  }

  async flush(tenant: TenantId): Promise<void> {
    const { send } = this.#options;
    const flushed = await this.#flushes.put((ask) => send({ kind: 'flush', ask, tenant }), FLUSH_DEADLINE_MS);
    const refusal = flushed === undefined ? 'CORE_BUSY' : flushed.refusal;
    if (refusal !== undefined) throw new GatewayRefusal(refusal);
  }

  async changed(changes: readonly ObjectChange[]): Promise<void> {
    if (changes.length === 0) return;
    const { send, logger } = this.#options;
    const heard = await this.#news.put((ask) => send({ kind: 'changed', ask, changes }), MAX_SIBLING_WAIT_MS);
    if (heard === undefined)
      logger.warn({ reason: 'SIBLING_SILENT' }, 'a worker did not hear of a change in time');
  }

  endAtOnce(): void {
    this.#options.send({ kind: 'ruined' });
    // A primary that is gone or hangs kills nobody.
    setTimeout(endProcess, RUINED_END_MS);
  }

  /** What the primary says; `socket` comes with a connection. */
  hear(message: ToWorker, socket: Socket | undefined): void {
    switch (message.kind) {
      case 'tickets':
        this.#tickets = message.keys;
        this.#member?.useTicketKeys(message.keys);
        return;
      case 'connection':
        this.#take(message.door, socket);
        return;
      case 'look':
        this.#show(message.what, message.ask);
        return;
      case 'lead':
        this.#leads = true;
        this.#member?.kick();
        return;
      case 'kick':
        this.#member?.kick();
        return;
      case 'flush':
        void this.#flush(message.ask, message.tenant);
        return;
      case 'flushed':
        this.#flushes.answer(message.ask, { refusal: message.refusal });
        return;
      case 'changed':
        this.#member?.forget(message.changes);
        this.#options.send({ kind: 'heard', ask: message.ask });
        return;
      case 'heard':
        this.#news.answer(message.ask, true);
        return;
      case 'drain':
        void this.#drain();
        return;
      case 'stop':
        this.#options.onStop();
        return;
    }
  }

  #take(door: Parameters<Member['take']>[0], socket: Socket | undefined): void {
    const { send } = this.#options;
    send({ kind: 'taken' });
    // It ended on the way.
    if (socket === undefined || this.#member === undefined) {
      socket?.destroy();
      this.#hasEnded();
      return;
    }
    socket.once('close', () => this.#hasEnded());
    this.#member.take(door, socket);
  }

  #hasEnded(): void {
    this.#ended += 1;
    this.#endedTimer ??= setTimeout(() => {
      this.#endedTimer = undefined;
      this.#options.send({ kind: 'ended', connections: this.#ended });
      this.#ended = 0;
    }, SIBLING_GATHER_MS).unref();
  }

  #show(what: 'status' | 'metrics', ask: number): void {
    const { send, logger } = this.#options;
    const member = this.#member;
    if (member === undefined) return;
    if (what === 'status') {
      send({ kind: 'status', ask, status: member.status() });
      return;
    }
    member.metrics().then(
      (metrics) => send({ kind: 'metrics', ask, metrics }),
      (error: unknown) => logger.error({ cause: errorMessage(error) }, 'metrics could not be read'),
    );
  }

  async #flush(ask: number, tenant: string): Promise<void> {
    let refusal: RefusalCode | undefined;
    try {
      if (this.#member === undefined || !this.#leads) refusal = 'CORE_BUSY';
      else await this.#member.flush(parseTenantId(tenant));
    } catch (error) {
      refusal = error instanceof GatewayRefusal ? error.refusal : 'CORE_BUSY';
    }
    this.#options.send({ kind: 'flushed', ask, refusal });
  }

  async #drain(): Promise<void> {
    await this.#member?.drain();
    this.#options.send({ kind: 'drained' });
  }
}
