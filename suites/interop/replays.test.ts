/**
 * What products ask whose clients cannot run here, byte by byte: libkmip (Percona Server for MongoDB, Ceph) and vSphere.
 * The requests are written by an encoder of their own, so that no mistake of ours can be on both ends; the answers
 * are held to what those clients can read.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { decodeTtlv, FrameReader, ItemType, type Ttlv } from '../../execution/kmip/index.ts';
import { depopulate, type Populated, populate } from '../support/applications.ts';

/** TTLV (KMIP 1.4 §9.1.1): three bytes of tag, one of type, four of length, the value padded to eight. */
function item(tag: number, type: number, value: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(tag * 0x100 + type);
  head.writeUInt32BE(value.length, 4);
  return Buffer.concat([head, value, Buffer.alloc((8 - (value.length % 8)) % 8)]);
}
function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
const structure = (tag: number, ...items: Buffer[]): Buffer => item(tag, 1, Buffer.concat(items));
const integer = (tag: number, value: number): Buffer => item(tag, 2, word(value));
const enumeration = (tag: number, value: number): Buffer => item(tag, 5, word(value));
const text = (tag: number, value: string): Buffer => item(tag, 7, Buffer.from(value));
const bytes = (tag: number, value: Buffer): Buffer => item(tag, 8, value);
const time = (tag: number, value: number): Buffer =>
  item(tag, 9, Buffer.concat([Buffer.alloc(4), word(value)]));

const UID = 0x420094;
const OPERATION = {
  create: 1,
  register: 3,
  locate: 8,
  get: 10,
  getAttributes: 11,
  activate: 18,
  destroy: 20,
} as const;
const [AES, SYMMETRIC_KEY, RAW, ENCRYPT_AND_DECRYPT] = [3, 2, 1, 12] as const;

function attribute(name: string, value: (tag: number) => Buffer): Buffer {
  return structure(0x420008, text(0x42000a, name), value(0x42000b));
}
const named = (name: string): Buffer =>
  attribute('Name', (tag) => structure(tag, text(0x420055, name), enumeration(0x420054, 1)));

/** The three that everybody sends, in the order in which they send them. */
const keyAttributes = (length = 256): Buffer[] => [
  attribute('Cryptographic Algorithm', (tag) => enumeration(tag, AES)),
  attribute('Cryptographic Length', (tag) => integer(tag, length)),
  attribute('Cryptographic Usage Mask', (tag) => integer(tag, ENCRYPT_AND_DECRYPT)),
];
const template = (...attributes: Buffer[]): Buffer => structure(0x420091, ...attributes);
const create = (...attributes: Buffer[]): Buffer[] => [
  enumeration(0x420057, SYMMETRIC_KEY),
  template(...keyAttributes(), ...attributes),
];

interface Dialect {
  readonly minor: number;
  readonly maximumResponseSize?: number;
  readonly timeStamp?: boolean;
}
/** libkmip: KMIP 1.0, and room for 8 KiB. */
const LIBKMIP: Dialect = { minor: 0, maximumResponseSize: 8192, timeStamp: true };
const VSPHERE: Dialect = { minor: 1 };

function message(
  { minor, maximumResponseSize, timeStamp }: Dialect,
  operation: number,
  payload: Buffer[],
): Buffer {
  return structure(
    0x420078,
    structure(
      0x420077,
      structure(0x420069, integer(0x42006a, 1), integer(0x42006b, minor)),
      ...(maximumResponseSize === undefined ? [] : [integer(0x420050, maximumResponseSize)]),
      ...(timeStamp === true ? [time(0x420092, Math.floor(Date.now() / 1000))] : []),
      integer(0x42000d, 1),
    ),
    structure(0x42000f, enumeration(0x42005c, operation), structure(0x420079, ...payload)),
  );
}

function children(from: Ttlv | undefined): readonly Ttlv[] {
  assert.ok(from?.type === ItemType.Structure);
  return from.value;
}
function at(from: Ttlv, ...path: number[]): Ttlv {
  let found: Ttlv = from;
  for (const tag of path) {
    const next = children(found).find((child) => child.tag === tag);
    assert.ok(next !== undefined, `no ${tag.toString(16)} in ${found.tag.toString(16)}`);
    found = next;
  }
  return found;
}
const tags = (from: Ttlv): string[] => children(from).map(({ tag }) => tag.toString(16));

