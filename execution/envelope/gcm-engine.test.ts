/** Both engines of AES-GCM, against published vectors, against each other, and the addon against its own memory. */
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { temporaryDirectory } from '../../testkit/directories.ts';
import { type GcmEngine, NATIVE_GCM_PATH, nativeGcm, nodeGcm } from './gcm-engine.ts';

const found = nativeGcm();
if (found === undefined) {
  throw new Error(`there is no addon at ${NATIVE_GCM_PATH}: npm run build:native says why`);
}
const native: GcmEngine = found;
const ROOT = resolve(import.meta.dirname, '../..');
const hex = (text: string): Buffer => Buffer.from(text, 'hex');

/** McGrew and Viega, "The Galois/Counter Mode of Operation", appendix B: test cases 4, 5, 6, 10, 16, 18. */
const text =
  'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39';
const aad = 'feedfacedeadbeeffeedfacedeadbeefabaddad2';
const longIv =
  '9313225df88406e555909c5aff5269aa6a7a9538534f7da1e4c303d2a318a728c3c0c95156809539fcf0e2429a6b525416aedbf5a0de6a57a637b39b';
const vectors = [
  {
    key: 'feffe9928665731c6d6a8f9467308308',
    iv: 'cafebabefacedbaddecaf888',
    out: '42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091',
    tag: '5bc94fbc3221a5db94fae95ae7121a47',
  },
  {
    key: 'feffe9928665731c6d6a8f9467308308',
    iv: 'cafebabefacedbad',
    out: '61353b4c2806934a777ff51fa22a4755699b2a714fcdc6f83766e5f97b6c742373806900e49f24b22b097544d4896b424989b5e1ebac0f07c23f4598',
    tag: '3612d2e79e3b0785561be14aaca2fccb',
  },
  {
    key: 'feffe9928665731c6d6a8f9467308308',
    iv: longIv,
    out: '8ce24998625615b603a033aca13fb894be9112a5c3a211a8ba262a3cca7e2ca701e4a9a4fba43c90ccdcb281d48c7c6fd62875d2aca417034c34aee5',
    tag: '619cc5aefffe0bfa462af43c1699d050',
  },
  {
    key: 'feffe9928665731c6d6a8f9467308308feffe9928665731c',
    iv: 'cafebabefacedbaddecaf888',
    out: '3980ca0b3c00e841eb06fac4872a2757859e1ceaa6efd984628593b40ca1e19c7d773d00c144c525ac619d18c84a3f4718e2448b2fe324d9ccda2710',
    tag: '2519498e80f1478f37ba55bd6d27618c',
  },
  {
    key: 'feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308',
    iv: 'cafebabefacedbaddecaf888',
    out: '522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662',
    tag: '76fc6ece0f4e1768cddf8853bb2d551b',
  },
  {
    key: 'feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308',
    iv: longIv,
    out: '5a8def2f0c9e53f1f75d7853659e2a20eeb2b22aafde6419a058ab4f6f746bf40fc0c3b780f244452da3ebf1c5d82cdea2418997200ef82e44ae7e3f',
    tag: 'a44a8266ee1c8eb0c8b5d4cf5ae9f19a',
  },
];

const message = fc.record({
  key: fc.constantFrom(16, 24, 32).chain((n) => fc.uint8Array({ minLength: n, maxLength: n })),
  iv: fc.uint8Array({ minLength: 1, maxLength: 128 }),
  aad: fc.uint8Array({ maxLength: 200 }),
  text: fc.uint8Array({ maxLength: 600 }),
  tagBytes: fc.integer({ min: 12, max: 16 }),
});

function sealed(
  engine: GcmEngine,
  { key, iv, aad: data, text: plain }: { key: Uint8Array; iv: Uint8Array; aad: Uint8Array; text: Uint8Array },
  tagBytes = 16,
): Buffer {
  const out = Buffer.alloc(plain.length + tagBytes);
  engine.seal(key, iv, data, plain, out);
  return out;
}

