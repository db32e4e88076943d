// Distinguished names from the text of KMIP 1.0: the way back from what certificates are told to be called.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { KmipError, ResultReason } from '../../../kmip/index.ts';
import { nameText } from '../../../objects/index.ts';
import { commonName, nameFromText } from './names.ts';

const isInvalid = (error: unknown) =>
  error instanceof KmipError && error.resultReason === ResultReason.InvalidField;

test('text becomes the name that reads as that text', () => {
  for (const text of [
    'CN=leaf',
    'CN=a\\,b,OU=x\\+y,O=ACME,C=DE',
    'CN=a+OU=b,DC=example,DC=com',
    'emailAddress=ops@example.com,CN=ops',
    'CN=東京',
    '',
  ]) {
    assert.equal(nameText(nameFromText(text)), text);
  }
  assert.equal(nameText(nameFromText(' cn = spaced , o = ACME ')), 'CN=spaced,O=ACME');
  const value = fc
    .string({ minLength: 1, maxLength: 20, unit: 'grapheme' })
    .filter((text) => text.trim() === text && !text.includes('\0'));
  fc.assert(
    fc.property(value, value, (cn, o) => {
      const escaped = (text: string) => text.replace(/["+,;<>\\]/g, '\\$&').replace(/^#/, '\\#');
      const text = `CN=${escaped(cn)},O=${escaped(o)}`;
      assert.equal(nameText(nameFromText(text)), text);
    }),
  );
});

test('what is no name is Invalid Field', () => {
  for (const text of ['leaf', 'CN=', 'X=y', 'CN=a,,O=b', '=a', 'CN', `CN=${'a'.repeat(5_000)}`]) {
    assert.throws(() => nameFromText(text), isInvalid, text);
  }
  fc.assert(
    fc.property(fc.string({ maxLength: 60 }), (text) => {
      try {
        nameFromText(text);
      } catch (error) {
        assert.ok(isInvalid(error), String(error));
      }
    }),
  );
});

test('a common name is cut where X.509 ends it', () => {
  assert.equal(nameText(commonName('鍵'.repeat(70))), `CN=${'鍵'.repeat(64)}`);
});
