/** An envelope opens for exactly its parent and its context, and is refused in one way for everything else. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { hpkeInfo, linkInfo, openLinkSecret } from '../../contracts/sealing.ts';
import { readEnvelope } from '../../testkit/envelope-reader.ts';
import {
  type EnvelopeContext,
  EnvelopeError,
  MAX_PLAINTEXT_BYTES,
  open,
  type ParentKey,
  ParentKind,
  parseHeader,
  SecretBytes,
  seal,
} from './index.ts';

const context: EnvelopeContext = {
  region: 'eu-west-1',
  tenant: 'acme',
  service: 'payments',
  level: 'L3',
  objectId: 'payments',
  version: 3,
  revision: 2,
};
const parent: ParentKey = { kind: ParentKind.L2, id: 'acme', version: 5, key: SecretBytes.random(32) };
const bytesOf = (secret: SecretBytes) => secret.use((bytes) => Buffer.from(bytes));

function codeOf(fn: () => unknown): string {
  try {
    fn();
  } catch (error) {
    assert.ok(error instanceof EnvelopeError, `an EnvelopeError, not ${String(error)}`);
    return error.code;
  }
  return 'opened';
}

describe('seal and open', () => {
  test('what was sealed opens, whatever its length', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 4096 }), (plaintext) => {
        const opened = open(parent, seal(parent, plaintext, context), context);
        assert.deepEqual(bytesOf(opened), Buffer.from(plaintext));
      }),
      { numRuns: 50 },
    );
  });

  test('the header names the parent, to be read without a key', () => {
    const header = parseHeader(seal(parent, Buffer.from('x'), context));
    assert.deepEqual([header.parentKind, header.parentId, header.parentVersion], [ParentKind.L2, 'acme', 5]);
  });

  test('two seals of the same thing share no salt, nonce or ciphertext', () => {
    const [a, b] = [seal(parent, Buffer.alloc(32), context), seal(parent, Buffer.alloc(32), context)];
    assert.notDeepEqual(parseHeader(a).salt, parseHeader(b).salt);
    assert.notDeepEqual(a.subarray(-48), b.subarray(-48));
  });

  test('more than an envelope may hold is refused', () => {
    assert.equal(
      codeOf(() => seal(parent, new Uint8Array(MAX_PLAINTEXT_BYTES + 1), context)),
      'TOO_LARGE',
    );
  });
});

describe('refusals', () => {
  const envelope = seal(parent, SecretBytes.random(32), context);

  test('a flipped bit anywhere is refused, with an EnvelopeError and nothing else', () => {
    for (let bit = 0; bit < envelope.length * 8; bit++) {
      const altered = Buffer.from(envelope);
      altered.writeUInt8(altered.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      assert.notEqual(
        codeOf(() => open(parent, altered, context)),
        'opened',
        `bit ${bit}`,
      );
    }
  });

  test('truncated, extended and random bytes are refused, with an EnvelopeError and nothing else', () => {
    for (let size = 0; size < envelope.length; size++) {
      assert.notEqual(
        codeOf(() => open(parent, envelope.subarray(0, size), context)),
        'opened',
      );
    }
    assert.equal(
      codeOf(() => open(parent, Buffer.concat([envelope, Buffer.alloc(1)]), context)),
      'AUTHENTICATION_FAILED',
    );
    const prefix = Buffer.from(envelope.subarray(0, 6));
    fc.assert(
      fc.property(fc.boolean(), fc.uint8Array({ maxLength: 300 }), (known, noise) => {
        const bytes = known ? Buffer.concat([prefix, noise]) : noise;
        assert.notEqual(
          codeOf(() => open(parent, bytes, context)),
          'opened',
        );
      }),
    );
  });

  test('each field of the context is bound', () => {
    const others: EnvelopeContext[] = [
      { ...context, region: 'us-east-1' },
      { ...context, tenant: 'evil' },
      { ...context, service: 'orders' },
      { ...context, level: 'L2' },
      { ...context, objectId: 'orders' },
      { ...context, version: 4 },
      { ...context, revision: 1 },
      // The same letters, divided otherwise.
      { ...context, tenant: 'acmep', service: 'ayments' },
    ];
    for (const other of others) {
      assert.equal(
        codeOf(() => open(parent, envelope, other)),
        'AUTHENTICATION_FAILED',
        JSON.stringify(other),
      );
    }
  });

  test('another parent is named as such; another key under the same name fails authentication', () => {
    for (const other of [
      { ...parent, version: 6 },
      { ...parent, id: 'evil' },
      { ...parent, kind: ParentKind.L3 },
    ]) {
      assert.equal(
        codeOf(() => open(other, envelope, context)),
        'WRONG_PARENT',
      );
    }
    assert.equal(
      codeOf(() => open({ ...parent, key: SecretBytes.random(32) }, envelope, context)),
      'AUTHENTICATION_FAILED',
    );
  });

  test('an unknown format or algorithm is named as such', () => {
    for (const at of [3, 4]) {
      const newer = Buffer.from(envelope);
      newer.writeUInt8(2, at);
      assert.equal(
        codeOf(() => open(parent, newer, context)),
        'UNSUPPORTED_FORMAT',
      );
    }
  });
});

interface Vectors {
  readonly envelopes: readonly {
    readonly name: string;
    readonly parent: { kind: ParentKind; id: string; version: number; key: string };
    readonly context: EnvelopeContext;
    readonly plaintext: string;
    readonly envelope: string;
  }[];
  readonly links: readonly {
    readonly name: string;
    readonly privateKey: string;
    readonly context: Parameters<typeof linkInfo>[0];
    readonly info: string;
    readonly secret: string;
    readonly sealed: { enc: string; ct: string };
  }[];
}

describe('vectors: what was written once opens for ever', () => {
  const vectors = JSON.parse(readFileSync(new URL('./vectors.json', import.meta.url), 'utf8')) as Vectors;
  const unhex = (text: string) => Buffer.from(text, 'hex');

  test('there are vectors', () => assert.ok(vectors.envelopes.length >= 4 && vectors.links.length >= 1));

  for (const vector of vectors.envelopes) {
    test(vector.name, () => {
      const key = SecretBytes.take(unhex(vector.parent.key));
      const opened = open({ ...vector.parent, key }, unhex(vector.envelope), vector.context);
      assert.equal(bytesOf(opened).toString('hex'), vector.plaintext);
    });
    test(`${vector.name}: by a reader written from README.md alone`, () => {
      const key = unhex(vector.parent.key);
      const read = readEnvelope(key, unhex(vector.envelope), [vector.context]);
      assert.equal(read?.toString('hex'), vector.plaintext);
    });
  }
  for (const vector of vectors.links) {
    test(vector.name, async () => {
      assert.equal(Buffer.from(linkInfo(vector.context)).toString('hex'), vector.info);
      const secret = await openLinkSecret(unhex(vector.privateKey), vector.sealed, vector.context);
      assert.equal(Buffer.from(secret).toString('hex'), vector.secret);
    });
  }
});

test('fields of an HPKE info never run into each other', () => {
  const field = fc.string({ maxLength: 6 });
  fc.assert(
    fc.property(fc.array(field, { maxLength: 4 }), fc.array(field, { maxLength: 4 }), (a, b) => {
      const same = Buffer.from(hpkeInfo('label', a)).equals(hpkeInfo('label', b));
      assert.equal(same, JSON.stringify(a) === JSON.stringify(b));
    }),
  );
});
