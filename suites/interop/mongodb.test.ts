/**
 * MongoDB's client-side field-level encryption with a KMIP master key, as its users run it: MongoDB's driver and
 * libmongocrypt, unchanged, wrap their data keys under a master key that this region keeps. The key vault is a stand-in
 * in memory; the KMIP requests and the TLS connection are theirs.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import {
  attribute,
  attributeValue,
  KeyFormatType,
  NameType,
  ObjectType,
  Operation,
  RevocationReasonCode,
  SecretDataType,
  State,
} from '../../execution/kmip/index.ts';
import type { KeyAndCertificate } from '../../platform/pki.ts';
import { temporaryDirectory } from '../../testkit/directories.ts';
import { runMongodbClient } from '../../testkit/mongodb-client.ts';
import { testPki } from '../../testkit/pki.ts';
import { depopulate, type Populated, populate } from '../support/applications.ts';

const MASTER_KEY_BYTES = 96;
/** As libmongocrypt puts them into its error. */
const RESULT_REASON = { itemNotFound: /Result Reason \(1\)/, permissionDenied: /Result Reason \(12\)/ };

interface Emitted {
  readonly made: { readonly masterKey: string; readonly opens: boolean };
  readonly given: {
    readonly masterKey: string;
    readonly opens: boolean;
    readonly opensForColleague: boolean;
  };
  readonly rewrapped: {
    readonly count: number;
    readonly masterKeys: readonly string[];
    readonly opens: readonly boolean[];
  };
  readonly told: Readonly<
    Record<'unknown' | 'short' | 'destroyed' | 'otherTenant' | 'mayNotRegister' | 'stranger', string>
  >;
}

describe("MongoDB's client-side field-level encryption", () => {
  let populated: Populated | undefined;
  let emitted: Emitted;
  let registered: string;

  before(async () => {
    populated = await populate();
    const { world, billing } = populated;
    const register = async (bytes: number, name: string): Promise<string> => {
      const { uniqueIdentifier } = await billing.request(Operation.Register, {
        objectType: ObjectType.SecretData,
        templateAttribute: {
          attribute: [
            attribute('Cryptographic Usage Mask', 0),
            attribute('Name', { nameValue: name, nameType: NameType.UninterpretedTextString }),
          ],
        },
        object: {
          objectType: ObjectType.SecretData,
          secretDataType: SecretDataType.Seed,
          keyBlock: { keyFormatType: KeyFormatType.Raw, keyValue: { keyMaterial: randomBytes(bytes) } },
        },
      });
      await billing.request(Operation.Activate, { uniqueIdentifier });
      return uniqueIdentifier;
    };
    registered = await register(MASTER_KEY_BYTES, 'master key');
    const short = await register(32, 'too short for a master key');
    const destroyed = await register(MASTER_KEY_BYTES, 'destroyed master key');
    await billing.request(Operation.Revoke, {
      uniqueIdentifier: destroyed,
      revocationReason: { revocationReasonCode: RevocationReasonCode.CessationOfOperation },
    });
    await billing.request(Operation.Destroy, { uniqueIdentifier: destroyed });

    const directory = temporaryDirectory('mongodb');
    const ca = join(directory, 'ca.pem');
    writeFileSync(ca, world.pki.ca.certificatePem);
    // MongoDB wants the certificate and its key in one file.
    const files = (name: string, { certificatePem, privateKeyPem }: KeyAndCertificate) => {
      const file = join(directory, `${name}.pem`);
      writeFileSync(file, certificatePem + privateKeyPem, { mode: 0o600 });
      return { file, ca };
    };
    const results = await runMongodbClient({
      endpoint: `localhost:${world.gateway.port}`,
      registered,
      short,
      destroyed,
      certificates: {
        application: files('application', world.certificate('billing')),
        colleague: files('colleague', await world.application('colleague', 'acme', ['orders'])),
        reader: files(
          'reader',
          await world.application('reader', 'acme', ['orders'], { operations: ['Get'] }),
        ),
        rival: files('rival', world.certificate('rival-app')),
        stranger: files('stranger', await (await testPki('another authority')).client('stranger')),
      },
    });
    emitted = Object.assign({}, ...results) as Emitted;
  });
  after(() => depopulate(populated));

  /** As the region keeps it. */
  async function masterKey(uniqueIdentifier: string) {
    assert.ok(populated !== undefined);
    const { billing } = populated;
    const { objectType, object } = await billing.request(Operation.Get, { uniqueIdentifier });
    const { attribute: [state] = [] } = await billing.request(Operation.GetAttributes, {
      uniqueIdentifier,
      attributeName: ['State'],
    });
    assert.ok(state !== undefined && object.objectType === ObjectType.SecretData);
    const { keyValue } = object.keyBlock;
    assert.ok(keyValue !== undefined && !(keyValue instanceof Uint8Array));
    assert.ok(keyValue.keyMaterial instanceof Uint8Array);
    return {
      objectType,
      secretDataType: object.secretDataType,
      bytes: keyValue.keyMaterial.length,
      state: attributeValue(state, 'State'),
    };
  }

  const ACTIVE_MASTER_KEY = {
    objectType: ObjectType.SecretData,
    secretDataType: SecretDataType.Seed,
    bytes: MASTER_KEY_BYTES,
    state: State.Active,
  };

  test('registers a 96-byte Secret Data, activates it and encrypts under what it gets', async () => {
    assert.equal(emitted.made.opens, true);
    assert.deepEqual(await masterKey(emitted.made.masterKey), ACTIVE_MASTER_KEY);
  });

  test('uses a master key that was registered before, from any application of its service', () => {
    assert.deepEqual(emitted.given, { masterKey: registered, opens: true, opensForColleague: true });
  });

  test('wraps all data keys anew under another master key, and what they encrypted still opens', async () => {
    const { count, masterKeys, opens } = emitted.rewrapped;
    assert.equal(count, 2);
    assert.deepEqual(opens, [true, true]);
    for (const uid of masterKeys) {
      assert.ok(uid !== registered && uid !== emitted.made.masterKey);
      assert.deepEqual(await masterKey(uid), ACTIVE_MASTER_KEY);
    }
  });

  test('tells the application why a master key cannot be used', () => {
    const { unknown, short, destroyed, otherTenant, mayNotRegister, stranger } = emitted.told;
    assert.match(unknown, RESULT_REASON.itemNotFound);
    assert.match(short, /96/);
    assert.match(destroyed, /KMIP response error/);
    assert.equal(otherTenant, unknown.replace('no-such-key', registered), 'as if it did not exist');
    assert.match(mayNotRegister, RESULT_REASON.permissionDenied);
    // The gateway resets such a connection before a byte of KMIP.
    assert.match(stranger, /KMS request failed/);
  });
});