describe('requests as products send them', () => {
  let populated: Populated | undefined;
  let socket: TLSSocket;
  before(async () => {
    populated = await populate();
    const { world } = populated;
    const { certificatePem: cert, privateKeyPem: key } = world.certificate('billing');
    socket = connect({
      host: 'localhost',
      port: world.gateway.port,
      cert,
      key,
      ca: world.pki.ca.certificatePem,
      maxVersion: 'TLSv1.2',
    });
    await once(socket, 'secureConnect');
  });
  after(async () => {
    socket?.destroy();
    await depopulate(populated);
  });

  /** The batch item of the answer, after the header was found to hold what such a client reads and nothing more. */
  async function ask(dialect: Dialect, operation: number, ...payload: Buffer[]): Promise<Ttlv> {
    socket.write(message(dialect, operation, payload));
    const reader = new FrameReader();
    for (;;) {
      const [chunk] = (await once(socket, 'data')) as [Buffer];
      const [frame] = reader.push(chunk);
      if (frame === undefined) continue;
      assert.ok(frame.length <= (dialect.maximumResponseSize ?? Number.POSITIVE_INFINITY));
      const response = decodeTtlv(frame);
      assert.deepEqual(tags(response), ['42007a', '42000f']);
      assert.deepEqual(tags(at(response, 0x42007a)), ['420069', '420092', '42000d']);
      const minor = at(response, 0x42007a, 0x420069, 0x42006b);
      assert.equal(minor.value, dialect.minor);
      return at(response, 0x42000f);
    }
  }
  /** The payload of a success, which says its operation and its status before it. */
  async function succeed(dialect: Dialect, operation: number, ...payload: Buffer[]): Promise<Ttlv> {
    const answer = await ask(dialect, operation, ...payload);
    assert.deepEqual(tags(answer), ['42005c', '42007f', '42007c'], JSON.stringify(tags(answer)));
    assert.equal(at(answer, 0x42007f).value, 0);
    return at(answer, 0x42007c);
  }
  const uidOf = (payload: Ttlv): string => String(at(payload, UID).value);
  const material = (payload: Ttlv): Buffer =>
    Buffer.from(at(payload, 0x42008f, 0x420040, 0x420045, 0x420043).value as Uint8Array);
  async function state(dialect: Dialect, uid: string): Promise<unknown> {
    const payload = await succeed(dialect, OPERATION.getAttributes, text(UID, uid), text(0x42000a, 'State'));
    return at(payload, 0x420008, 0x42000b).value;
  }

  test('Percona Server for MongoDB registers its master key, activates it, polls its state and gets it', async () => {
    const key = randomBytes(32);
    const registered = await succeed(
      LIBKMIP,
      OPERATION.register,
      enumeration(0x420057, SYMMETRIC_KEY),
      template(...keyAttributes()),
      structure(
        0x42008f,
        structure(
          0x420040,
          enumeration(0x420042, RAW),
          structure(0x420045, bytes(0x420043, key)),
          enumeration(0x420028, AES),
          integer(0x42002a, 256),
        ),
      ),
    );
    const uid = uidOf(registered);
    assert.equal(await state(LIBKMIP, uid), 1, 'Pre-Active');
    await succeed(LIBKMIP, OPERATION.activate, text(UID, uid));
    for (let poll = 0; poll < 3; poll++) assert.equal(await state(LIBKMIP, uid), 2, 'Active');
    assert.deepEqual(material(await succeed(LIBKMIP, OPERATION.get, text(UID, uid))), key);
  });

  test('Ceph creates a key by name, locates it and gets it', async () => {
    const name = `ceph-${randomBytes(4).toString('hex')}`;
    const created = uidOf(await succeed(LIBKMIP, OPERATION.create, ...create(named(name))));
    const located = await succeed(
      LIBKMIP,
      OPERATION.locate,
      integer(0x42004f, 2),
      attribute('Object Type', (tag) => enumeration(tag, SYMMETRIC_KEY)),
      named(name),
    );
    assert.deepEqual(children(located), [{ tag: UID, type: ItemType.TextString, value: created }]);
    assert.equal(material(await succeed(LIBKMIP, OPERATION.get, text(UID, created))).length, 32);
  });

  test('vSphere creates a key that it does not activate, and reads its attributes at once', async () => {
    const created = await succeed(
      VSPHERE,
      OPERATION.create,
      ...create(
        attribute('x-Product', (tag) => text(tag, 'VMware vSphere')),
        attribute('x-Component', (tag) => text(tag, 'ESX Server')),
      ),
    );
    const uid = uidOf(created);
    const read = await succeed(VSPHERE, OPERATION.getAttributes, text(UID, uid));
    const names = children(read)
      .slice(1)
      .map((one) => at(one, 0x42000a).value);
    for (const name of [
      'Cryptographic Algorithm',
      'Cryptographic Length',
      'State',
      'x-Product',
      'x-Component',
    ]) {
      assert.ok(names.includes(name), name);
    }
    assert.equal(await state(VSPHERE, uid), 1, 'Pre-Active');
    assert.equal(material(await succeed(VSPHERE, OPERATION.get, text(UID, uid))).length, 32);
    await succeed(VSPHERE, OPERATION.destroy, text(UID, uid));
  });

  test('a refusal names its operation, and has both a Result Reason and a Result Message', async () => {
    const answer = await ask(LIBKMIP, OPERATION.get, text(UID, 'no-such-key'));
    assert.deepEqual(tags(answer), ['42005c', '42007f', '42007e', '42007d']);
    assert.equal(at(answer, 0x42007e).value, 1, 'Item Not Found');
    assert.ok(String(at(answer, 0x42007d).value).length > 0);
  });
});
