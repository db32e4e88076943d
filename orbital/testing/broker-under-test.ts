/** What the contracts of the transports need of a real broker. */
import type { Transport, TransportRole } from '../transport.ts';

export interface BrokerUnderTest {
  /** With the credentials that belong to the role; regions are `north` and `south`. Through `port`, or directly. */
  connect(
    role: TransportRole,
    options?: {
      readonly port?: number;
      readonly replicas?: number;
      readonly onTrouble?: (error: unknown) => void;
    },
  ): Promise<Transport>;
  /** A network of one's own to the broker, which can be broken. */
  openNetwork(): Promise<Network>;
  /** As a crash would. */
  kill(): Promise<void>;
  start(): Promise<void>;
  end(): Promise<void>;
}

/** One way to the broker, as the fault proxy of the tests opens it. */
export interface Network {
  readonly port: number;
  /** Resets what is open; new connections pass. */
  cutOnce(): void;
  /** Half-open: everything stays open, and nothing passes. */
  swallow(): void;
  /** Each way, in milliseconds. */
  delay(ms: number): void;
  resume(): void;
  close(): Promise<void>;
}

export interface Parts {
  readonly broker: BrokerUnderTest;
  readonly governance: Transport;
  readonly north: Transport;
}
