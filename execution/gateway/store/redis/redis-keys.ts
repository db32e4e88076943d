/**
 * Keys in Redis, for gateways whose own disk does not last. Callers, closed tenants and audit events stay in the local file,
 * which the region can fill again; what nobody else has lies in Redis: keys and their names, tombstones, the order of
 * announcement, IV counts, and the head up to which pushes have reached the keys.
 *
 * Pushes are applied without waiting: they go into an outbox, in order, the head behind them, and take effect in Redis as
 * soon as it is in reach. A key is read only after what the outbox says of it.
 */
import { parseTenantId, type TenantId } from '../../../../contracts/index.ts';
import { errorMessage, OkcmError } from '../../../../platform/errors.ts';
import type { Logger } from '../../../../platform/log.ts';
import {
  decodeObject,
  encodeObject,
  isFresh,
  type ManagedObject,
  namesOf,
  ObjectCodecError,
  served,
} from '../../../objects/index.ts';
import type { RedisStoreConfig } from '../../config.ts';
import { MAX_REDIS_OUTBOX, REDIS_OUTBOX_BATCH } from '../../limits.ts';
import { GatewayRefusal } from '../../refusals.ts';
import type {
  HeldRow,
  KeyStore,
  KeyStoreOptions,
  KeyStoreStatus,
  Settlement,
  WaitingKeys,
} from '../key-store.ts';
import { nameTaken } from '../local-keys.ts';
import { type Argument, newKeyspaceId, RedisLine, type Reply, text } from './line.ts';
import { LoadedKeys } from './loaded-keys.ts';
import type { ScriptName } from './scripts.ts';

export interface RedisKeysOptions extends KeyStoreOptions {
  readonly config: RedisStoreConfig;
  readonly region: string;
  /** Of the gateway: two of one region must not share keys. */
  readonly name: string;
  /** Whether the gateway starts, and not one more of its processes. */
  readonly isFirst: boolean;
  /** Makes what stands beside new keys durable in the local file. */
  readonly beside: (write: () => void) => Promise<void>;
  readonly logger: Logger;
}

interface Change {
  readonly script: ScriptName;
  readonly args: readonly Argument[];
}

/** One step of a script's work at start, or of IV counts: so that no script holds Redis up for long. */
const STEP = 1_000;
const MAX_SERVE_ROUNDS = 3;
const FLAG = { true: '1', false: '0' } as const;
const flag = (is: boolean): string => FLAG[`${is}`];

export class RedisKeys implements KeyStore {
  readonly kind = 'redis';
  readonly answersAtOnce = false;
  readonly #options: RedisKeysOptions;
  readonly #line: RedisLine;
  readonly #loaded = new LoadedKeys();
  /** UIDs that have changed while keys are being loaded: one set for each load under way. */
  readonly #changedMeanwhile = new Set<Set<string>>();
  /** Keys of tenants that wait, as counted here: for flushes while Redis is away. */
  readonly #waitingOf = new Map<TenantId, number>();
  #outbox: Change[] = [];
  #flushing: Promise<void> | undefined;
  #head = 0;
  #backlog = 0;
  #held = 0;

