/**
 * What CMK does about those who have proved who they are, and ask for what they may not. A stranger gets one audit event a
 * second in the platform's log, however often they ask; a tenant's own people get one for each refusal. Both have a budget:
 * beyond it the answer is "wait", and refusals are only counted, once a second.
 *
 * What somebody is permitted passes however empty the budget is.
 */
import type { FastifyRequest } from 'fastify';
import { audit } from '../audit/record.ts';
import type { Cmk } from '../context.ts';
import { CmkError } from '../errors.ts';
import { MAX_REFUSAL_BUDGETS, MAX_REFUSALS_PER_ROUND } from '../limits.ts';
import { type Periodic, startPeriodic } from '../periodic.ts';
import { asSystem } from '../store/transactions.ts';
import type { Forbidden } from './authorise.ts';
import { Budget } from './budget.ts';

const AUDIT_EVERY_MS = 1_000;
/** In whose name the refusals of a round stand that has too many different ones. */
const OTHERS = 'system:others';

interface Refused {
  count: number;
  readonly actor: string;
  /** Of the first of them. */
  readonly request: Pick<FastifyRequest, 'id' | 'ip'>;
  readonly tenant: string | undefined;
  readonly action: string;
  readonly subject: string;
  readonly detail: string;
}

export class AccessRefusals {
  readonly #cmk: Cmk;
  /** By principal, the one that was asked for last at the end. */
  readonly #budgets = new Map<string, Budget>();
  readonly #refused = new Map<string, Refused>();
  #writing: Periodic | undefined;

  constructor(cmk: Cmk) {
    this.#cmk = cmk;
  }

  start(): void {
    this.#writing ??= startPeriodic('audit refusals', AUDIT_EVERY_MS, this.#cmk.logger, () => this.#write());
  }

  /** Writes what is not in the audit log yet. */
  async stop(): Promise<void> {
    await this.#writing?.stop();
    await this.#write().catch((error: unknown) =>
      this.#cmk.logger.error({ err: error }, 'the last refusals are not in the audit log'),
    );
  }

  /** What the client is to be told; FORBIDDEN of one's own people is left to the caller to record. */
  refuse(request: FastifyRequest, error: Forbidden): CmkError {
    const isSpent = !this.#budgetOf(request.operator).take();
    if (isSpent || error.tenant === undefined) this.#count(request, error);
    return isSpent
      ? new CmkError('TOO_MANY_FAILURES', 'too much was asked for that is not permitted')
      : error;
  }

  #budgetOf(principal: string): Budget {
    const budget = this.#budgets.get(principal) ?? new Budget();
    this.#budgets.delete(principal);
    this.#budgets.set(principal, budget);
    const [oldest = ''] = this.#budgets.keys();
    if (this.#budgets.size > MAX_REFUSAL_BUDGETS) this.#budgets.delete(oldest);
    return budget;
  }

  #count(request: FastifyRequest, { tenant, permission, message }: Forbidden): void {
    const key = `${request.operator} ${tenant ?? ''}`;
    const fits = this.#refused.has(key) || this.#refused.size < MAX_REFUSALS_PER_ROUND;
    const { id, ip } = request;
    const refused = this.#refused.get(fits ? key : OTHERS) ?? {
      count: 0,
      actor: fits ? request.operator : OTHERS,
      request: { id, ip },
      tenant: fits ? tenant : undefined,
      action: request.routeOptions.config.action ?? permission,
      subject: subjectOf(request),
      detail: message,
    };
    refused.count++;
    this.#refused.set(fits ? key : OTHERS, refused);
  }

  async #write(): Promise<void> {
    for (const [key, refused] of this.#refused) {
      const { count, actor, request, tenant, action, subject, detail } = refused;
      await asSystem(this.#cmk.db, (trx) =>
        audit(
          trx,
          { actor, correlationId: request.id, origin: request.ip },
          {
            ...(tenant === undefined ? {} : { tenant }),
            action,
            subject,
            outcome: 'refused',
            detail: { code: 'FORBIDDEN', detail, count },
          },
        ),
      );
      // Those of the meantime belong to the next event; what could not be written does, too.
      refused.count -= count;
      if (refused.count === 0) this.#refused.delete(key);
    }
  }
}

/** What the audit log calls a request. */
export const subjectOf = (request: FastifyRequest): string =>
  `${request.method} ${request.url.split('?', 1)[0]?.slice(0, 256) ?? ''}`;
