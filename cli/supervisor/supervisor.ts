/** All components of an installation: started side by side, stopped tier by tier, one by one on command. */
import { CliError } from '../errors.ts';
import type { Component } from './component.ts';

export class Supervisor {
  readonly #components = new Map<string, Component>();

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

  /** Stops everything, outermost tier first, so that nobody loses what it still needs to end in order. */
  async stopAll(): Promise<void> {
    // First of all: a job that is still starting things must not begin a life after its tier was stopped.
    for (const component of this.components) component.retire();
    const tiers = [...new Set(this.components.map((component) => component.tier))].sort((a, b) => b - a);
    for (const tier of tiers) {
      const members = this.components.filter((component) => component.tier === tier);
      await Promise.allSettled(members.map((component) => component.stop()));
    }
  }
}
