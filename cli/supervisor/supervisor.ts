/** All components of an installation: started side by side, stopped tier by tier, one by one on command. */
import { setTimeout as sleep } from 'node:timers/promises';
import { CliError } from '../errors.ts';
import type { Component } from './component.ts';

/** How long everything may take to stop, starts in flight included, before the rest is killed. */
const STOP_DEADLINE_MS = 15_000;
/** What was killed is gone at once; what hangs in its start never is. */
const KILL_GRACE_MS = 1_000;

export class Supervisor {
  readonly #components = new Map<string, Component>();
  readonly #closing = new AbortController();
  #stopping: Promise<{ readonly inOrder: boolean }> | undefined;

  add(component: Component): Component {
    this.#components.set(component.name, component);
    return component;
  }

  get components(): readonly Component[] {
    return [...this.#components.values()];
  }

  /** Errors: COMPONENT_UNKNOWN. */
  get(name: string): Component {
    const component = this.#components.get(name);
    if (component === undefined) {
      const known = [...this.#components.keys()].join(', ');
      throw new CliError('COMPONENT_UNKNOWN', `there is no component "${name.slice(0, 80)}"`, {
        hint: `the components are: ${known}`,
      });
    }
    return component;
  }

  /**
   * Stops everything, outermost tier first, so that nobody loses what it still needs to end in order; what has not
   * ended in time is killed. Never rejects.
   */
  stopAll(deadlineMs = STOP_DEADLINE_MS): Promise<{ readonly inOrder: boolean }> {
    this.#stopping ??= this.#stopInTime(deadlineMs);
    return this.#stopping;
  }

  /** Aborted when everything begins to stop: for helpers that are no components. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** SIGKILL to everything, and no further starts. */
  killAll(): void {
    this.#closing.abort();
    for (const component of this.components) component.kill();
  }

  async #stopInTime(deadlineMs: number): Promise<{ readonly inOrder: boolean }> {
    const done = this.#stopByTiers().then(() => true);
    const called = new AbortController();
    const within = (ms: number): Promise<boolean> =>
      Promise.race([done, sleep(ms, false, { signal: called.signal }).catch(() => false)]);
    const inOrder = await within(deadlineMs);
    if (!inOrder) {
      this.killAll();
      await within(KILL_GRACE_MS);
    }
    called.abort();
    return { inOrder };
  }

  async #stopByTiers(): Promise<void> {
    // First of all: a job that is still starting things must not begin a life after its tier was stopped.
    this.#closing.abort();
    for (const component of this.components) component.retire();
    const tiers = [...new Set(this.components.map((component) => component.tier))].sort((a, b) => b - a);
    for (const tier of tiers) {
      const members = this.components.filter((component) => component.tier === tier);
      await Promise.allSettled(members.map((component) => component.stop()));
    }
  }
}
