/** An application in each region that goes on with its L4 keys all the while: it makes some, encrypts, decrypts and compares. */
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Application, type ApplicationAccess } from '../../cli/kmip/application.ts';
import { errorMessage } from '../../platform/errors.ts';
import { type Distribution, Recorder } from '../../testkit/measure/distribution.ts';

const DATA_BYTES = 32;
/** One round in so many begins with a new key. */
const CREATE_EVERY = 20;

export const phases = ['broker there', 'broker away', 'broker back'] as const;
export type Phase = (typeof phases)[number];

interface Counts {
  served: number;
  readonly refused: Map<string, number>;
  readonly latency: Recorder;
}
export interface PhaseResult {
  readonly phase: Phase;
  readonly served: number;
  readonly refused: ReadonlyMap<string, number>;
  readonly latency: Distribution;
}

export class Traffic {
  phase: Phase = 'broker there';
  wrongPlaintexts = 0;
  readonly #counts = new Map<Phase, Counts>(
    phases.map((phase) => [phase, { served: 0, refused: new Map(), latency: new Recorder() }]),
  );
  readonly #end = new AbortController();
  readonly #working: Promise<void>[] = [];
  readonly #paceMs: number;

  constructor(paceMs: number) {
    this.#paceMs = paceMs;
  }

  get results(): readonly PhaseResult[] {
    return [...this.#counts].map(([phase, { served, refused, latency }]) => ({
      phase,
      served,
      refused,
      latency: latency.distribution,
    }));
  }

  get served(): number {
    return this.results.reduce((sum, { served }) => sum + served, 0);
  }

  /** One more connection. */
  async seat(access: ApplicationAccess): Promise<void> {
    const application = await Application.open(access);
    this.#working.push(this.#work(application).finally(() => application.close()));
  }

  async stop(): Promise<void> {
    this.#end.abort();
    await Promise.all(this.#working);
  }

  async #work(application: Application): Promise<void> {
    const { signal } = this.#end;
    let uid = '';
    for (let turn = 0; !signal.aborted; turn++) {
      if (turn % CREATE_EVERY === 0)
        await this.#note(async () => {
          uid = await application.create({ active: true });
        });
      await this.#note(async () => {
        const data = randomBytes(DATA_BYTES);
        const opened = await application.decrypt(uid, await application.encrypt(uid, data));
        if (!data.equals(Buffer.from(opened))) this.wrongPlaintexts += 1;
      });
      await delay(this.#paceMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #note(work: () => Promise<void>): Promise<void> {
    const counts = this.#counts.get(this.phase);
    if (counts === undefined) return;
    const startedAt = performance.now();
    try {
      await work();
      counts.served += 1;
      counts.latency.record(performance.now() - startedAt);
    } catch (error) {
      const reason = errorMessage(error);
      counts.refused.set(reason, (counts.refused.get(reason) ?? 0) + 1);
    }
  }
}
