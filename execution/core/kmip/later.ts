/**
 * Work that is done after its answer has been given: one piece at a time, so that what may take long takes nobody's
 * place, and never more in line than can be done while somebody waits for it.
 */
import type { TenantId } from '../../../contracts/index.ts';
import { errorMessage } from '../../../platform/errors.ts';
import type { Logger } from '../../../platform/log.ts';
import { MAX_ASYNCHRONOUS, MAX_ASYNCHRONOUS_PER_TENANT } from '../limits.ts';

interface Work {
  readonly tenant: TenantId;
  readonly run: () => Promise<void>;
}

export class Later {
  readonly #logger: Logger;
  readonly #line: Work[] = [];
  #working: Promise<void> | undefined;
  #stopped = false;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Whether there is room for more work of the tenant. What finds none is done at once, while its client waits. */
  takes(tenant: TenantId): boolean {
    if (this.#stopped || this.#line.length >= MAX_ASYNCHRONOUS) return false;
    return this.#line.filter((work) => work.tenant === tenant).length < MAX_ASYNCHRONOUS_PER_TENANT;
  }

  add(tenant: TenantId, run: () => Promise<void>): void {
    this.#line.push({ tenant, run });
    this.#working ??= this.#work();
  }

  /** Ends what is being done; what waits is not begun, and whoever polls for it is told. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#line.length = 0;
    await this.#working;
  }

  async #work(): Promise<void> {
    for (let work = this.#line.shift(); work !== undefined; work = this.#line.shift()) {
      try {
        await work.run();
      } catch (error) {
        this.#logger.error({ tenant: work.tenant, cause: errorMessage(error) }, 'asynchronous work failed');
      }
    }
    this.#working = undefined;
  }
}
