/**
 * The L2 and L3 keys of one tenant in a test region: versions, states and how much depends on each, by the rules of the
 * contract (contracts/jobs.ts) and of KMIP 1.4 §3.22. No material: governance never sees any.
 */
import type { KeyInventory, KeyState, TaskErrorCode } from '../contracts/index.ts';
import { DEFAULT_ROTATE_AFTER_S } from './limits.ts';

interface Version {
  readonly version: number;
  state: KeyState;
  readonly createdAt: string;
  /** Of an L3: the L2 version that it is wrapped with. */
  parent: number;
  /** Of an L3: objects under it. */
  objects: number;
}

const gone = (state: KeyState): boolean => state === 'destroyed' || state === 'destroyed-compromised';

class TestKey {
  readonly versions: Version[] = [];
  rotateAfterS: number;
  readonly #defaultS: number;

  constructor(defaultS: number) {
    this.#defaultS = defaultS;
    this.rotateAfterS = defaultS;
  }

  get active(): Version {
    const found = this.versions.find(({ state }) => state === 'active');
    if (found === undefined) throw new Error('a key without an active version');
    return found;
  }

  /** A new active version; the older ones are told what they have become. */
  add(parent: number, older: (state: KeyState) => KeyState = (state) => state): number {
    for (const each of this.versions) {
      each.state = older(each.state);
      if (each.state === 'active') each.state = 'deactivated';
    }
    const version = this.versions.length + 1;
    this.versions.push({ version, state: 'active', createdAt: new Date().toISOString(), parent, objects: 0 });
    return version;
  }

  setPolicy(seconds: number | undefined): { nextRotationAt?: string } {
    this.rotateAfterS = seconds ?? this.#defaultS;
    return this.nextRotation();
  }

  nextRotation(): { nextRotationAt?: string } {
    if (this.rotateAfterS === 0) return {};
    const at = Date.parse(this.active.createdAt) + this.rotateAfterS * 1000;
    return { nextRotationAt: new Date(at).toISOString() };
  }

  inventory(dependentsOf: (version: Version) => number): KeyInventory {
    return {
      living: this.versions.filter(({ state }) => !gone(state)).length,
      versions: this.versions.map((each) => ({
        version: each.version,
        state: each.state,
        createdAt: each.createdAt,
        dependents: dependentsOf(each),
      })),
      rotateAfterSeconds: this.rotateAfterS,
      ...this.nextRotation(),
    };
  }
}

const compromised = (state: KeyState): KeyState =>
  state === 'destroyed' ? 'destroyed-compromised' : gone(state) ? state : 'compromised';

export class TestKeys {
  readonly l2 = new TestKey(DEFAULT_ROTATE_AFTER_S.tenantKey);
  readonly services = new Map<string, TestKey>();

  constructor() {
    this.l2.add(0);
  }

  provision(service: string): number {
    const key = this.services.get(service) ?? new TestKey(DEFAULT_ROTATE_AFTER_S.serviceKey);
    this.services.set(service, key);
    return key.versions.length === 0 ? key.add(this.l2.active.version) : key.active.version;
  }

  /** Undefined where the service is not known. */
  find(service: string | undefined): TestKey | undefined {
    return service === undefined ? this.l2 : this.services.get(service);
  }

  /** An older L2 is destroyed at once: its L3 are wrapped with the new one, which takes a real region a while. */
  rotate(key: TestKey): number {
    if (key !== this.l2) return key.add(this.l2.active.version);
    const version = key.add(0);
    this.#rewrap(version);
    for (const each of key.versions) if (each.state === 'deactivated') each.state = 'destroyed';
    return version;
  }

  compromise(key: TestKey): number {
    if (key !== this.l2) return key.add(this.l2.active.version, compromised);
    const version = key.add(0, compromised);
    for (const l3 of this.services.values()) l3.add(version, compromised);
    this.#rewrap(version);
    return version;
  }

  /** Why not; undefined when it is done. */
  destroy(key: TestKey, wanted: number, dependents: number): TaskErrorCode | undefined {
    const found = key.versions.find(({ version }) => version === wanted);
    if (found === undefined) return 'KEY_VERSION_UNKNOWN';
    if (found.state === 'active' || gone(found.state)) return 'KEY_STATE';
    if (this.#dependents(key)(found) !== dependents) return 'DEPENDENTS_CHANGED';
    found.state = found.state === 'compromised' ? 'destroyed-compromised' : 'destroyed';
    return undefined;
  }

  inventory(): { l2: KeyInventory; services: { service: string; l3: KeyInventory }[] } {
    return {
      l2: this.l2.inventory(this.#dependents(this.l2)),
      services: [...this.services].map(([service, l3]) => ({
        service,
        l3: l3.inventory(this.#dependents(l3)),
      })),
    };
  }

  #rewrap(version: number): void {
    for (const l3 of this.services.values())
      for (const each of l3.versions) if (!gone(each.state)) each.parent = version;
  }

  #dependents(key: TestKey): (version: Version) => number {
    return key === this.l2
      ? ({ version }) =>
          [...this.services.values()]
            .flatMap((l3) => l3.versions)
            .filter((each) => each.parent === version && !gone(each.state)).length
      : ({ objects }) => objects;
  }
}
