/** What is wrapped among stolen goods, and how a thief opens each kind of it: with his own code, from the written formats. */
import { createDecipheriv } from 'node:crypto';
import { parseRegionId, parseTenantId, type Sealed } from '../../contracts/index.ts';
import { openLinkSecret } from '../../contracts/sealing.ts';
import {
  contextBytes,
  derive,
  type ReaderContext,
  readEnvelope,
  readHeader,
} from '../../testkit/envelope-reader.ts';

export const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const MAX_HEADER_BYTES = 256;
const MAGIC = Buffer.from('OKE\x01\x01', 'latin1');
/** As a header names its parent. */
const IVK = 4;
const WRAPPING_SALT = Buffer.from('openkcm/tenant-wrapping-key/v1');

/** Something that opens with a key, or with the two halves of one. */
export interface Wrapped {
  /** Of what is inside, such as `eu/acme: L3 orders 2`. */
  readonly name: string;
  /** What is worth trying: any value at all, what is known to be a key, or any two of those. */
  readonly by: 'value' | 'key' | 'halves';
  open(key: Buffer, second: Buffer): Buffer | undefined | Promise<Buffer | undefined>;
}

/** The fields that vary; whatever is left out is empty, or 1. */
export function contextOf(
  region: string,
  of: Pick<ReaderContext, 'level' | 'objectId' | 'version'> & Partial<ReaderContext>,
): ReaderContext {
  return { region, tenant: '', service: '', revision: 1, ...of };
}

export function inEnvelope(
  name: string,
  envelope: Buffer,
  contexts: readonly ReaderContext[],
  by: 'value' | 'key' = 'value',
): Wrapped {
  return { name, by, open: remembered(name, envelope, (key) => readEnvelope(key, envelope, contexts)) };
}

/** An L2: under a key that is derived from the regional secret and, in an epoch, the link secret. */
export function underHalves(name: string, envelope: Buffer, contexts: readonly ReaderContext[]): Wrapped {
  const { parentVersion: epoch, parentId: tenant } = readHeader(envelope);
  const of = { tenant, level: 'tenant-wrapping-key', objectId: tenant, version: epoch };
  const info = contextBytes(contextOf(contexts[0]?.region ?? '', of));
  const open = remembered(name, envelope, (material) =>
    readEnvelope(derive(material, WRAPPING_SALT, info), envelope, contexts),
  );
  return epoch === 0
    ? { name, by: 'value', open }
    : { name, by: 'halves', open: (regional, link) => open(Buffer.concat([regional, link])) };
}

/** L4 keys in an object's bytes: these are TTLV, which has the length in four bytes before the value. */
export function l4sIn(region: string, object: unknown, uid: unknown): Wrapped[] {
  if (!Buffer.isBuffer(object)) return [];
  return placesOf(MAGIC, object).map((at) => {
    const envelope = object.subarray(at, at + object.readUInt32BE(at - 4));
    const [tenant = '', service = ''] = readHeader(envelope).parentId.split('/');
    const of = { tenant, service, level: 'L4', objectId: String(uid), version: 1 };
    return inEnvelope(`${region}/${tenant}: L4 ${uid}`, envelope, [contextOf(region, of)]);
  });
}

/** As the software keystore wraps: nonce, ciphertext, tag; its name for the key is authenticated with it. */
export function underL1(name: string, reference: string, wrapped: string): Wrapped {
  const body = Buffer.from(wrapped.replace(/^software\.v1\./, ''), 'base64url');
  const open = (key: Buffer): Buffer | undefined => {
    const gcm = createDecipheriv('aes-256-gcm', key, body.subarray(0, NONCE_BYTES));
    gcm.setAAD(Buffer.from(reference)).setAuthTag(body.subarray(-TAG_BYTES));
    try {
      return Buffer.concat([gcm.update(body.subarray(NONCE_BYTES, -TAG_BYTES)), gcm.final()]);
    } catch {
      return undefined;
    }
  };
  return { name, by: 'value', open };
}

/** Link secrets in the payload of a task, sealed by HPKE; none in most of them. */
export function sealedIn(job: string, target: string, payload: unknown): Wrapped[] {
  const { tenant, epoch, secret, previous } = (payload ?? {}) as {
    tenant?: string;
    epoch?: number;
    secret?: Sealed;
    previous?: { epoch: number; secret: Sealed };
  };
  if (tenant === undefined || epoch === undefined || secret === undefined) return [];
  const of = { tenant: parseTenantId(tenant), region: parseRegionId(target), epoch, job };
  const item = (ofEpoch: number, sealed: Sealed, purpose: 'fresh' | 'previous'): Wrapped => {
    const name = `${target}/${tenant}: link secret ${ofEpoch}`;
    const open = remembered(name, Buffer.from(sealed.ct), (key) =>
      openLinkSecret(key, sealed, { ...of, purpose }).then(
        (plain) => Buffer.from(plain),
        () => undefined,
      ),
    );
    return { name, by: 'key', open };
  };
  return [
    item(epoch, secret, 'fresh'),
    ...(previous === undefined ? [] : [item(previous.epoch, previous.secret, 'previous')]),
  ];
}

/** Envelopes under an IVK that hold as much as a key, wherever in the bytes they begin. */
export function* carvedEnvelopes(bytes: Buffer): Generator<Buffer> {
  for (const at of placesOf(Buffer.concat([MAGIC, Buffer.of(IVK)]), bytes)) {
    if (at + MAX_HEADER_BYTES > bytes.length) return;
    const { nonceAt } = readHeader(bytes.subarray(at));
    yield Buffer.from(bytes.subarray(at, at + nonceAt + NONCE_BYTES + KEY_BYTES + TAG_BYTES));
  }
}

export function countEnvelopes(bytes: Buffer): number {
  return placesOf(MAGIC, bytes).length;
}

function placesOf(what: Buffer, bytes: Buffer): number[] {
  const places: number[] = [];
  for (let at = bytes.indexOf(what); at >= 0; at = bytes.indexOf(what, at + 1)) places.push(at);
  return places;
}

/** What came of each key on each ciphertext: tests try the same goods again and again. */
const tries = new Map<string, Map<string, unknown>>();

function remembered<T>(name: string, ciphertext: Buffer, open: (key: Buffer) => T): (key: Buffer) => T {
  const id = `${name} ${ciphertext.toString('latin1')}`;
  const known = tries.get(id) ?? new Map<string, unknown>();
  tries.set(id, known);
  return (key) => {
    const keyId = key.toString('latin1');
    if (!known.has(keyId)) known.set(keyId, open(key));
    return known.get(keyId) as T;
  };
}
