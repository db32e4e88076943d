/**
 * The region's root (D2): seal → unseal key → MasterKey → IVKs. The MasterKey is never on disk in the clear and never
 * rotated; it wraps IVKs, and the active IVK wraps what the region keeps of each tenant.
 */
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

/** What an unsealed region holds in memory. `wipe` seals it again. */
export class RootOfTrust {
  readonly #masterKey: SecretBytes;
  readonly #ivks: ReadonlyMap<number, ParentKey>;
  readonly #active: ParentKey;

  constructor(masterKey: SecretBytes, ivks: ReadonlyMap<number, ParentKey>, active: ParentKey) {
    this.#masterKey = masterKey;
    this.#ivks = ivks;
    this.#active = active;
  }

  /** Under the active IVK. */
  seal(plaintext: SecretBytes | Uint8Array, context: EnvelopeContext): Buffer {
    return Buffer.from(seal(this.#active, plaintext, context));
  }

  /** Under whichever IVK version wrapped it. @throws EnvelopeError */
  open(envelope: Uint8Array, context: EnvelopeContext): SecretBytes {
    const ivk = this.#ivks.get(parseHeader(envelope).parentVersion) ?? this.#active;
    return open(ivk, envelope, context);
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
      .values({ version: 1, active: true, wrapped: Buffer.from(wrapped) })
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
  const rows = await db.selectFrom('keychain.ivks').selectAll().execute();
  using unsealKey = await options.seal.openUnsealKey(root.sealed_unseal_key, options);
  const masterKey = openingRecord('MasterKey', () =>
    open(
      parentOf(ParentKind.UnsealKey, options, 1, unsealKey),
      root.wrapped_master_key,
      contextOf(options, 'master-key', 1),
    ),
  );
  const ivks = new Map<number, ParentKey>();
  try {
    const parent = parentOf(ParentKind.MasterKey, options, 1, masterKey);
    for (const { version, wrapped } of rows) {
      const key = openingRecord(`IVK ${version}`, () =>
        open(parent, wrapped, contextOf(options, 'ivk', version)),
      );
      ivks.set(version, parentOf(ParentKind.Ivk, options, version, key));
    }
    const active = ivks.get(rows.find((row) => row.active)?.version ?? 0);
    if (active === undefined) throw new KeychainError('RECORD_REJECTED', 'there is no active IVK');
    return new RootOfTrust(masterKey, ivks, active);
  } catch (error) {
    masterKey.wipe();
    for (const ivk of ivks.values()) ivk.key.wipe();
    throw error;
  }
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
