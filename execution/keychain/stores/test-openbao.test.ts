/** A home of keys in a double of OpenBao, with each test's own tenant in it, and all that can go wrong with it. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, beforeEach } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { parseTenantId, type TenantId } from '../../../contracts/index.ts';
import { createDatabase, createPool } from '../../../platform/postgres.ts';
import { temporaryDirectory } from '../../../testkit/directories.ts';
import { type KvFault, startOpenBaoKv, type TestOpenBaoKv } from '../../../testkit/openbao-kv.ts';
import type { KeychainTables } from '../tables.ts';
import { createKeyStore, type KeyStoreOptions } from './index.ts';
import { type KeyStore, L2, type TenantChange } from './key-store.ts';

/** Nothing here takes as long, and no machine is so busy that it does. */
const PATIENCE_MS = 10_000;
/** Of a store whose time-outs are waited for. */
export const HASTE_MS = 1_000;
export const region = { cluster: 'prod', region: 'eu-west-1' };
export const AT = 'prod/eu-west-1';
// This home never looks at it: nobody listens there.
export const db = createDatabase<KeychainTables>(
  createPool({ url: 'postgres://nobody@127.0.0.1:1/none', applicationName: 'nobody' }),
);
export type OpenBaoOptions = Extract<KeyStoreOptions, { kind: 'openbao' }>;
type SharedOptions = Extract<OpenBaoOptions, { layout: 'shared' }>;

interface Started {
  readonly engine: TestOpenBaoKv;
  readonly options: SharedOptions;
  readonly store: KeyStore;
  readonly hasty: KeyStore;
}

export class OpenBaoWorld {
  /** Of the test that runs. */
  tenant: TenantId = parseTenantId('nobody-yet');
  #tenants = 0;
  #started: Started | undefined;

  /** To be called where the tests are declared. */
  static started(): OpenBaoWorld {
    const world = new OpenBaoWorld();
    before(() => world.#start());
    after(async () => {
      await world.engine.close();
      await db.destroy();
    });
    beforeEach(() => {
      world.engine.heal();
      world.engine.forget();
      world.tenant = parseTenantId(`tenant-${++world.#tenants}`);
    });
    return world;
  }

  get engine(): TestOpenBaoKv {
    return this.#world.engine;
  }

  get options(): SharedOptions {
    return this.#world.options;
  }

  get store(): KeyStore {
    return this.#world.store;
  }

  storeOf(change: Partial<OpenBaoOptions>): KeyStore {
    return createKeyStore({ ...this.options, ...change } as OpenBaoOptions, region);
  }

  async tokenFileOf(token: string): Promise<string> {
    const path = join(temporaryDirectory('bao'), 'token');
    await writeFile(path, `${token}\n`, { mode: 0o600 });
    return path;
  }

  write(what: TenantChange, to = this.store) {
    return to.write(db, this.tenant, what);
  }

  read(from = this.store) {
    return from.read(db, this.tenant, [L2, 'pay']);
  }

  /** A store whose time-outs can be waited for, where the fault is one that makes wait. */
  suiting({ kind }: KvFault): KeyStore {
    return kind === 'delayed' || kind === 'silent-when-done' ? this.#world.hasty : this.store;
  }

  asked(): readonly string[] {
    return this.engine.requests.map(({ method, path }) => `${method} ${path}`);
  }

  failing(fault: KvFault, method: 'GET' | 'POST', path = '/data/', times?: number): void {
    this.engine.fail(fault, { method, path, ...(times === undefined ? {} : { times }) });
  }

  metadataOf(name: string): Record<string, unknown> {
    const { body } = this.engine.admin('GET', `kv/metadata/${AT}/${name}`);
    return (body as { data: Record<string, unknown> }).data;
  }

  get #world(): Started {
    assert.ok(this.#started !== undefined, 'the world has been started');
    return this.#started;
  }

  async #start(): Promise<void> {
    const engine = await startOpenBaoKv();
    engine.mount('kv');
    const options: SharedOptions = {
      kind: 'openbao',
      layout: 'shared',
      url: engine.url,
      mount: 'kv',
      tokenFile: await this.tokenFileOf(engine.rootToken),
      timeoutMs: PATIENCE_MS,
    };
    const store = createKeyStore(options, region);
    const hasty = createKeyStore({ ...options, timeoutMs: HASTE_MS }, region);
    this.#started = { engine, options, store, hasty };
  }
}

export async function until(holds: () => boolean): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while (!holds()) {
    assert.ok(performance.now() < end, 'it never came about');
    await delay(2);
  }
}
