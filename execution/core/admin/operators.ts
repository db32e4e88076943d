/**
 * Who may speak to the admin listener: operators, whose keys are in the configuration of the core (D10). Everybody else
 * is cut off before a byte of HTTP is read, and log and trail say why.
 */
import type { TLSSocket } from 'node:tls';
import type { Chain, Revocations } from '../../../platform/revocation.ts';
import { checkPeer } from '../../../platform/tls-identity.ts';
import type { CoreConfig } from '../config.ts';
import { record, type UnsealingParts } from '../unsealing/parts.ts';

/** Refusals a second that reach the trail: anybody can be refused, and the trail must not be anybody's to fill. */
const MAX_AUDITED_REFUSALS_PER_SECOND = 20;

export type OperatorConfig = NonNullable<CoreConfig['admin']>['operators'];

export class Operators {
  readonly #byFingerprint: ReadonlyMap<string, string>;
  readonly #parts: UnsealingParts;
  readonly #revocations: Revocations | undefined;
  readonly #chains = new WeakMap<TLSSocket, Chain>();
  readonly #refusals = { second: 0, count: 0 };

  constructor(operators: OperatorConfig, parts: UnsealingParts, revocations: Revocations | undefined) {
    this.#revocations = revocations;
    this.#byFingerprint = new Map(operators.map(({ name, fingerprint }) => [fingerprint, name]));
    this.#parts = parts;
  }

  /** The operator at the other end; undefined when it is none, or its certificate has expired or been revoked meanwhile. */
  nameOf(socket: TLSSocket): string | undefined {
    const peer = this.#check(socket);
    return peer.ok ? this.#byFingerprint.get(peer.fingerprint) : undefined;
  }

  /** Cuts off whoever is no operator. */
  async admit(socket: TLSSocket): Promise<void> {
    const address = `${socket.remoteAddress ?? '?'}:${socket.remotePort ?? 0}`;
    const peer = this.#check(socket);
    if (peer.ok && this.#byFingerprint.has(peer.fingerprint)) return;
    socket.destroy();
    const [reason, message] = peer.ok
      ? ['NOT_REGISTERED', `the key of "${peer.subject}" is no operator's`]
      : [peer.code, peer.message];
    const fingerprint = peer.ok ? { fingerprint: peer.fingerprint } : {};
    const event = { reason, peer: address, operation: 'admin', ...fingerprint };
    this.#parts.logger.warn(event, `a connection to the admin listener was refused: ${message}`);
    if (!this.#mayAudit()) return;
    await record(this.#parts, { event: 'CONNECTION_REFUSED', outcome: 'refused', ...event });
  }

  #check(socket: TLSSocket) {
    const peer = checkPeer(socket);
    if (!peer.ok || this.#revocations === undefined) return peer;
    const chain =
      this.#chains.get(socket) ?? this.#revocations.chainOf(peer.certificate, socket.isSessionReused());
    this.#chains.set(socket, chain);
    const revoked = this.#revocations.judge(chain, Date.now());
    return revoked === undefined ? peer : { ok: false as const, ...revoked };
  }

  #mayAudit(): boolean {
    const second = Math.floor(Date.now() / 1000);
    if (this.#refusals.second !== second) Object.assign(this.#refusals, { second, count: 0 });
    this.#refusals.count += 1;
    return this.#refusals.count <= MAX_AUDITED_REFUSALS_PER_SECOND;
  }
}