for (const engine of [native, nodeGcm]) {
  describe(`AES-GCM by ${engine.name}`, () => {
    it('gives the published answers, there and back', () => {
      for (const { key, iv, out, tag } of vectors) {
        const all = { key: hex(key), iv: hex(iv), aad: hex(aad), text: hex(text) };
        assert.equal(sealed(engine, all).toString('hex'), out + tag);
        const back = Buffer.alloc(all.text.length);
        assert.equal(engine.open(all.key, all.iv, all.aad, hex(out), hex(tag), back), true);
        assert.equal(back.toString('hex'), text);
      }
    });

    it('refuses a message in which any bit is another, and gives out nothing of it', () => {
      fc.assert(
        fc.property(message, fc.nat(), ({ key, iv, aad: data, text: plain, tagBytes }, where) => {
          const out = sealed(engine, { key, iv, aad: data, text: plain }, tagBytes);
          const bit = where % (out.length * 8);
          out[bit >> 3] = (out[bit >> 3] ?? 0) ^ (1 << (bit & 7));
          const back = Buffer.alloc(plain.length, 0xaa);
          const tag = out.subarray(plain.length);
          assert.equal(engine.open(key, iv, data, out.subarray(0, plain.length), tag, back), false);
          assert.ok(back.every((byte) => byte === 0));
        }),
      );
    });

    it('finds text, additional data, IV and tag where they lie, and leaves all else as it is', () => {
      fc.assert(
        fc.property(
          fc.array(message, { minLength: 1, maxLength: 4 }),
          fc.nat({ max: 20 }),
          (messages, gap) => {
            // Some messages under one key in a row, as those of one read are.
            for (const { key, iv, aad: data, text: plain } of [...messages, ...messages]) {
              const source = Buffer.concat([Buffer.alloc(gap, 1), plain, Buffer.alloc(3, 2), data]);
              const aadAt = gap + plain.length + 3;
              const [outAt, ivAt] = [gap, gap + plain.length + 5];
              const tagAt = ivAt + iv.length + gap;
              const out = Buffer.alloc(tagAt + 16 + gap, 0xee);
              out.set(iv, ivAt);
              engine.sealAt(
                key,
                source,
                gap,
                plain.length,
                aadAt,
                data.length,
                out,
                outAt,
                ivAt,
                iv.length,
                tagAt,
              );
              const expected = sealed(nodeGcm, { key, iv, aad: data, text: plain });
              assert.deepEqual(out.subarray(outAt, outAt + plain.length), expected.subarray(0, plain.length));
              assert.deepEqual(out.subarray(tagAt, tagAt + 16), expected.subarray(plain.length));
              assert.deepEqual(new Uint8Array(out.subarray(ivAt, ivAt + iv.length)), iv);
              const others = [
                out.subarray(0, gap),
                out.subarray(outAt + plain.length, ivAt),
                out.subarray(tagAt + 16),
              ];
              assert.ok(others.every((part) => part.every((byte) => byte === 0xee)));

              const whole = Buffer.concat([out, data]);
              const back = Buffer.alloc(gap + plain.length + gap, 0xee);
              const open = (): boolean =>
                engine.openAt(
                  key,
                  whole,
                  outAt,
                  plain.length,
                  out.length,
                  data.length,
                  ivAt,
                  iv.length,
                  tagAt,
                  back,
                  gap,
                );
              assert.equal(open(), true);
              assert.deepEqual(new Uint8Array(back.subarray(gap, gap + plain.length)), plain);
              whole[tagAt] = (whole[tagAt] ?? 0) ^ 1;
              assert.equal(open(), false);
              assert.ok(back.subarray(gap, gap + plain.length).every((byte) => byte === 0));
              assert.ok(back.subarray(gap + plain.length).every((byte) => byte === 0xee));
            }
          },
        ),
      );
    });

    it('seals many messages under one key as each of them by itself', () => {
      fc.assert(
        fc.property(
          fc.constantFrom(16, 24, 32).chain((n) => fc.uint8Array({ minLength: n, maxLength: n })),
          fc.array(message, { maxLength: 5 }),
          (key, messages) => {
            const source = Buffer.concat(messages.flatMap(({ text: plain, aad: data }) => [plain, data]));
            const rooms = messages.map(({ text: plain, iv }) => plain.length + iv.length + 16);
            const out = Buffer.alloc(rooms.reduce((sum, room) => sum + room, 0));
            let [from, to] = [0, 0];
            const places = messages.map(({ text: plain, aad: data, iv }) => {
              const ivAt = to + plain.length;
              out.set(iv, ivAt);
              const place = [from, plain.length, from + plain.length, data.length];
              const room = [to, ivAt, iv.length, ivAt + iv.length];
              from += plain.length + data.length;
              to = ivAt + iv.length + 16;
              return [...place, ...room];
            });
            engine.sealEach(key, source, out, Uint32Array.from(places.flat()), messages.length);
            const expected = messages.map((one) => {
              const whole = sealed(nodeGcm, { ...one, key });
              return Buffer.concat([whole.subarray(0, -16), one.iv, whole.subarray(-16)]);
            });
            assert.deepEqual(out, Buffer.concat(expected));
          },
        ),
      );
    });

    it('seals those before one that cannot be, and none of a plan that is too short', () => {
      const argument = { name: 'RangeError', code: 'OKCM_GCM_ARGUMENT' };
      const [key, source, out] = [new Uint8Array(32), Buffer.from('abcd'), Buffer.alloc(64)];
      const [good, bad] = [
        [0, 4, 0, 0, 0, 4, 12, 16],
        [0, 5, 0, 0, 32, 36, 12, 48],
      ];
      const plan = Uint32Array.from([good, bad].flat());
      assert.throws(() => engine.sealEach(key, source, out, plan, 3), argument);
      assert.ok(out.every((byte) => byte === 0));
      assert.throws(() => engine.sealEach(key, source, out, plan, 2), argument);
      assert.ok(
        out.subarray(16, 32).some((byte) => byte !== 0) && out.subarray(32).every((byte) => byte === 0),
      );
    });

    it('refuses places that lie outside of their buffer', () => {
      const argument = { name: 'RangeError', code: 'OKCM_GCM_ARGUMENT' };
      const [key, buffer, out] = [new Uint8Array(32), new Uint8Array(40), new Uint8Array(64)];
      for (const [textAt, textLength, aadLength, outAt, ivAt, ivLength, tagAt] of [
        [30, 11, 0, 0, 40, 12, 48],
        [0, 41, 0, 0, 40, 12, 48],
        [0, 8, 41, 0, 40, 12, 48],
        [0, 8, 0, 60, 40, 12, 48],
        [0, 8, 0, 0, 60, 12, 48],
        [0, 8, 0, 0, 40, 12, 49],
        [0, 8, 0, 0, 40, 0, 48],
        [0xffff_ffff, 8, 0, 0, 40, 12, 48],
      ] as const) {
        assert.throws(
          () =>
            engine.sealAt(key, buffer, textAt, textLength, 0, aadLength, out, outAt, ivAt, ivLength, tagAt),
          argument,
        );
      }
      assert.throws(() => engine.openAt(key, buffer, 0, 8, 0, 0, 8, 12, 25, out, 0), argument);
      assert.throws(() => engine.openAt(key, buffer, 0, 8, 0, 0, 8, 12, 20, out, 57), argument);
    });

    it('refuses sizes that are none', () => {
      const bytes = (n: number): Uint8Array => new Uint8Array(n);
      for (const [key, iv, plain, out] of [
        [31, 12, 5, 21],
        [0, 12, 5, 21],
        [32, 0, 5, 21],
        [32, 129, 5, 21],
        [32, 12, 5, 16],
        [32, 12, 5, 22],
        [32, 12, 5, 0],
      ] as const) {
        assert.throws(() => engine.seal(bytes(key), bytes(iv), bytes(0), bytes(plain), bytes(out)), {
          name: 'RangeError',
          code: 'OKCM_GCM_ARGUMENT',
        });
      }
      for (const [tag, out] of [
        [11, 5],
        [17, 5],
        [16, 4],
        [16, 6],
      ] as const) {
        assert.throws(() => engine.open(bytes(32), bytes(12), bytes(0), bytes(5), bytes(tag), bytes(out)), {
          name: 'RangeError',
          code: 'OKCM_GCM_ARGUMENT',
        });
      }
    });
  });
}

