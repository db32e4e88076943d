// Create and Join Split Key (KMIP 1.4 §4.38, §4.39) as an application meets them through a gateway's tunnel.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { temporaryDirectory } from '../../../../testkit/directories.ts';
import { testDatabase } from '../../../../testkit/postgres.ts';
import {
  attribute,
  CryptographicUsageMask,
  KeyFormatType,
  ObjectType,
  Operation,
  ResultReason,
  SplitKeyMethod,
} from '../../../kmip/index.ts';
import type { Caller } from '../../../mesh/index.ts';
import { nameAttribute } from '../../../objects/index.ts';
import { Forms, isKmip, mask, materialIn } from '../../testing/forms.ts';
import type { GatewayClient } from '../../testing/gateway-client.ts';
import { aesKey, createKey } from '../../testing/keys.ts';
import { TestRegion } from '../../testing/region.ts';

const F = KeyFormatType;
const U = CryptographicUsageMask;
const R = ResultReason;

describe('keys in parts', () => {
  let forms: Forms;
  let gateway: GatewayClient;
  let app: Caller;

  before(async () => {
    const { url } = await testDatabase();
    forms = await Forms.open(await TestRegion.create(url, temporaryDirectory('core')));
    ({ gateway, app } = forms);
  });
  after(() => forms.close());
  const register: Forms['register'] = (...all) => forms.register(...all);
  const get: Forms['get'] = (...all) => forms.get(...all);
  const attributesOf: Forms['attributesOf'] = (...all) => forms.attributesOf(...all);

  describe('split keys', () => {
    const methods = [
      ['XOR', SplitKeyMethod.XOR, undefined],
      ['GF(2^8)', SplitKeyMethod.PolynomialSharingGF2_8, undefined],
      ['GF(2^16)', SplitKeyMethod.PolynomialSharingGF2_16, undefined],
      ['prime field', SplitKeyMethod.PolynomialSharingPrimeField, 2n ** 256n + 297n],
    ] as const;

    for (const [name, splitKeyMethod, primeFieldSize] of methods) {
      test(`by ${name}: a key comes back from its parts`, async () => {
        const whole = await createKey(gateway, app);
        const splitKeyThreshold = splitKeyMethod === SplitKeyMethod.XOR ? 3 : 2;
        const { uniqueIdentifier: uids } = await gateway.run(app, Operation.CreateSplitKey, {
          objectType: ObjectType.SplitKey,
          uniqueIdentifier: whole,
          splitKeyParts: 3,
          splitKeyThreshold,
          splitKeyMethod,
          primeFieldSize,
          templateAttribute: { attribute: [attribute('Cryptographic Length', 128)] },
        });
        assert.equal(uids.length, 3);
        const [, second = ''] = uids;
        const part = await get(second);
        assert.ok(part.objectType === ObjectType.SplitKey && part.keyPartIdentifier === 2);
        assert.deepEqual(await attributesOf(second, 'Cryptographic Length'), [256]);
        const few = uids.slice(0, splitKeyThreshold - 1);
        const join = (uniqueIdentifier: readonly string[]) =>
          gateway.run(app, Operation.JoinSplitKey, {
            objectType: ObjectType.SymmetricKey,
            uniqueIdentifier,
            templateAttribute: { attribute: [nameAttribute(`joined by ${name}`)] },
          });
        await assert.rejects(join(few), isKmip(R.CryptographicFailure));
        const joined = await join(uids.slice(3 - splitKeyThreshold));
        assert.deepEqual(materialIn(await get(joined.uniqueIdentifier)), materialIn(await get(whole)));
        assert.deepEqual(await attributesOf(joined.uniqueIdentifier, 'Cryptographic Usage Mask'), [12]);
      });
    }

    test('a new key is made in parts, and a private key survives them', async () => {
      const sharing = { splitKeyParts: 4, splitKeyThreshold: 3, splitKeyMethod: 4 };
      const { uniqueIdentifier: parts } = await gateway.run(app, Operation.CreateSplitKey, {
        objectType: ObjectType.SplitKey,
        ...sharing,
        templateAttribute: { attribute: [...aesKey, nameAttribute('in parts')] },
      });
      const named = await gateway.run(app, Operation.Locate, { attribute: [nameAttribute('in parts')] });
      assert.deepEqual(named.uniqueIdentifier, [parts[0]]);
      const joined = await gateway.run(app, Operation.JoinSplitKey, {
        objectType: ObjectType.SymmetricKey,
        uniqueIdentifier: parts,
      });
      assert.equal(materialIn(await get(joined.uniqueIdentifier)).length, 32);

      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
      const der = privateKey.export({ format: 'der', type: 'pkcs8' });
      const uid = await register(
        {
          objectType: ObjectType.PrivateKey,
          keyBlock: { keyFormatType: F.PKCS_8, keyValue: { keyMaterial: der } },
        },
        mask(U.Sign),
        attribute('Sensitive', true),
      );
      const split = await gateway.run(app, Operation.CreateSplitKey, {
        objectType: ObjectType.PrivateKey,
        uniqueIdentifier: uid,
        ...sharing,
        templateAttribute: { attribute: [attribute('Sensitive', false)] },
      });
      const [first = '', ...others] = split.uniqueIdentifier;
      await assert.rejects(get(first), isKmip(R.Sensitive), 'no way around leads over the parts');
      const again = await gateway.run(app, Operation.JoinSplitKey, {
        objectType: ObjectType.PrivateKey,
        uniqueIdentifier: others,
      });
      await assert.rejects(get(again.uniqueIdentifier), isKmip(R.Sensitive));
      const mixed = [first, ...parts.slice(0, 2)];
      await assert.rejects(
        gateway.run(app, Operation.JoinSplitKey, {
          objectType: ObjectType.SymmetricKey,
          uniqueIdentifier: mixed,
        }),
        isKmip(R.InvalidField),
      );
    });

    test('more parts than there can be are not even looked for', async () => {
      const uniqueIdentifier = Array.from({ length: 65 }, (_, i) => `part-${i}`);
      await assert.rejects(
        gateway.run(app, Operation.JoinSplitKey, {
          objectType: ObjectType.SymmetricKey,
          uniqueIdentifier,
        }),
        isKmip(R.InvalidField),
      );
    });

    test('what is not Extractable is not split, and its parts give no key for another use', async () => {
      const sharing = { splitKeyParts: 2, splitKeyThreshold: 2, splitKeyMethod: SplitKeyMethod.XOR };
      const kept = await createKey(gateway, app, attribute('Extractable', false));
      await assert.rejects(
        gateway.run(app, Operation.CreateSplitKey, {
          objectType: ObjectType.SplitKey,
          uniqueIdentifier: kept,
          ...sharing,
          templateAttribute: {},
        }),
        isKmip(R.NotExtractable),
      );
      const { uniqueIdentifier: parts } = await gateway.run(app, Operation.CreateSplitKey, {
        objectType: ObjectType.SplitKey,
        ...sharing,
        templateAttribute: { attribute: [...aesKey, attribute('Extractable', false)] },
      });
      const joined = await gateway.run(app, Operation.JoinSplitKey, {
        objectType: ObjectType.SymmetricKey,
        uniqueIdentifier: parts,
        templateAttribute: {
          attribute: [attribute('Extractable', true), mask(U.WrapKey | U.UnwrapKey)],
        },
      });
      await assert.rejects(get(joined.uniqueIdentifier), isKmip(R.NotExtractable));
      assert.deepEqual(await attributesOf(joined.uniqueIdentifier, 'Cryptographic Usage Mask'), [12]);
    });
  });
});
