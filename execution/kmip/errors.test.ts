import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  decodeTtlv,
  hintFor,
  KmipError,
  ResultReason,
  ResultStatus,
  schemasOf,
  structureItem,
  Tag,
} from './index.ts';

describe('KmipError', () => {
  it('has a constructor and a hint for every reason', () => {
    for (const [name, reason] of Object.entries(ResultReason)) {
      const constructorName = name.charAt(0).toLowerCase() + name.slice(1);
      const make = (KmipError as unknown as Record<string, ((message: string) => KmipError) | undefined>)[
        constructorName
      ];
      assert.ok(make !== undefined, constructorName);
      const error = make('because');
      assert.equal(error.resultReason, reason);
      assert.equal(error.message, 'because');
      assert.equal(error.resultStatus, ResultStatus.OperationFailed);
      assert.ok((error.hint ?? '').length > 10, name);
    }
  });

  it('has a stable code', () => {
    assert.equal(KmipError.itemNotFound('').code, 'ITEM_NOT_FOUND');
    assert.equal(KmipError.indexOutOfBounds('').code, 'INDEX_OUT_OF_BOUNDS');
    assert.equal(new KmipError(0x80000001, '').code, 'REASON_0x80000001');
    assert.equal(hintFor(0x80000001), undefined);
  });

  it('takes decoding errors as the specification says (§11.1)', () => {
    const caught = (run: () => unknown): KmipError => {
      try {
        run();
      } catch (error) {
        return KmipError.from(error);
      }
      return assert.fail('nothing was thrown');
    };
    assert.equal(caught(() => decodeTtlv(Buffer.alloc(3))).resultReason, ResultReason.InvalidMessage);
    const { request } = schemasOf(0x0a);
    const stray = structureItem(Tag.RequestPayload, [structureItem(Tag.Nonce, [])]);
    assert.equal(caught(() => request.read(stray)).resultReason, ResultReason.InvalidField);
    const uid = { tag: Tag.UniqueIdentifier, type: 7, value: 'a' } as const;
    const twice = structureItem(Tag.RequestPayload, [uid, uid]);
    assert.equal(caught(() => request.read(twice)).resultReason, ResultReason.InvalidMessage);
  });

  it('tells the peer nothing of what failed inside', () => {
    const inner = new Error('password is hunter2');
    const error = KmipError.from(inner);
    assert.equal(error.resultReason, ResultReason.GeneralFailure);
    assert.ok(!error.message.includes('hunter2'));
    assert.equal(error.cause, inner);
    assert.equal(KmipError.from(error), error);
  });
});
