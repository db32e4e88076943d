/** What an application that was refused is told to do. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refusals } from '../../execution/gateway/refusals.ts';
import { KmipError, ResultReason } from '../../execution/kmip/index.ts';
import { hintOf } from './application.ts';

test('of a closed link: the command that links it again; of all else KMIP’s own hint', () => {
  const { resultReason, message } = refusals.LINK_CLOSED;
  assert.equal(hintOf(new KmipError(resultReason, message), 'acme'), 'okcm link acme');
  const other = new KmipError(ResultReason.PermissionDenied, 'not yours');
  assert.equal(hintOf(other, 'acme'), other.hint);
  assert.notEqual(other.hint, undefined);
});
