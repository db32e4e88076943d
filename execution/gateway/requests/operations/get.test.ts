import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseCorrelationId } from '../../../../contracts/index.ts';
import {
  attribute,
  BlockCipherMode,
  CryptographicUsageMask,
  UsageLimitsUnit,
  V1_4,
  WrappingMethod,
} from '../../../kmip/index.ts';
import type { ManagedObject } from '../../../objects/index.ts';
import { anIdentity, anObject } from '../../fixture.test.ts';
import { Lent, type RequestContext } from '../context.ts';
import { canGetLocally } from './get.ts';

function isLocal(wrapping: Partial<ManagedObject>): boolean {
  const object = anObject();
  const key = { ...anObject(), usageMask: CryptographicUsageMask.WrapKey, ...wrapping };
  const held = [object, key];
  const context: RequestContext = {
    services: {
      ring: {
        find: (_tenant: string, uid: string) => held.find((one) => one.uid === uid),
        isAnothers: () => false,
      },
    } as never,
    requester: { identity: anIdentity('a'), peer: '127.0.0.1:1' },
    version: V1_4,
    nowS: object.dates.initial,
    correlationId: parseCorrelationId('gw-1'),
    lent: new Lent(),
    staged: undefined,
  };
  const request = {
    uniqueIdentifier: object.uid,
    keyWrappingSpecification: {
      wrappingMethod: WrappingMethod.Encrypt,
      encryptionKeyInformation: { uniqueIdentifier: key.uid },
    },
  };
  return canGetLocally(request, object, context);
}

describe('Get of a wrapped key', () => {
  it('stays at the gateway where the wrapping key is plain', () => {
    assert.equal(isLocal({}), true);
  });

  it('goes to the core where that alone counts what the wrapping key protects, or how it does', () => {
    const limits = {
      usageLimitsTotal: 5n,
      usageLimitsCount: 5n,
      usageLimitsUnit: UsageLimitsUnit.Object,
    };
    const parameters = { blockCipherMode: BlockCipherMode.AESKeyWrapPadding };
    assert.equal(isLocal({ attributes: [attribute('Usage Limits', limits)] }), false);
    assert.equal(isLocal({ attributes: [attribute('Cryptographic Parameters', parameters)] }), false);
  });
});
