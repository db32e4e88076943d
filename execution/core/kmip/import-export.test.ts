// Export and Import (KMIP 1.4 §4.41, §4.42) as an application meets them through a gateway's tunnel.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { temporaryDirectory } from '../../../testkit/directories.ts';
import { testDatabase } from '../../../testkit/postgres.ts';
import {
  type Attribute,
  attribute,
  CryptographicUsageMask,
  KeyWrapType,
  type KmipObject,
  Operation,
  type RequestOf,
  ResultReason,
  State,
  WrappingMethod,
} from '../../kmip/index.ts';
import type { Caller } from '../../mesh/index.ts';
import { nameAttribute } from '../../objects/index.ts';
import { blockOf, Forms, isKmip, mask, materialIn, symmetric, wrappedIn } from '../testing/forms.ts';
import type { GatewayClient } from '../testing/gateway-client.ts';
import { createKey, stateOf } from '../testing/keys.ts';
import { TestRegion } from '../testing/region.ts';

const U = CryptographicUsageMask;
const R = ResultReason;

describe('objects that move', () => {
  let forms: Forms;
  let gateway: GatewayClient;
  let app: Caller;
  let other: Caller;

  before(async () => {
    const { url } = await testDatabase();
    forms = await Forms.open(await TestRegion.create(url, temporaryDirectory('core')));
    ({ gateway, app, other } = forms);
  });
  after(() => forms.close());
  const get: Forms['get'] = (...all) => forms.get(...all);
  const kek: Forms['kek'] = (...all) => forms.kek(...all);

  describe('Export and Import', () => {
    const uidIn = (n: number) => `imported-${n}`;

    test('move an object with all that it is', async () => {
      const uid = await createKey(gateway, app, nameAttribute('moving'), attribute('Object Group', 'g'));
      await gateway.run(app, Operation.Activate, { uniqueIdentifier: uid });
      // Served once, so that Fresh stays what it is.
      await get(uid);
      const exported = await gateway.run(app, Operation.Export, { uniqueIdentifier: uid });
      assert.equal(exported.uniqueIdentifier, uid);
      const importIt = (more: Partial<RequestOf<typeof Operation.Import>> = {}) =>
        gateway.run(app, Operation.Import, {
          uniqueIdentifier: uid,
          attribute: exported.attribute,
          object: exported.object,
          ...more,
        });
      await assert.rejects(importIt(), isKmip(R.ObjectAlreadyExists));
      await gateway.run(app, Operation.Revoke, {
        uniqueIdentifier: uid,
        revocationReason: { revocationReasonCode: 1 },
      });
      await gateway.run(app, Operation.Destroy, { uniqueIdentifier: uid });
      const gone = await gateway.run(app, Operation.Export, { uniqueIdentifier: uid });
      assert.equal(blockOf(gone.object).keyValue, undefined);
      await importIt({ replaceExisting: true });
      assert.equal(await stateOf(gateway, app, uid), State.Active);
      assert.deepEqual(materialIn(await get(uid)), materialIn(exported.object));
      const back = await gateway.run(app, Operation.Export, { uniqueIdentifier: uid });
      assert.deepEqual(JSON.stringify(back.attribute), JSON.stringify(exported.attribute));
      const found = await gateway.run(app, Operation.Locate, { attribute: [nameAttribute('moving')] });
      assert.deepEqual(found.uniqueIdentifier, [uid]);
    });

    test('unwrap on the way in if so asked, and keep the wrapping if not', async () => {
      const kekUid = await kek(randomBytes(32));
      const uid = await createKey(gateway, app);
      const { object, attribute: attributes } = await gateway.run(app, Operation.Export, {
        uniqueIdentifier: uid,
        keyWrappingSpecification: {
          wrappingMethod: WrappingMethod.Encrypt,
          encryptionKeyInformation: { uniqueIdentifier: kekUid },
        },
      });
      for (const [n, keyWrapType] of [KeyWrapType.AsRegistered, KeyWrapType.NotWrapped].entries()) {
        const request = { uniqueIdentifier: uidIn(n), attribute: attributes, object, keyWrapType };
        await gateway.run(app, Operation.Import, request);
      }
      assert.deepEqual(wrappedIn(await get(uidIn(0))), wrappedIn(object));
      assert.deepEqual(materialIn(await get(uidIn(1))), materialIn(await get(uid)));
      const stranger = {
        ...object,
        keyBlock: {
          ...blockOf(object),
          keyWrappingData: {
            wrappingMethod: WrappingMethod.Encrypt,
            encryptionKeyInformation: { uniqueIdentifier: 'elsewhere' },
          },
        },
      } as KmipObject;
      await assert.rejects(
        gateway.run(app, Operation.Import, {
          uniqueIdentifier: uidIn(2),
          attribute: attributes,
          object: stranger,
          keyWrapType: KeyWrapType.NotWrapped,
        }),
        isKmip(R.ItemNotFound),
      );
    });

    test('tell nobody of what another tenant has, and give it a place of its own', async () => {
      const uid = await createKey(gateway, other);
      const mine = symmetric(randomBytes(16));
      const { uniqueIdentifier } = await gateway.run(app, Operation.Import, {
        uniqueIdentifier: uid,
        replaceExisting: true,
        attribute: [mask(U.Encrypt)],
        object: mine,
      });
      assert.notEqual(uniqueIdentifier, uid);
      assert.deepEqual(materialIn(await get(uniqueIdentifier)), materialIn(mine));
      await assert.rejects(get(uid), isKmip(R.ItemNotFound));
    });

    test('refuse identifiers that are none, and attributes that are not the object’s', async () => {
      const object = symmetric(randomBytes(16));
      const importAs = (uniqueIdentifier: string, ...attributes: Attribute[]) =>
        gateway.run(app, Operation.Import, { uniqueIdentifier, attribute: attributes, object });
      for (const uid of ['', 'l3:billing', 'x'.repeat(129)]) {
        await assert.rejects(importAs(uid, mask(U.Encrypt)), isKmip(R.InvalidField));
      }
      await assert.rejects(
        importAs('length', mask(4), attribute('Cryptographic Length', 256)),
        isKmip(R.InvalidField),
      );
      await assert.rejects(importAs('state', attribute('State', 9)), isKmip(R.InvalidField));
    });
  });
});
