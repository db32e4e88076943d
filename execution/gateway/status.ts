/** What a gateway says of itself, and what whoever started it holds: of one process or of several. */
import type { MemoryLockStatus } from '../envelope/index.ts';
import type { LeaseBook } from './keys/lease-book.ts';
import type { KeyStoreStatus } from './store/key-store.ts';

export interface WorkerStatus {
  readonly worker: number;
  readonly pid: number | undefined;
  readonly serving: boolean;
  readonly connections: number;
  readonly restarts: number;
}

export interface Workers {
  /** As many as the configuration asks for, and those that serve now. */
  readonly configured: number;
  readonly serving: number;
  /** Times that one was started again since the gateway started. */
  readonly restarts: number;
  readonly each: readonly WorkerStatus[];
}

export interface CertificateStatus {
  readonly subject: string;
  /** RFC 3339. */
  readonly notAfter: string;
}

export interface GatewayStatus {
  readonly ok: boolean;
  readonly status: 'ok' | 'degraded';
  readonly region: string;
  readonly name: string;
  readonly core: 'connected' | 'unreachable';
  /** Highest push number that the core has told us of, and the one that is applied here. */
  readonly head: number;
  readonly appliedHead: number;
  readonly leases: ReturnType<LeaseBook['status']>;
  readonly backlog: number;
  /** Where the keys lie, and whether they are safe there. */
  readonly store: KeyStoreStatus;
  readonly auditBacklog: number;
  readonly connections: number;
  /** What is served and shown now, which may be newer than the start. */
  readonly certificates: {
    readonly server: CertificateStatus;
    readonly core: CertificateStatus;
    /** When the first revocation list is out of date, RFC 3339; null where there is none. */
    readonly revocationListUntil: string | null;
  };
  /** Worker processes, where there are several. */
  readonly workers?: Workers;
  /** What does AES-GCM: the addon, or the runtime's own ciphers at a fraction of its speed. */
  readonly cipher: 'native' | 'node';
  readonly hotPath: 'on' | 'off';
  /** Whether key material is locked in memory (D3). */
  readonly memory: MemoryLockStatus;
  readonly [detail: string]: unknown;
}

export interface RunningGateway {
  readonly port: number;
  /** Where KMIP is spoken over HTTPS, if it is. */
  readonly httpsPort?: number | undefined;
  readonly healthUrl: string;
  status(): GatewayStatus;
  /** Reads certificates, keys and revocation lists now, whether they look changed or not. Never rejects. */
  reloadTls(): Promise<void>;
  close(): Promise<void>;
}
