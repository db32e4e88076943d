/**
 * The region's root (D2): seal → unseal key → MasterKey → IVKs. The MasterKey is never on disk in the clear and never
 * rotated; it wraps IVKs, and the active IVK wraps what the region keeps of each tenant.
 */

import type { KeyState } from '../../../contracts/index.ts';
import {
  type EnvelopeContext,
  KEY_BYTES,
  open,
  type ParentKey,
  ParentKind,
  parseHeader,
  SecretBytes,
  seal,
} from '../../envelope/index.ts';
import { KeychainError, openingRecord } from '../errors.ts';
import type { Db } from '../tables.ts';
import type { SealBinding, SealProvider } from './seal-provider.ts';

export interface RegionOptions extends SealBinding {
  readonly seal: SealProvider;
  /** Called in the transaction that makes the region, with the first IVK: for what must exist together with it. */
  readonly onCreated?: (tx: Db, ivk: ParentKey) => Promise<void>;
}

/** An IVK as it lies in the database. */
export interface StoredIvk {
  readonly version: number;
  readonly state: KeyState;
  /** Null once destroyed. */
  readonly wrapped: Buffer | null;
}

/** What an unsealed region holds in memory. `wipe` seals it again. */
export class RootOfTrust {
  readonly #binding: SealBinding;
  readonly #masterKey: SecretBytes;
  readonly #ivks = new Map<number, ParentKey>();
  #active: ParentKey;
  #seals = 0;

  /** Takes over the MasterKey. @throws KeychainError RECORD_REJECTED, with everything wiped. */
  constructor(binding: SealBinding, masterKey: SecretBytes, ivks: readonly StoredIvk[]) {
    this.#binding = binding;
    this.#masterKey = masterKey;
    try {
      this.#active = this.#learn(ivks);
    } catch (error) {
      this.wipe();
      throw error;
    }
  }

