/**
 * One component under the supervisor: started, watched, started again when it dies, stopped. What it consists of (a
 * Node process, a PostgreSQL server) is its runner's business.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { errorMessage } from '../../platform/errors.ts';
import { CliError } from '../errors.ts';
import { MAX_RESTARTS, RESTART_WINDOW_MS, RestartBudget } from './restart-budget.ts';

export type ComponentState = 'stopped' | 'starting' | 'up' | 'restarting' | 'failed';

/** A running instance. */
export interface Running {
  readonly pid: number;
  /** Resolves when the instance has ended, for whatever reason; says why in a few words. */
  readonly ended: Promise<string>;
  /** Ends it, forcibly after a deadline. Resolves when it has ended. */
  stop(): Promise<void>;
}

export interface Runner {
  /**
   * Does ahead what needs nobody else, for the next start to go on from. Called once, before the first start. What it
   * returns ends what was prepared, unless a start has taken it.
   */
  prepare?(): () => Promise<void>;
  /** Resolves when the instance answers. Rejects with the reason when it does not come up. */
  start(signal: AbortSignal): Promise<Running>;
}

export interface ComponentOptions {
  readonly name: string;
  readonly runner: Runner;
  /** What to stop first has the higher tier: gateways before cores before databases. */
  readonly tier: number;
  readonly health: string | null;
  readonly log: string;
  readonly onChange: (component: Component, note?: string) => void;
  readonly budget?: Pick<RestartBudget, 'next' | 'reset'>;
}

export class Component {
  readonly name: string;
  readonly tier: number;
  readonly health: string | null;
  readonly log: string;
  readonly #runner: Runner;
  readonly #budget: Pick<RestartBudget, 'next' | 'reset'>;
  readonly #onChange: ComponentOptions['onChange'];
  #state: ComponentState = 'stopped';
  #running: Running | undefined;
  /** The same, also while it is being stopped. */
  #instance: { kill(): void } | undefined;
  /** Ends the present life: every await of it notices. */
  #life = new AbortController();
  #retired = false;
  /** Ends what was prepared and never started. */
  #abandon: () => Promise<void> = () => Promise.resolve();
  /** Commands to one component run one after the other. */
  #queue: Promise<void> = Promise.resolve();

  constructor(options: ComponentOptions) {
    this.name = options.name;
    this.tier = options.tier;
    this.health = options.health;
    this.log = options.log;
    this.#runner = options.runner;
    this.#budget = options.budget ?? new RestartBudget();
    this.#onChange = options.onChange;
  }

  get state(): ComponentState {
    return this.#state;
  }
  get pid(): number | null {
    return this.#running?.pid ?? null;
  }

  /** Before its first start, and before what it needs is there. Nothing tells of a failure but that start. */
  prepare(): void {
    if (this.#retired || this.#state !== 'stopped') return;
    this.#abandon = this.#runner.prepare?.() ?? this.#abandon;
  }

  /** Resolves when the component answers. Errors: COMPONENT_FAILED. Starting what is up does nothing. */
  start(): Promise<void> {
    return this.#exclusive(async () => {
      this.#refuseWhenRetired();
      if (this.#state === 'up') return;
      await this.#endLife();
      // Once more: a life that begins after `retire` is one that nobody has aborted.
      this.#refuseWhenRetired();
      this.#life = new AbortController();
      this.#budget.reset();
      this.#set('starting');
      await this.#launch(this.#life.signal);
      this.#refuseWhenRetired();
    });
  }

  /** From now on it can only be stopped: whoever asks for a start, or waits for one, gets COMPONENT_FAILED. */
  retire(): void {
    this.#retired = true;
    this.#life.abort();
    void this.#abandon();
  }

  /** Resolves when the component has ended. It is not started again until someone asks. */
  stop(): Promise<void> {
    // Before the queue: a start that hangs must give way.
    this.#life.abort();
    return this.#exclusive(async () => {
      await this.#abandon();
      await this.#endLife();
      this.#set('stopped');
    });
  }

  /** SIGKILL, for when there is no time for order. An instance that is still starting ends when this process does. */
  kill(): void {
    this.retire();
    this.#instance?.kill();
  }

  async #launch(life: AbortSignal): Promise<void> {
    try {
      const running = await this.#runner.start(life);
      if (life.aborted) {
        await running.stop();
        return;
      }
      this.#isUp(running);
      this.#set('up');
      void running.ended.then((reason) => this.#died(life, reason));
    } catch (cause) {
      if (life.aborted) return;
      this.#set('failed');
      throw new CliError('COMPONENT_FAILED', `${this.name} does not start`, {
        cause,
        hint: `see ${this.log}`,
      });
    }
  }

  async #died(life: AbortSignal, reason: string): Promise<void> {
    this.#running = undefined;
    let why = reason;
    while (!life.aborted) {
      const delayMs = this.#budget.next();
      if (delayMs === undefined) {
        this.#set(
          'failed',
          `${this.name} died ${MAX_RESTARTS + 1} times in ${RESTART_WINDOW_MS / 1000} s (${why}); it stays down, see ${this.log}`,
        );
        return;
      }
      this.#set('restarting', `${this.name} ended (${why}); starting it again`);
      try {
        await sleep(delayMs, undefined, { signal: life });
        const running = await this.#runner.start(life);
        if (life.aborted) {
          await running.stop();
          return;
        }
        this.#isUp(running);
        this.#set('up', `${this.name} is up again`);
        void running.ended.then((next) => this.#died(life, next));
        return;
      } catch (error) {
        if (life.aborted) return;
        why = errorMessage(error);
      }
    }
  }

  #refuseWhenRetired(): void {
    if (this.#retired)
      throw new CliError('COMPONENT_FAILED', `${this.name} is not started: everything is stopping`);
  }

  #isUp(running: Running): void {
    this.#running = running;
    const instance = {
      kill: (): void => {
        try {
          process.kill(running.pid, 'SIGKILL');
        } catch {
          // It has just ended.
        }
      },
    };
    this.#instance = instance;
    // Its number may become somebody else's.
    void running.ended.finally(() => {
      if (this.#instance === instance) this.#instance = undefined;
    });
  }

  async #endLife(): Promise<void> {
    this.#life.abort();
    const running = this.#running;
    this.#running = undefined;
    await running?.stop();
  }

  #set(state: ComponentState, note?: string): void {
    this.#state = state;
    this.#onChange(this, note);
  }

  #exclusive(command: () => Promise<void>): Promise<void> {
    const result = this.#queue.then(command);
    this.#queue = result.catch(() => undefined);
    return result;
  }
}
