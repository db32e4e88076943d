/**
 * The gateway's line to its regional core: KMIP over mutual TLS on persistent connections, in lanes, so that a
 * slow lifecycle request never holds up a lease, nor many leases the heartbeat (D8). It knows at any moment whether the core is there: while it is
 * not, requests fail at once, and only the heartbeat keeps trying.
 */
import { errorMessage } from '../../../platform/errors.ts';
import type { Logger } from '../../../platform/log.ts';
import { KmipClientError } from '../../kmip/index.ts';
import {
  decodeMeshResponse,
  encodeMeshRequest,
  MeshOperation,
  type MeshRequest,
  type MeshResponse,
  withEncoded,
} from '../../mesh/index.ts';
import { RETIRED_CARRIERS_MS } from '../limits.ts';
import { GatewayRefusal } from '../refusals.ts';

/** `heart`: heartbeats. `hot`: leases, sync. `lifecycle`: tunnelled requests. `bulk`: announcements. */
export type Lane = 'heart' | 'hot' | 'lifecycle' | 'bulk';

/** Lanes in which every answer comes soon: one that does not, or cannot be read, means that the line is broken. */
const swift: ReadonlySet<Lane> = new Set<Lane>(['heart', 'hot']);

/** A pool of connections that carries whole messages; a KmipClient is one. Rejects with a KmipClientError. */
export interface Carrier {
  send(message: Uint8Array, options: { readonly timeoutMs: number }): Promise<Uint8Array>;
  close(): void;
}

const NOTHING: readonly Uint8Array[] = [];

export interface CoreLinkOptions {
  /** A fresh pool for a lane: connections that a dead network has swallowed are thrown away with their pool. */
  readonly open: (lane: Lane) => Carrier;
  readonly logger: Logger;
}

export class CoreLink {
  readonly #open: CoreLinkOptions['open'];
  readonly #logger: Logger;
  readonly #onUp: (() => void)[] = [];
  readonly #onDown: (() => void)[] = [];
  readonly #carriers = new Map<Lane, Carrier>();
  readonly #retired = new Set<Carrier>();
  #isUp = false;
  #closed = false;
  #explained = '';

  constructor(options: CoreLinkOptions) {
    this.#open = options.open;
    this.#logger = options.logger;
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  /** Runs each time the core comes (back) into reach. */
  onUp(listener: () => void): void {
    this.#onUp.push(listener);
  }

  /** Runs each time the core goes out of reach. */
  onDown(listener: () => void): void {
    this.#onDown.push(listener);
  }

  /** The heartbeat's verdict, after it has dealt with the answer. */
  markUp(): void {
    if (this.#isUp || this.#closed) return;
    this.#isUp = true;
    this.#logger.info({ reason: 'CORE_CONNECTED' }, 'the regional core is in reach');
    for (const listener of this.#onUp) listener();
  }

  markDown(cause: unknown): void {
    this.#dropCarriers();
    if (!this.#isUp) {
      this.#explain(cause);
      return;
    }
    this.#isUp = false;
    this.#explained = errorMessage(cause);
    this.#logger.warn(
      { reason: 'CORE_UNREACHABLE', cause: errorMessage(cause) },
      'the regional core is out of reach',
    );
    for (const listener of this.#onDown) listener();
  }

  /**
   * Asks the core. While it is known to be away only a heartbeat is tried. `encoded`: what the list at the end of the
   * request holds besides, as it is stored.
   *
   * @throws GatewayRefusal CORE_UNREACHABLE (not carried out), CORE_SILENT or CORE_ANSWER_UNREADABLE (perhaps carried
   * out), CORE_BUSY;
   * KmipError with which the core answered.
   */
  async ask<O extends MeshOperation>(
    lane: Lane,
    operation: O,
    request: MeshRequest<O>,
    timeoutMs: number,
    encoded: readonly Uint8Array[] = NOTHING,
  ): Promise<MeshResponse<O>> {
    if (this.#closed || (!this.#isUp && operation !== MeshOperation.Heartbeat))
      throw new GatewayRefusal('CORE_UNREACHABLE');
    const message = withEncoded(encodeMeshRequest(operation, request), encoded);
    let answer: Uint8Array;
    try {
      answer = await this.#carrier(lane).send(message, { timeoutMs });
    } catch (error) {
      throw this.#refusalFor(lane, error);
    }
    return decodeMeshResponse(operation, answer);
  }

  /** New requests go over new connections; what is under way on those of before is left to its end. */
  renew(): void {
    for (const carrier of this.#carriers.values()) {
      this.#retired.add(carrier);
      setTimeout(() => {
        if (this.#retired.delete(carrier)) carrier.close();
      }, RETIRED_CARRIERS_MS).unref();
    }
    this.#carriers.clear();
  }

  close(): void {
    this.#closed = true;
    this.#isUp = false;
    this.#dropCarriers();
  }

  /** Why a core that never came into reach stays away: said once for each cause, not once a second. */
  #explain(cause: unknown): void {
    const text = errorMessage(cause);
    if (cause instanceof GatewayRefusal || text === this.#explained) return;
    this.#explained = text;
    const hint = cause instanceof KmipClientError ? cause.hint : undefined;
    this.#logger.warn(
      { reason: 'CORE_UNREACHABLE', cause: text, hint },
      'the regional core cannot be reached',
    );
  }

  #refusalFor(lane: Lane, error: unknown): GatewayRefusal {
    const code = error instanceof KmipClientError ? error.code : undefined;
    switch (code) {
      case 'KMIP_OVERLOADED':
        return new GatewayRefusal('CORE_BUSY');
      case 'KMIP_TIMEOUT':
        // A slow lifecycle request says nothing of the line.
        if (swift.has(lane)) this.markDown(error);
        return new GatewayRefusal('CORE_SILENT');
      case 'KMIP_BAD_RESPONSE':
        // A client can ask for an answer that is too large: that is its own trouble, and not the line's.
        if (swift.has(lane)) this.markDown(error);
        else this.#logger.error({ lane, cause: errorMessage(error) }, 'an answer of the core cannot be read');
        return new GatewayRefusal('CORE_ANSWER_UNREADABLE');
      case 'KMIP_CLOSED': // by markDown, while the request was under way
      case 'KMIP_CONNECTION_LOST':
        this.markDown(error);
        return new GatewayRefusal('CORE_SILENT');
      case 'KMIP_CONNECT_FAILED':
      case 'KMIP_TLS_FAILED':
      case 'KMIP_VERSION':
      case undefined:
        this.markDown(error);
        return new GatewayRefusal('CORE_UNREACHABLE');
    }
  }

  #carrier(lane: Lane): Carrier {
    const known = this.#carriers.get(lane);
    if (known !== undefined) return known;
    const carrier = this.#open(lane);
    this.#carriers.set(lane, carrier);
    return carrier;
  }

  #dropCarriers(): void {
    // Copied first: closing a pool rejects what waits in it, and that comes back here.
    const carriers = [...this.#carriers.values(), ...this.#retired];
    this.#carriers.clear();
    this.#retired.clear();
    for (const carrier of carriers) carrier.close();
  }
}
