/**
 * One gateway's second connection (D7): sends pushes in the order of their numbers, each as a KMIP request, with a
 * bounded number under way, and knows up to which number the gateway has made them durable.
 */
import type { Socket } from 'node:net';
import type { Logger } from '../../../platform/log.ts';
import { FrameReader } from '../../kmip/index.ts';
import {
  encodePush,
  MAX_MESH_MESSAGE_BYTES,
  type NumberedPush,
  PUSH_WINDOW,
  readPushAnswer,
  UNNUMBERED,
} from '../../mesh/index.ts';
import { MAX_ASKED, PUSH_ACK_TIMEOUT_MS } from '../limits.ts';
import type { GatewayPeer } from './gateways.ts';

/** Answers to pushes are small. */
const MAX_ANSWER_BYTES = 16 * 1024;

export interface SubscriberOptions {
  readonly socket: Socket;
  readonly peer: GatewayPeer;
  /** The gateway has everything up to this number. */
  readonly after: number;
  /** Committed pushes after a number, in order, at most `max`. */
  readonly read: (after: number, max: number) => Promise<readonly NumberedPush[]>;
  readonly logger: Logger;
  readonly onAcknowledged: () => void;
}

export class Subscriber {
  readonly peer: GatewayPeer;
  readonly closed: Promise<void>;
  readonly #options: SubscriberOptions;
  readonly #reader = new FrameReader({ maxFrameBytes: MAX_ANSWER_BYTES });
  /** Sent and not answered, oldest first. */
  readonly #underWay: number[] = [];
  #sent: number;
  #acknowledged: number;
  #pumping = false;
  #again = false;
  #ackTimer: NodeJS.Timeout | undefined;

  constructor(options: SubscriberOptions) {
    this.#options = options;
    this.peer = options.peer;
    this.#sent = options.after;
    this.#acknowledged = options.after;
    const { socket } = options;
    socket.on('data', (chunk: Buffer) => this.#received(chunk));
    socket.on('error', (err) => options.logger.info({ err }, 'a subscription broke'));
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        clearTimeout(this.#ackTimer);
        resolve();
      });
    });
    socket.resume();
  }

  /** Everything up to this number is durable with the gateway. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  close(): void {
    this.#options.socket.destroy();
  }

  /** Has the gateway announce all that it has made by now (D6). It answers with an announcement, wherever it sends those. */
  ask(asked: number): void {
    const { socket } = this.#options;
    if (socket.destroyed || this.#underWay.filter((number) => number === UNNUMBERED).length >= MAX_ASKED)
      return;
    socket.write(encodePush({ number: UNNUMBERED, push: { kind: 'announce.asked', asked } }));
    this.#underWay.push(UNNUMBERED);
    this.#watch();
  }

  /** There may be something new. Never rejects: a subscription that fails is closed, and the gateway comes back. */
  async wake(): Promise<void> {
    this.#again = true;
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      while (this.#again && !this.#options.socket.destroyed) {
        this.#again = false;
        await this.#pump();
      }
    } catch (err) {
      this.#options.logger.warn({ err, gateway: this.peer.identity.name }, 'pushes could not be read');
    } finally {
      this.#pumping = false;
    }
  }

  async #pump(): Promise<void> {
    const room = PUSH_WINDOW - this.#underWay.length;
    if (room <= 0) return;
    const pushes = await this.#options.read(this.#sent, room);
    for (const numbered of pushes) {
      const bytes = encodePush(numbered);
      if (bytes.length > MAX_MESH_MESSAGE_BYTES)
        throw new RangeError(`push ${numbered.number} is too large to send`);
      this.#options.socket.write(bytes);
      this.#sent = numbered.number;
      this.#underWay.push(numbered.number);
    }
    this.#watch();
    if (pushes.length === room) this.#again = true;
  }

  /** The clock runs from the last answer, or from the first push after it: what is sent meanwhile sets it back no more. */
  #watch(): void {
    if (this.#ackTimer !== undefined || this.#underWay.length === 0) return;
    this.#ackTimer = setTimeout(() => {
      this.#options.logger.warn(
        { gateway: this.peer.identity.name },
        'a gateway does not acknowledge pushes',
      );
      this.close();
    }, PUSH_ACK_TIMEOUT_MS);
  }

  #received(chunk: Buffer): void {
    try {
      for (const frame of this.#reader.push(chunk)) {
        readPushAnswer(frame);
        const number = this.#underWay.shift();
        if (number === undefined) throw new Error('an answer to no push');
        if (number !== UNNUMBERED) this.#acknowledged = number;
      }
    } catch (err) {
      this.#options.logger.warn({ err, gateway: this.peer.identity.name }, 'a gateway refused a push');
      this.close();
      return;
    }
    clearTimeout(this.#ackTimer);
    this.#ackTimer = undefined;
    this.#watch();
    this.#options.onAcknowledged();
    void this.wake();
  }
}
