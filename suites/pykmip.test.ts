/** PyKMIP, a client that somebody else wrote, through a gateway: a key's life from Create to Destroy. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { before, describe, test } from 'node:test';
import { runPyKmip } from '../testkit/pykmip.ts';
import { System } from '../testkit/system.ts';

const VERSIONS = ['KMIP_1_0', 'KMIP_1_2', 'KMIP_1_4', 'KMIP_2_0'] as const;

const SCRIPT = new URL('pykmip/lifecycle.py', import.meta.url);

/** What the script hands back. */
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
    system = await System.shared();
  });

  for (const version of VERSIONS) {
    test(`${version}: create, activate, get, encrypt, decrypt, locate, attributes, rekey, revoke, destroy`, async () => {
      const { cert, key, ca } = system.files();
      const emitted = await runPyKmip({
        ...system.region('eu-west-1').gateway,
        certFile: cert,
        keyFile: key,
        caFile: ca,
        version,
        script: await readFile(SCRIPT, 'utf8'),
      });
      const seen = Object.assign({}, ...emitted) as Emitted;
      assert.equal(typeof seen.create, 'string');
      assert.deepEqual(seen.get, ['AES', 256, 32]);
      // Encrypt and Decrypt came with KMIP 1.2.
      const [cipher, sameCipher] = version === 'KMIP_1_0' ? [] : [[true, true], true];
      assert.deepEqual(seen.cipher, cipher);
      assert.equal(seen.sameCipher, sameCipher, 'the ciphertext is AES-CBC under the key that Get returned');
      assert.equal(seen.locate, true);
      assert.deepEqual(seen.attributes, ['Cryptographic Length', 'State']);
      assert.equal(seen.attributeList, true);
      assert.equal(seen.rekey, true);
      assert.match(String(seen.state), /DEACTIVATED/);
      assert.match(String(seen.destroyed), /ITEM_NOT_FOUND|not found|destroyed/i);
    });
  }
});
