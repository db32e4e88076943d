/** PyKMIP, a client that somebody else wrote, through a gateway: a key's life from Create to Destroy. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { runPyKmip } from '../testkit/pykmip.ts';
import { System } from '../testkit/system.ts';

const VERSIONS = ['KMIP_1_0', 'KMIP_1_2', 'KMIP_1_4'] as const;

/** What the scripts in pykmip/ hand back. */
interface Emitted {
  readonly create?: string;
  readonly get?: readonly [string, number, number];
  readonly cipher?: readonly [boolean, boolean];
  readonly sameCipher?: boolean;
  readonly locate?: boolean;
  readonly attributes?: readonly string[];
  readonly attributeList?: boolean;
  readonly rekey?: boolean;
  readonly state?: string;
  readonly destroyed?: string | boolean;
}

describe('PyKMIP', () => {
  let system: System;
  before(async () => {
    system = await System.start();
  });
  after(() => system?.interrupt());

  for (const version of VERSIONS) {
    // KMIP 1.0 and 1.1 have no Encrypt and Decrypt (they came with 1.2).
    const script = version === 'KMIP_1_0' ? 'lifecycle-1-0.py' : 'lifecycle.py';
    test(`${version}: create, activate, get, encrypt, decrypt, locate, attributes, rekey, revoke, destroy`, async () => {
      const { cert, key, ca } = system.files();
      const emitted = await runPyKmip({
        ...system.region('eu-west-1').gateway,
        certFile: cert,
        keyFile: key,
        caFile: ca,
        version,
        script: await readFile(new URL(`pykmip/${script}`, import.meta.url), 'utf8'),
      });
      const seen = Object.assign({}, ...emitted) as Emitted;
      assert.equal(typeof seen.create, 'string');
      assert.deepEqual(seen.get, ['AES', 256, 32]);
      if (version !== 'KMIP_1_0') {
        assert.deepEqual(seen.cipher, [true, true]);
        assert.equal(seen.sameCipher, true, 'the ciphertext is AES-CBC under the key that Get returned');
      }
      assert.equal(seen.locate, true);
      assert.deepEqual(seen.attributes, ['Cryptographic Length', 'State']);
      assert.equal(seen.attributeList, true);
      assert.equal(seen.rekey, true);
      assert.match(String(seen.state), /DEACTIVATED/);
      assert.match(String(seen.destroyed), /ITEM_NOT_FOUND|not found|destroyed/i);
    });
  }
});