  private constructor(options: RedisKeysOptions) {
    this.#options = options;
    const { config, region, name, logger } = options;
    this.#line = new RedisLine({
      config,
      prefix: `okcm:${region}/${name}:`,
      logger,
      knownHead: () => this.#head,
      onIdle: () => void this.#lookAround().catch(() => undefined),
    });
  }

  /** Errors: STORE_UNUSABLE, STORE_NOT_DURABLE, and those of files that cannot be read. */
  static async open(options: RedisKeysOptions): Promise<RedisKeys> {
    const keys = new RedisKeys(options);
    try {
      await keys.#line.open();
      await keys.#begin();
      return keys;
    } catch (error) {
      await keys.#line.close();
      if (error instanceof OkcmError) throw error;
      throw new OkcmError('STORE_UNUSABLE', `the keys in Redis cannot be used: ${errorMessage(error)}`, {
        cause: error,
      });
    }
  }

  get held(): number {
    return this.#held;
  }

  get backlog(): number {
    return this.#backlog;
  }

  get head(): number {
    return this.#head;
  }

  status(): KeyStoreStatus {
    const { isDurable: durable, isUp: up, problem } = this.#line;
    return { kind: this.kind, durable, up, ...(problem === undefined ? {} : { problem }) };
  }

  peek(tenant: TenantId, uid: string): HeldRow | undefined {
    const loaded = this.#loaded.get(tenant, uid);
    return loaded?.whose === 'own' ? loaded.row : undefined;
  }

  isAnothers(tenant: TenantId, uid: string): boolean {
    return this.#loaded.isAnothers(tenant, uid);
  }

  async load(tenant: TenantId, uids: readonly string[]): Promise<void> {
    let wanted = uids;
    while (wanted.length > 0) {
      // From now on: what is posted while this waits may be sent after the question.
      const changed = new Set<string>();
      this.#changedMeanwhile.add(changed);
      try {
        await this.#flush();
        const reply = await this.#line.run('load', [tenant, ...wanted]);
        this.#remember(tenant, wanted, parts(reply), changed);
      } finally {
        this.#changedMeanwhile.delete(changed);
      }
      wanted = wanted.filter((uid) => changed.has(uid));
    }
  }

  isNameTaken(): boolean {
    return false;
  }

  async insert(objects: readonly ManagedObject[], beside: () => void): Promise<void> {
    const [first] = objects;
    if (first === undefined) return;
    if (!this.#line.isUp) throw new GatewayRefusal('STORE_UNREACHABLE');
    const { tenant } = first;
    const args = objects.flatMap((object) => {
      const names = namesOf(object);
      return [...recordOf(object), String(names.length), ...names];
    });
    const { keysPerTenant } = this.#options;
    await this.#options.beside(beside);
    // What is asked in one turn of the event loop goes to Redis together, which flushes its file once for all of it.
    const reply = this.#line.run('insert', [tenant, String(keysPerTenant), String(objects.length), ...args]);
    const settled = this.#line.settled();
    settled.catch(() => undefined);
    const [outcome, name] = this.#levels(await reply);
    if (text(outcome) === 'name') throw nameTaken(text(name));
    if (text(outcome) === 'quota') throw new GatewayRefusal('KEY_QUOTA');
    this.#count(tenant, objects.length);
    await settled;
  }

  async markServed(tenant: TenantId, uid: string): Promise<void> {
    for (let round = 0; round < MAX_SERVE_ROUNDS; round++) {
      await this.load(tenant, [uid]);
      const row = this.peek(tenant, uid);
      if (row === undefined || !isFresh(row.object)) return;
      const object = served(row.object);
      const args = [tenant, uid, String(object.revision), bodyOf(object)];
      const [outcome] = this.#levels(await this.#line.run('serve', args));
      if (text(outcome) !== 'done') continue;
      await this.#line.settled();
      if (row.announced) this.#count(tenant, 1);
      await this.load(tenant, [uid]);
      return;
    }
    throw new GatewayRefusal('STORE_UNREACHABLE');
  }

  apply(object: ManagedObject): boolean {
    const { tenant, uid } = object;
    const asServed = isFresh(object) ? bodyOf(served(object)) : '';
    this.#post(uid, 'apply', [tenant, ...recordOf(object), asServed, ...namesOf(object)]);
    return true;
  }

  destroy(tenant: TenantId, uid: string): void {
    this.#post(uid, 'destroy', [tenant, uid]);
  }

  noteHead(head: number): void {
    this.#post(undefined, 'head', [String(head)]);
  }

  /** What is in memory may be older than what another process has made of the key. */
  mayWait(): boolean {
    return true;
  }

  /** While Redis is away: as counted here. Where that is none, nobody has to wait for it. */
  async backlogOf(tenant: TenantId): Promise<number> {
    try {
      const count = Number(await this.#line.run('waitingOf', [tenant]));
      this.#waitingOf.set(tenant, count);
      return count;
    } catch (error) {
      // Of a tenant that nothing is known of since the start, some may be among those that wait.
      if ((this.#waitingOf.get(tenant) ?? this.#backlog) === 0) return 0;
      throw error;
    }
  }

  async waiting(limit: number, tenant?: TenantId): Promise<WaitingKeys> {
    await this.#flush();
    const found = this.#levels(await this.#line.run('waiting', [String(limit), tenant ?? '']));
    const objects: ManagedObject[] = [];
    const damaged: { tenant: TenantId; uid: string }[] = [];
    for (let at = 0; at + 2 < found.length; at += 3) {
      const object = decoded(found[at + 2]);
      if (object !== undefined) objects.push(object);
      else damaged.push({ tenant: parseTenantId(text(found[at])), uid: text(found[at + 1]) });
    }
    return { objects, damaged };
  }

  async settle(settlements: readonly Settlement[]): Promise<void> {
    const tenants = new Set<TenantId>();
    for (const settlement of settlements) {
      this.#postSettlement(settlement);
      tenants.add('known' in settlement ? settlement.known.tenant : settlement.tenant);
    }
    await this.#flush();
    for (const tenant of tenants) await this.backlogOf(tenant);
  }

  randomIvsUsed(uid: string): number | undefined {
    return this.#loaded.ivsUsed(uid);
  }

  async addRandomIvs(spent: ReadonlyMap<string, number>): Promise<ReadonlyMap<string, number>> {
    const totals = new Map<string, number>();
    const entries = [...spent];
    for (let at = 0; at < entries.length; at += STEP) {
      const some = entries.slice(at, at + STEP);
      const args = some.flatMap(([uid, more]) => [uid, String(more)]);
      const sums = parts(await this.#line.run('spendIvs', args));
      for (const [index, [uid]] of some.entries()) totals.set(uid, Number(sums[index]));
    }
    await this.#line.settled();
    return totals;
  }

  async close(): Promise<void> {
    await this.#flush().catch((error: unknown) => {
      if (this.#outbox.length === 0) return;
      const line = { waiting: this.#outbox.length, cause: errorMessage(error) };
      this.#options.logger.warn(
        line,
        'changes of the core have not reached Redis; the next start fetches them again',
      );
    });
    await this.#line.close();
  }

  /** What waits here goes, and what other processes of this gateway have done is counted. */
  async #lookAround(): Promise<void> {
    await this.#flush();
    this.#levels(await this.#line.run('look', []));
  }

  /** Each start offers once more what the core has refused: its reason may be gone. */
  async #begin(): Promise<void> {
    const [id, head] = this.#levels(await this.#line.run('open', [newKeyspaceId()]));
    this.#line.identifyAs(text(id));
    this.#head = Number(text(head));
    while (this.#options.isFirst) {
      const [count] = this.#levels(await this.#line.run('offerAgain', [String(STEP)]));
      if (Number(count) < STEP) return;
    }
  }

  #postSettlement(settlement: Settlement): void {
    switch (settlement.outcome) {
      case 'changed':
        this.apply(settlement.object);
        this.#postAnnounced(settlement.known);
        return;
      case 'announced':
        this.#postAnnounced(settlement.known);
        return;
      case 'destroyed':
        this.destroy(settlement.tenant, settlement.uid);
        return;
      case 'refused':
        this.#post(settlement.uid, 'refuse', [settlement.tenant, settlement.uid]);
        return;
    }
  }

  #postAnnounced(known: ManagedObject): void {
    this.#post(known.uid, 'announce', [known.tenant, known.uid, flag(isFresh(known))]);
  }

  /** @throws GatewayRefusal STORE_UNREACHABLE when too much waits: the push is then not applied, and comes again. */
  #post(uid: string | undefined, script: ScriptName, args: readonly Argument[]): void {
    if (this.#outbox.length >= MAX_REDIS_OUTBOX) throw new GatewayRefusal('STORE_UNREACHABLE');
    this.#outbox.push({ script, args });
    if (uid !== undefined) {
      this.#loaded.forget(uid);
      for (const changed of this.#changedMeanwhile) changed.add(uid);
    }
    if (this.#line.isUp) void this.#flush().catch(() => undefined);
  }

  /** Resolves when nothing waits in the outbox. @throws GatewayRefusal STORE_UNREACHABLE */
  #flush(): Promise<void> {
    if (this.#outbox.length === 0) return Promise.resolve();
    this.#flushing ??= this.#flushAll().finally(() => {
      this.#flushing = undefined;
    });
    return this.#flushing;
  }

  async #flushAll(): Promise<void> {
    while (this.#outbox.length > 0) {
      const batch = this.#outbox.slice(0, REDIS_OUTBOX_BATCH);
      // All are sent before the first is awaited; doing one of them again changes nothing.
      const replies = batch.map(({ script, args }) => this.#line.run(script, args));
      const settled = this.#line.settled();
      settled.catch(() => undefined);
      for (const reply of await Promise.all(replies)) this.#levels(reply);
      await settled;
      this.#outbox = this.#outbox.slice(batch.length);
      const heads = batch.filter(({ script }) => script === 'head').map(({ args }) => Number(args[0]));
      this.#head = Math.max(this.#head, ...heads);
    }
  }

  #remember(
    tenant: TenantId,
    uids: readonly string[],
    found: readonly Reply[],
    changed: ReadonlySet<string>,
  ): void {
    for (const [index, uid] of uids.entries()) {
      if (changed.has(uid)) continue;
      const [whose, announced, body, ivsUsed] = found.slice(4 * index, 4 * index + 4);
      if (text(whose) === 'own') {
        const object = decoded(body);
        // A record that cannot be read is no key of ours; announcing reports it.
        if (object === undefined) {
          this.#loaded.forget(uid);
          continue;
        }
        const row = { object, announced: text(announced) === '1' };
        this.#loaded.put(uid, { tenant, whose: 'own', row, ivsUsed: Number(text(ivsUsed)) });
      } else if (text(whose) === 'another') this.#loaded.put(uid, { tenant, whose: 'another' });
      else this.#loaded.forget(uid);
    }
  }

  /** Every script that changes something tells how full the store is since; returns what else it says. */
  #levels(reply: Reply): readonly Reply[] {
    const [backlog, held, ...rest] = parts(reply);
    this.#backlog = Number(backlog);
    this.#held = Number(held);
    return rest;
  }

  #count(tenant: TenantId, by: number): void {
    this.#waitingOf.set(tenant, (this.#waitingOf.get(tenant) ?? 0) + by);
  }
}

/** uid, revision, fresh, body. */
function recordOf(object: ManagedObject): Argument[] {
  return [object.uid, String(object.revision), flag(isFresh(object)), bodyOf(object)];
}

function bodyOf(object: ManagedObject): Buffer {
  const body = encodeObject(object);
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength);
}

function decoded(body: Reply | undefined): ManagedObject | undefined {
  try {
    return Buffer.isBuffer(body) ? decodeObject(body) : undefined;
  } catch (error) {
    if (error instanceof ObjectCodecError) return undefined;
    throw error;
  }
}

function parts(reply: Reply): readonly Reply[] {
  return Array.isArray(reply) ? (reply as readonly Reply[]) : [];
}
