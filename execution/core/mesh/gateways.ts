/** The gateways that this core has heard of: for health, for reports, and to cut off those that lost their registration. */
import type { RegionReport } from '../../../contracts/index.ts';
import { GATEWAY_FORGOTTEN_MS, GATEWAY_NOTED_MS, GATEWAY_SILENT_MS, LEASES_NOTED_MS } from '../limits.ts';
import type { RegisteredIdentity } from '../store/registry.ts';

/** An authenticated and registered gateway at the other end of a connection. */
export interface GatewayPeer {
  readonly identity: RegisteredIdentity;
  /** Address and port, for the trail. */
  readonly address: string;
}

interface Standing {
  readonly lastSeenMs: number;
  readonly appliedHead: number;
  readonly backlog: number;
  readonly leases: number;
}

/** When a process's leases were last written down, and how many there were. */
interface NotedLeases {
  readonly atMs: number;
  readonly leases: number;
}

/** A gateway, and what each of its processes has said last: by the address of its connection for heartbeats. */
interface Entry {
  name: string;
  lastSeenMs: number;
  notedMs: number;
  readonly standings: Map<string, Standing>;
  readonly noted: Map<string, NotedLeases>;
}

export class Gateways {
  readonly #entries = new Map<string, Entry>();

  seen(peer: GatewayPeer, status?: Omit<Standing, 'lastSeenMs'>): void {
    const { fingerprint, name } = peer.identity;
    const lastSeenMs = Date.now();
    const entry = this.#entries.get(fingerprint) ?? {
      name,
      lastSeenMs,
      notedMs: 0,
      standings: new Map(),
      noted: new Map(),
    };
    this.#entries.set(fingerprint, entry);
    entry.name = name;
    entry.lastSeenMs = lastSeenMs;
    if (status === undefined) return;
    // The latest last: of a gateway that is away, that one is kept.
    entry.standings.delete(peer.address);
    entry.standings.set(peer.address, { ...status, lastSeenMs });
    for (const [address, standing] of entry.standings)
      if (lastSeenMs - standing.lastSeenMs > GATEWAY_SILENT_MS) entry.standings.delete(address);
    for (const address of entry.noted.keys()) if (!entry.standings.has(address)) entry.noted.delete(address);
  }

  /** Whether it is time to tell the other cores that this gateway was heard of; if so, it counts as told. */
  isToBeNoted({ identity }: GatewayPeer): boolean {
    const entry = this.#entries.get(identity.fingerprint);
    const now = Date.now();
    if (entry === undefined || now - entry.notedMs < GATEWAY_NOTED_MS) return false;
    entry.notedMs = now;
    return true;
  }

  /** Whether it is time to write down which keys this process of the gateway holds; if so, it counts as done. */
  areLeasesToBeNoted({ identity, address }: GatewayPeer): boolean {
    const entry = this.#entries.get(identity.fingerprint);
    const leases = entry?.standings.get(address)?.leases;
    if (entry === undefined || leases === undefined) return false;
    const before = entry.noted.get(address);
    const atMs = Date.now();
    if (before?.leases === leases && atMs - before.atMs < LEASES_NOTED_MS) return false;
    entry.noted.set(address, { atMs, leases });
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
      ...together([...entry.standings.values()]),
      head,
      lastSeenAt: new Date(entry.lastSeenMs).toISOString(),
    }));
  }
}

/** Processes of one gateway share a store; what they hold in memory, and how far they are, is each one's own. */
function together(standings: readonly Standing[]): Omit<Standing, 'lastSeenMs'> {
  const all = (of: (standing: Standing) => number): number[] => standings.map(of);
  return {
    appliedHead: standings.length === 0 ? 0 : Math.min(...all(({ appliedHead }) => appliedHead)),
    backlog: Math.max(0, ...all(({ backlog }) => backlog)),
    leases: Math.max(0, ...all(({ leases }) => leases)),
  };
}

/** The report's schema holds no more. */
const MAX_REPORTED = 256;