describe('the addon for AES-GCM', () => {
  it('answers as the runtime does', () => {
    fc.assert(
      fc.property(message, ({ tagBytes, ...all }) => {
        const out = sealed(native, all, tagBytes);
        assert.deepEqual(out, sealed(nodeGcm, all, tagBytes));
        const [body, tag] = [out.subarray(0, all.text.length), out.subarray(all.text.length)];
        const back = Buffer.alloc(all.text.length);
        assert.equal(native.open(all.key, all.iv, all.aad, body, tag, back), true);
        assert.deepEqual(new Uint8Array(back), all.text);
      }),
    );
  });

  it('keeps a key’s schedule until the event loop waits, and no longer', async () => {
    const [key, source, out] = [new Uint8Array(32), Buffer.from('four'), Buffer.alloc(64)];
    const use = (): void => native.sealAt(key, source, 0, 4, 0, 0, out, 0, 4, 12, 16);
    const turns = [
      () => Promise.resolve(),
      () => new Promise((done) => setImmediate(done)),
      () => new Promise((done) => setTimeout(done, 1)),
    ];
    for (const turn of turns) {
      await turn();
      use();
      assert.equal(native.isAtRest(), false, 'for the next message');
      await Promise.resolve();
      assert.equal(native.isAtRest(), false, 'in the same turn');
      await readFile(import.meta.filename);
      assert.equal(native.isAtRest(), true, 'the loop has waited');
    }
    use();
    native.seal(key, new Uint8Array(12), new Uint8Array(0), source, out.subarray(0, 20));
    assert.equal(native.isAtRest(), true, 'a message by itself leaves nothing');
  });

  it('works in place', () => {
    const [key, iv, none] = [new Uint8Array(32), new Uint8Array(12), new Uint8Array(0)];
    const apart = sealed(native, { key, iv, aad: none, text: Buffer.from('in place') });
    const buffer = Buffer.alloc(8 + 16);
    buffer.write('in place');
    native.seal(key, iv, none, buffer.subarray(0, 8), buffer);
    assert.deepEqual(buffer, apart);
    assert.equal(
      native.open(key, iv, none, buffer.subarray(0, 8), buffer.subarray(8), buffer.subarray(0, 8)),
      true,
    );
    assert.equal(buffer.subarray(0, 8).toString(), 'in place');
  });

  it('refuses an output that lies over a part of the text, which it would overwrite before it is read', () => {
    const [key, iv, none] = [new Uint8Array(32), new Uint8Array(12), new Uint8Array(0)];
    const buffer = Buffer.alloc(600, 7);
    const argument = { code: 'OKCM_GCM_ARGUMENT' };
    for (const at of [1, 4, 499]) {
      assert.throws(
        () => native.seal(key, iv, none, buffer.subarray(0, 500), buffer.subarray(at, at + 516)),
        argument,
      );
      assert.throws(
        () =>
          native.open(
            key,
            iv,
            none,
            buffer.subarray(at, at + 500),
            new Uint8Array(16),
            buffer.subarray(0, 500),
          ),
        argument,
      );
    }
    assert.ok(buffer.every((byte) => byte === 7));
    // Side by side is apart.
    native.seal(key, iv, none, buffer.subarray(0, 100), buffer.subarray(100, 216));
  });

  it('serves each thread by itself', async () => {
    const script = `const addon = require(${JSON.stringify(NATIVE_GCM_PATH)});
      const out = new Uint8Array(20);
      for (let i = 0; i < 1000; i++)
        addon.seal(new Uint8Array(16), new Uint8Array(12), new Uint8Array(0), new Uint8Array(4), out);
      require('node:worker_threads').parentPort.postMessage(Buffer.from(out).toString('hex'));`;
    const answers = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const worker = new Worker(script, { eval: true });
        const answer = new Promise((done, fail) => worker.once('message', done).once('error', fail));
        return answer.finally(() => worker.terminate());
      }),
    );
    const zeros = {
      key: Buffer.alloc(16),
      iv: Buffer.alloc(12),
      aad: Buffer.alloc(0),
      text: Buffer.alloc(4),
    };
    assert.deepEqual(new Set(answers), new Set([sealed(nodeGcm, zeros).toString('hex')]));
  });

  it('stays within its memory whatever it is given: under AddressSanitizer', {
    timeout: 120_000,
  }, async () => {
    const addon = join(temporaryDirectory('asan'), 'gcm.node');
    const sanitize = [
      '-fsanitize=address,undefined',
      '-fno-sanitize-recover=undefined',
      '-fno-omit-frame-pointer',
    ];
    const include = `-I${join(ROOT, 'node_modules/node-api-headers/include')}`;
    const source = join(import.meta.dirname, 'native/gcm.c');
    execFileSync(
      'cc',
      ['-std=c11', '-O1', '-g', ...sanitize, '-fPIC', '-shared', '-Wall', '-Wextra', '-Werror'].concat([
        include,
        '-o',
        addon,
        source,
      ]),
    );
    const runtime = execFileSync('cc', ['-print-file-name=libasan.so'], { encoding: 'utf8' }).trim();
    assert.ok(runtime.startsWith('/'), 'no AddressSanitizer: apt-get install -y gcc libasan8');
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [join(import.meta.dirname, 'testing/gcm-storm.ts'), addon, '10000'],
      { env: { ...process.env, LD_PRELOAD: runtime, ASAN_OPTIONS: 'detect_leaks=0:abort_on_error=1' } },
    );
    assert.equal(stdout, '10000\n');
  });
});