  /** What else the region's IVKs are by now; those that were destroyed are wiped. @throws KeychainError RECORD_REJECTED, SEALED. */
  learn(ivks: readonly StoredIvk[]): void {
    const active = this.#learn(ivks);
    // An older snapshot knows less: what is active only ever moves on.
    if (active.version > this.#active.version) this.#active = active;
  }

  #learn(ivks: readonly StoredIvk[]): ParentKey {
    for (const { version, wrapped } of ivks) {
      if (wrapped === null) this.#forget(version);
      else if (!this.#ivks.has(version)) this.#ivks.set(version, this.#openIvk(version, wrapped));
    }
    const active = this.#ivks.get(ivks.find((ivk) => ivk.state === 'active')?.version ?? 0);
    if (active === undefined) throw new KeychainError('RECORD_REJECTED', 'there is no active IVK');
    return active;
  }

  #openIvk(version: number, wrapped: Buffer): ParentKey {
    const parent = parentOf(ParentKind.MasterKey, this.#binding, 1, this.#masterKey);
    const key = openingRecord(`IVK ${version}`, () =>
      open(parent, wrapped, contextOf(this.#binding, 'ivk', version)),
    );
    return parentOf(ParentKind.Ivk, this.#binding, version, key);
  }

  #forget(version: number): void {
    this.#ivks.get(version)?.key.wipe();
    this.#ivks.delete(version);
  }

  /** A new IVK, wrapped by the MasterKey; it serves once `learn` has seen it active. */
  wrapNewIvk(version: number): Buffer {
    using ivk = SecretBytes.random(KEY_BYTES);
    const parent = parentOf(ParentKind.MasterKey, this.#binding, 1, this.#masterKey);
    return Buffer.from(seal(parent, ivk, contextOf(this.#binding, 'ivk', version)));
  }

  get activeIvk(): number {
    return this.#active.version;
  }

  /** Under the active IVK. Whoever keeps the envelope goes through `sealUnderIvk`, which holds the IVK's row. */
  seal(plaintext: SecretBytes | Uint8Array, context: EnvelopeContext): Buffer {
    this.#seals += 1;
    return Buffer.from(seal(this.#active, plaintext, context));
  }

  /** Under whichever IVK version wrapped it. @throws EnvelopeError */
  open(envelope: Uint8Array, context: EnvelopeContext): SecretBytes {
    const ivk = this.#ivks.get(parseHeader(envelope).parentVersion) ?? this.#active;
    return open(ivk, envelope, context);
  }

  /** False: another core has made an IVK that this one has not learned of, or the envelope is none of ours. */
  canOpen(envelope: Uint8Array): boolean {
    try {
      return this.#ivks.has(parseHeader(envelope).parentVersion);
    } catch {
      return false;
    }
  }

  /** Envelopes sealed since the last call (D5). */
  takeSeals(): number {
    const seals = this.#seals;
    this.#seals = 0;
    return seals;
  }

  get isWiped(): boolean {
    return this.#masterKey.isWiped;
  }
  wipe(): void {
    this.#masterKey.wipe();
    for (const ivk of this.#ivks.values()) ivk.key.wipe();
  }
}

/**
 * Makes the MasterKey and the first IVK of a region, once. Running it again changes nothing.
 * @throws KeychainError WRONG_REGION when the database belongs to another region.
 */
export async function initialiseRegion(db: Db, options: RegionOptions): Promise<{ created: boolean }> {
  // Asked first: a region that exists needs no new seal, and a seal whose key was lost must not be made anew for it.
  if ((await findRoot(db, options)) !== undefined) return { created: false };
  using unsealKey = SecretBytes.random(KEY_BYTES);
  using masterKey = SecretBytes.random(KEY_BYTES);
  using ivk = SecretBytes.random(KEY_BYTES);
  const sealed = await options.seal.sealUnsealKey(unsealKey, options);
  // Awaited here: what `using` holds is wiped as soon as this function is left.
  return await db.transaction().execute(async (tx) => {
    const inserted = await tx
      .insertInto('keychain.root')
      .values({
        id: 1,
        cluster: options.cluster,
        region: options.region,
        seal_kind: options.seal.kind,
        sealed_unseal_key: Buffer.from(sealed),
        wrapped_master_key: Buffer.from(
          seal(
            parentOf(ParentKind.UnsealKey, options, 1, unsealKey),
            masterKey,
            contextOf(options, 'master-key', 1),
          ),
        ),
      })
      .onConflict((conflict) => conflict.doNothing())
      .returning('id')
      .executeTakeFirst();
    if (inserted === undefined) {
      await readRoot(tx, options);
      return { created: false };
    }
    const wrapped = seal(
      parentOf(ParentKind.MasterKey, options, 1, masterKey),
      ivk,
      contextOf(options, 'ivk', 1),
    );
    await tx
      .insertInto('keychain.ivks')
      .values({ version: 1, state: 'active', wrapped: Buffer.from(wrapped) })
      .execute();
    await options.onCreated?.(tx, parentOf(ParentKind.Ivk, options, 1, ivk));
    return { created: true };
  });
}

/**
 * Opens the region with its seal. The caller wipes the root.
 * @throws KeychainError NOT_INITIALISED, WRONG_REGION, SEAL_REJECTED, RECORD_REJECTED.
 */
export async function unseal(db: Db, options: RegionOptions): Promise<RootOfTrust> {
  const root = await readRoot(db, options);
  const ivks = await readIvks(db);
  using unsealKey = await options.seal.openUnsealKey(root.sealed_unseal_key, options);
  const masterKey = openingRecord('MasterKey', () =>
    open(
      parentOf(ParentKind.UnsealKey, options, 1, unsealKey),
      root.wrapped_master_key,
      contextOf(options, 'master-key', 1),
    ),
  );
  return new RootOfTrust({ cluster: options.cluster, region: options.region }, masterKey, ivks);
}

export async function readIvks(db: Db): Promise<StoredIvk[]> {
  return db.selectFrom('keychain.ivks').select(['version', 'state', 'wrapped']).execute();
}

export async function readRoot(db: Db, binding: SealBinding) {
  const root = await findRoot(db, binding);
  if (root === undefined) throw new KeychainError('NOT_INITIALISED', `${binding.cluster}/${binding.region}`);
  return root;
}

/** @throws KeychainError WRONG_REGION */
async function findRoot(db: Db, { cluster, region }: SealBinding) {
  const root = await db.selectFrom('keychain.root').selectAll().executeTakeFirst();
  if (root !== undefined && (root.cluster !== cluster || root.region !== region)) {
    throw new KeychainError('WRONG_REGION', `it is ${root.cluster}/${root.region}, not ${cluster}/${region}`);
  }
  return root;
}

export function parentOf(
  kind: ParentKind,
  binding: SealBinding,
  version: number,
  key: SecretBytes,
): ParentKey {
  return { kind, id: `${binding.cluster}/${binding.region}`, version, key };
}

export function contextOf({ cluster, region }: SealBinding, level: string, version: number): EnvelopeContext {
  return { region, tenant: '', service: '', level, objectId: cluster, version, revision: 1 };
}
