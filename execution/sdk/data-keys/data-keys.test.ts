/** Data keys through a client and a server: buffers, streams, caching, who may open what. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { after, afterEach, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { Operation } from '../../kmip/index.ts';
import { startWorld, type TestServer, type World } from '../fixture.test.ts';
import {
  connect,
  type DataKeySource,
  type DataKeysOptions,
  type OpenKcm,
  OpenKcmError,
  SealedDataError,
  type SealedDataErrorCode,
} from '../index.ts';

const { Create, Get, Encrypt, Decrypt } = Operation;
const CHUNK = 4096;
const sources: readonly DataKeySource[] = [{ kind: 'created' }, { kind: 'service', service: 'orders' }];

let world: World;
let server: TestServer;
let kms: OpenKcm;

before(async () => {
  world = await startWorld();
  server = await world.server();
  kms = await connect(world.options([server]));
});
after(async () => {
  await kms.close();
  await world.close();
});
afterEach(() => {
  server.asked.length = 0;
});

const refusal =
  (code: SealedDataErrorCode) =>
  (error: unknown): boolean =>
    error instanceof SealedDataError && error.code === code;

async function collect(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const bytes of stream) all.push(bytes);
  return Buffer.concat(all);
}

describe('data keys', () => {
  it('refuse what is no Uint8Array, and seal no part of it', async () => {
    using keys = kms.dataKeys();
    const others: readonly unknown[] = [
      new ArrayBuffer(8),
      new Uint16Array([1_000]),
      new DataView(new ArrayBuffer(8)),
    ];
    for (const other of others) {
      const invalid = (error: unknown): boolean =>
        error instanceof OpenKcmError && error.code === 'INVALID_REQUEST';
      await assert.rejects(keys.seal(other as Uint8Array), invalid);
      await assert.rejects(keys.open(other as Uint8Array), invalid);
    }
  });

  for (const source of sources) {
    it(`${source.kind}: many messages, one key; who has none asks for it once`, async () => {
      using writer = kms.dataKeys({ source });
      const sealed = await Promise.all(
        Array.from({ length: 50 }, (_, i) =>
          writer.seal(Buffer.from(`${i}`), { associatedData: Buffer.from(`row ${i}`) }),
        ),
      );
      const created = source.kind === 'created';
      assert.equal(server.asked.length, created ? 2 : 1);
      assert.equal(server.count(created ? Create : Encrypt), 1);
      using reader = kms.dataKeys({ source });
      const opened = await Promise.all(
        sealed.map((one, i) => reader.open(one, { associatedData: Buffer.from(`row ${i}`) })),
      );
      assert.deepEqual(
        opened.map(String),
        Array.from({ length: 50 }, (_, i) => `${i}`),
      );
      assert.equal(server.count(created ? Get : Decrypt), created ? 2 : 1);
      await assert.rejects(reader.open(sealed[0] ?? Buffer.alloc(0)), refusal('WRONG_KEY'));
    });
  }

  it('buffers and streams of both kinds make and take the same', async () => {
    using dataKeys = kms.dataKeys({ chunkBytes: CHUNK });
    const chopped = (bytes: Buffer, size: number): Buffer[] =>
      Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
        bytes.subarray(i * size, (i + 1) * size),
      );
    await fc.assert(
      fc.asyncProperty(fc.nat(3 * CHUNK), fc.integer({ min: 500, max: 2 * CHUNK }), async (size, piece) => {
        const plain = randomBytes(size);
        const options = { associatedData: Buffer.from('file') };
        const web = (): ReadableStream<Uint8Array> => ReadableStream.from(chopped(plain, piece));
        const sealed = [
          await dataKeys.seal(plain, options),
          await collect(web().pipeThrough(dataKeys.sealStream(options))),
          await collect(Readable.from(chopped(plain, piece)).pipe(dataKeys.sealTransform(options))),
        ];
        for (const one of sealed) {
          assert.deepEqual(await dataKeys.open(one, options), plain);
          const pieces = chopped(one, piece);
          assert.deepEqual(
            await collect(ReadableStream.from(pieces).pipeThrough(dataKeys.openStream(options))),
            plain,
          );
          assert.deepEqual(await collect(Readable.from(pieces).pipe(dataKeys.openTransform(options))), plain);
        }
      }),
      { numRuns: 15 },
    );
  });

  it('a stream gives out whole chunks as they come, and an error at an end that is none', async () => {
    using dataKeys = kms.dataKeys({ chunkBytes: CHUNK });
    const plain = randomBytes(3 * CHUNK);
    const sealed = await dataKeys.seal(plain);
    const cut = sealed.subarray(0, sealed.length - (CHUNK + 16));
    const seen: Uint8Array[] = [];
    const reading = (async () => {
      for await (const bytes of ReadableStream.from([cut]).pipeThrough(dataKeys.openStream()))
        seen.push(bytes);
    })();
    await assert.rejects(reading, refusal('TRUNCATED'));
    assert.deepEqual(Buffer.concat(seen), plain.subarray(0, CHUNK));
    const sink = async (from: AsyncIterable<Uint8Array>): Promise<void> => void (await collect(from));
    await assert.rejects(
      pipeline(Readable.from([cut]), dataKeys.openTransform(), sink),
      refusal('TRUNCATED'),
    );
    await assert.rejects(pipeline(Readable.from([]), dataKeys.openTransform(), sink), refusal('TRUNCATED'));
  });

  it('streams that are given up let go', async () => {
    using dataKeys = kms.dataKeys({ chunkBytes: CHUNK });
    const endless = new ReadableStream<Uint8Array>({ pull: (to) => to.enqueue(randomBytes(CHUNK)) });
    const reader = endless.pipeThrough(dataKeys.sealStream()).getReader();
    assert.equal((await reader.read()).done, false);
    await reader.cancel();
    const transform = dataKeys.sealTransform();
    transform.write(randomBytes(CHUNK));
    transform.destroy();
    // A stream has a key of its own: closing its data keys does not end it.
    const through = dataKeys.sealTransform();
    through.write(randomBytes(10));
    await new Promise((resolve) => through.once('readable', resolve));
    dataKeys.close();
    through.end();
    assert.ok((await collect(through)).length > 10);
  });

  it('messages that name keys of another kind or service are not opened, unless they are accepted', async () => {
    const [created, orders] = await Promise.all(
      sources.map(async (source) => {
        using dataKeys = kms.dataKeys({ source });
        return await dataKeys.seal(Buffer.from('text'));
      }),
    );
    assert.ok(created !== undefined && orders !== undefined);
    server.asked.length = 0;
    const refused = async (options: DataKeysOptions, sealed: Buffer): Promise<void> => {
      using dataKeys = kms.dataKeys(options);
      await assert.rejects(dataKeys.open(sealed), refusal('NOT_ACCEPTED'));
    };
    await refused({}, orders);
    await refused({ source: { kind: 'service', service: 'orders' } }, created);
    await refused({ source: { kind: 'service', service: 'parcels' } }, orders);
    await refused(
      { accept: (reference) => reference.kind === 'created' && reference.uid === 'another' },
      created,
    );
    assert.equal(server.asked.length, 0, 'no gateway was asked');
    using all = kms.dataKeys({ accept: () => true });
    assert.equal(String(await all.open(orders)), 'text');
  });

  it('a destroyed key opens nothing any more, once it has left the cache', async () => {
    using dataKeys = kms.dataKeys();
    const sealed = await dataKeys.seal(Buffer.from('text'));
    for (const uid of server.keys.keys()) server.keys.delete(uid);
    assert.equal(String(await dataKeys.open(sealed)), 'text');
    using later = kms.dataKeys();
    await assert.rejects(
      later.open(sealed),
      (error) => error instanceof OpenKcmError && error.reason === 'ItemNotFound',
    );
  });

  it('close with their client, and then serve nobody', async () => {
    const client = await connect(world.options([server]));
    const dataKeys = client.dataKeys();
    const sealed = await dataKeys.seal(Buffer.from('text'));
    await client.close();
    await assert.rejects(dataKeys.open(sealed), refusal('CLOSED'));
    await assert.rejects(dataKeys.seal(sealed), refusal('CLOSED'));
    assert.throws(() => client.dataKeys(), OpenKcmError);
  });

  it('refuse options that make no sense', () => {
    for (const options of [{ chunkBytes: 5000 }, { chunkBytes: 2 ** 21 }, { limits: { maxKeys: 0 } }]) {
      assert.throws(() => kms.dataKeys(options), OpenKcmError);
    }
  });
});
