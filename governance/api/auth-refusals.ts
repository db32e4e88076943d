/**
 * What CMK does about failed authentication. Each failure counts towards one audit event a second, so that guessing is
 * seen and yet cannot flood the log, and takes from a budget that refills with time; beyond it the answer is "wait".
 *
 * A valid token passes however empty the budget is: otherwise whoever can reach the port could keep the operators from
 * unlinking a tenant. What keeps tokens from being guessed is their length and their signature (access/).
 */
import type { FastifyRequest } from 'fastify';
import { audit } from '../audit/record.ts';
import type { Cmk } from '../context.ts';
import { CmkError } from '../errors.ts';
import { type Periodic, startPeriodic } from '../periodic.ts';
import { asSystem } from '../store/transactions.ts';
import { Budget } from './budget.ts';

const AUDIT_EVERY_MS = 1_000;
/** How many different sources an event names. */
const MAX_ADDRESSES = 8;

interface Failures {
  count: number;
  readonly addresses: Set<string>;
  /** Of the first of them: it leads to the others in the log. */
  readonly correlationId: string;
}

export class AuthRefusals {
  readonly #cmk: Cmk;
  #failures: Failures | undefined;
  readonly #budget = new Budget();
  #writing: Periodic | undefined;

  constructor(cmk: Cmk) {
    this.#cmk = cmk;
  }

  start(): void {
    this.#writing ??= startPeriodic('audit failed authentication', AUDIT_EVERY_MS, this.#cmk.logger, () =>
      this.#write(),
    );
  }

  /** Writes what is not in the audit log yet. */
  async stop(): Promise<void> {
    await this.#writing?.stop();
    await this.#write().catch((error: unknown) =>
      this.#cmk.logger.error({ err: error }, 'the last failed authentications are not in the audit log'),
    );
  }

  /** Takes note of a failure and answers what the client is to be told: UNAUTHENTICATED or TOO_MANY_FAILURES. */
  refuse(request: FastifyRequest): CmkError {
    this.#failures ??= { count: 0, addresses: new Set(), correlationId: request.id };
    this.#failures.count++;
    if (this.#failures.addresses.size < MAX_ADDRESSES) this.#failures.addresses.add(request.ip);
    this.#cmk.metrics.authenticationFailure();
    if (this.#budget.take()) {
      return new CmkError('UNAUTHENTICATED', 'the bearer token is missing or not valid');
    }
    return new CmkError('TOO_MANY_FAILURES', 'too many requests come without a valid bearer token');
  }

  async #write(): Promise<void> {
    const failures = this.#failures;
    if (failures === undefined) return;
    // Failures of the meantime belong to the next event.
    this.#failures = undefined;
    const { count, addresses, correlationId } = failures;
    try {
      await asSystem(this.#cmk.db, (trx) =>
        audit(
          trx,
          { actor: 'anonymous', correlationId, origin: [...addresses].join(' ') },
          {
            action: 'auth.refused',
            subject: 'credential',
            outcome: 'refused',
            detail: { count, addresses: [...addresses] },
          },
        ),
      );
    } catch (error) {
      this.#keep(failures);
      throw error;
    }
  }

  /** What could not be written goes into the next event. */
  #keep(earlier: Failures): void {
    const later = this.#failures;
    earlier.count += later?.count ?? 0;
    for (const address of later?.addresses ?? [])
      if (earlier.addresses.size < MAX_ADDRESSES) earlier.addresses.add(address);
    this.#failures = earlier;
  }
}
