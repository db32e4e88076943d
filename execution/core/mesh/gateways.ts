/** The gateways that this core has heard of: for health, for reports, and to cut off those that lost their registration. */
import type { RegionReport } from '../../../contracts/index.ts';
import { GATEWAY_FORGOTTEN_MS, GATEWAY_NOTED_MS, GATEWAY_SILENT_MS } from '../limits.ts';
import type { RegisteredIdentity } from '../store/registry.ts';

/** An authenticated and registered gateway at the other end of a connection. */
export interface GatewayPeer {
  readonly identity: RegisteredIdentity;
  /** Address and port, for the trail. */
  readonly address: string;
}

interface Entry {
  name: string;
  lastSeenMs: number;
  notedMs: number;
  appliedHead: number;
  backlog: number;
  leases: number;
}

export class Gateways {
  readonly #entries = new Map<string, Entry>();

  seen(peer: GatewayPeer, status: Partial<Pick<Entry, 'appliedHead' | 'backlog' | 'leases'>> = {}): void {
    const { fingerprint, name } = peer.identity;
    const entry = this.#entries.get(fingerprint) ?? {
      name,
      lastSeenMs: 0,
      notedMs: 0,
      appliedHead: 0,
      backlog: 0,
      leases: 0,
    };
    this.#entries.set(fingerprint, { ...entry, ...status, name, lastSeenMs: Date.now() });
  }

  /** Whether it is time to tell the other cores that this gateway was heard of; if so, it counts as told. */
  isToBeNoted({ identity }: GatewayPeer): boolean {
    const entry = this.#entries.get(identity.fingerprint);
    const now = Date.now();
    if (entry === undefined || now - entry.notedMs < GATEWAY_NOTED_MS) return false;
    entry.notedMs = now;
    return true;
  }

  /** As contracts/report.ts has it. Those that have been silent for long are left out. */
  report(head: number): RegionReport['gateways'] {
    const now = Date.now();
    for (const [fingerprint, { lastSeenMs }] of this.#entries) {
      if (now - lastSeenMs > GATEWAY_FORGOTTEN_MS) this.#entries.delete(fingerprint);
    }
    return [...this.#entries.values()].slice(0, MAX_REPORTED).map((entry) => ({
      name: entry.name,
      connected: now - entry.lastSeenMs < GATEWAY_SILENT_MS,
      appliedHead: entry.appliedHead,
      head,
      leases: entry.leases,
      backlog: entry.backlog,
      lastSeenAt: new Date(entry.lastSeenMs).toISOString(),
    }));
  }
}

/** The report's schema holds no more. */
const MAX_REPORTED = 256;
