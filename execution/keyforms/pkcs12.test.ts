// PKCS#12 containers of others open, and ours are read by others: both were tried with OpenSSL 3 and Java.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { KeyFormatType, KmipError, ResultReason } from '../kmip/index.ts';
import { materialIn, openPkcs12, pkcs12Container } from './index.ts';

const isInvalid = (error: unknown) =>
  error instanceof KmipError && error.resultReason === ResultReason.InvalidField;

/** `openssl pkcs12 -export -name Alias -passout pass:secret` of an Ed25519 key, as OpenSSL 3 does it and as old tools do. */
const ofOpenssl: Readonly<Record<string, readonly string[]>> = {
  'PBES2, AES-256': [
    'MIIDogIBAzCCA1gGCSqGSIb3DQEHAaCCA0kEggNFMIIDQTCCAjIGCSqGSIb3DQEHBqCCAiMwggIfAgEAMIICGAYJ',
    'KoZIhvcNAQcBMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAh+pTvyfYcKEQICCAAwDAYIKoZIhvcNAgkF',
    'ADAdBglghkgBZQMEASoEEIiVNX7LVOMuOk27DKPVzh+AggGwkpAnpfcI5nZEN5EkmktHKv7jKtD/bRRdZSeKN1l8',
    'VD2TpsD+5HXbFYznSwFyvg/Ttk3ypncR2KLwJTufZabZdUDKaoehDQrmUyDcLgL8f7utVxTOfUtw5IvdHSkibiIK',
    'k2nmXw9b5L9P1JDPi4bzkWzGLQ7TGUKzpUCfstUTrP904BR8UAzXTnmJn7FWK3GNINcEom300GllsC9FLf+oB9P3',
    'uP8ym2Xo3QNuncXALYfRXoDH1MH/NrZ9MaYR4+e419p6M83enNnGEGpJ5vViB0akxKhoL3GX4zBDuad92OWkiyqv',
    '70MIJONAPGZDFaHi1zlzV8OFP5E6fnLxyHN2oIOXEY4KamCZekDu9qlM32vNmfFdeZwocLhPkaRg6oRLPvI8n94T',
    'pJ8j0/qPpO3xDK59qgLnil8xio64mcYtnmNUiTaq5XEU6QN3+AiOS12p3EfrxOdQwPOKwiLFuQOA0k45tneHJJpG',
    'ThxHHHwC5ml7XDdSYvTZrMOFCMhf6IoSojZFTinmVlK3asuZQs7eLpTOi/oJ3zPLXlByIw1WM1bIYsCiwlR3/sXS',
    '28Gn1i3NMIIBBwYJKoZIhvcNAQcBoIH5BIH2MIHzMIHwBgsqhkiG9w0BDAoBAqCBnjCBmzBXBgkqhkiG9w0BBQ0w',
    'SjApBgkqhkiG9w0BBQwwHAQIsE4U45IXwjcCAggAMAwGCCqGSIb3DQIJBQAwHQYJYIZIAWUDBAEqBBBnWA+h5vTd',
    '+Ne6Dha5ErleBEAoPTrh08o0/tS4g/+nf2HAv1ciyhPSDfsvJQfpHMvPXB7Eu3s5OrFtExBhFSlaJd/Zss+IXmGh',
    'xqnSk0/79aHOMUAwGQYJKoZIhvcNAQkUMQweCgBBAGwAaQBhAHMwIwYJKoZIhvcNAQkVMRYEFKW02QA943tCNlt5',
    '5YdVRvHCnllzMEEwMTANBglghkgBZQMEAgEFAAQg8a1RTjDv+xVdwCY3FvAsK+AEo3u9PGqaFoNhphffT2sECPsU',
    'gTY5bZ4xAgIIAA==',
  ],
  'PBE-SHA1-3DES': [
    'MIIDCQIBAzCCAs8GCSqGSIb3DQEHAaCCAsAEggK8MIICuDCCAe8GCSqGSIb3DQEHBqCCAeAwggHcAgEAMIIB1QYJ',
    'KoZIhvcNAQcBMBwGCiqGSIb3DQEMAQMwDgQI49PDxe4RJtECAggAgIIBqEwciALFID44pQDdZtRLT8eibqYCfKDM',
    '4Svo+XKitLmAvxQkuzjxJIagbEj/hH2grGt3dzDX8HF2+lONrZC34e3vwq1h/a1JBrsj28XtQggFdXzT0Vix8YF3',
    'nzSj8hdaPFjODqdqu9Q0PVx80vW0hHFeqUrY4WxvwanmTRPUemZ/7lFLCw3iQiFcMeDp1agGJmE6HLIt2wjPmWWR',
    '5zS3gdB4+br4nmxjP2Ft9tXdMR7TX1VLGj6LJi/81NeAPCGVPHkvkNMABTaxOc7orCl7nfWRpY19jgEjL5AXNSSa',
    'o9PrmWwCavcwF8BBE56C6RYnP3Q+DuYOz7RskA4GGKYFc561fDXbvLf+6+gWeEhqlApdvN9RBo9B1gFV2TROxpR/',
    'eyAXcETaEJpcFp7tANhm0ERlR4Tg8f3L428WckXPujKtZQMkbJ9FML9Xjy/f1sfDlwrUKjwxyCSv2ZmFg2PBkEzx',
    'ukd3QKughJqjPvgb3RsImhsHxViG/i8YpadaqtlTEZqoNPTrzxZrVae5leygdgQlqH15d5NlrA0cUXJ26YYkbJj6',
    'ZATV4o0wgcIGCSqGSIb3DQEHAaCBtASBsTCBrjCBqwYLKoZIhvcNAQwKAQKgWjBYMBwGCiqGSIb3DQEMAQMwDgQI',
    'Hrr9Pes9/TECAggABDgDEn8S/O9d+J0nHnObeft3xfM//Yy2HCkJGb7gxqmupZ8OB7OoGo4TYHoKgW788y3L4OUm',
    'WbYTBDFAMBkGCSqGSIb3DQEJFDEMHgoAQQBsAGkAYQBzMCMGCSqGSIb3DQEJFTEWBBSltNkAPeN7QjZbeeWHVUbx',
    'wp5ZczAxMCEwCQYFKw4DAhoFAAQUnX23CHAGisInaNcXfIb04xghHMsECE0OQCxOeHuHAgIIAA==',
  ],
};
const SEED = '5e40689133807676dc1a5b8286a73ee3f37b358c248186e1be168b14230fbdda';

for (const [name, base64] of Object.entries(ofOpenssl)) {
  test(`a container that OpenSSL made with ${name} opens`, () => {
    const container = Buffer.from(base64.join(''), 'base64');
    const { key, friendlyName } = openPkcs12(container, Buffer.from('secret'), 'ALIAS');
    assert.equal(Buffer.from(materialIn(key, KeyFormatType.Raw)).toString('hex'), SEED);
    assert.equal(friendlyName, 'Alias');
    assert.throws(() => openPkcs12(container, Buffer.from('Secret')), isInvalid);
    assert.throws(() => openPkcs12(container, Buffer.from('secret'), 'other'), isInvalid);
  });
}

test('a container gives back what went in, with the right password and name', () => {
  const { privateKey: key } = generateKeyPairSync('ed25519');
  const word = fc.string({
    minLength: 1,
    maxLength: 20,
    unit: fc.integer({ min: 33, max: 126 }).map((c) => String.fromCharCode(c)),
  });
  fc.assert(
    fc.property(word, fc.string({ maxLength: 20 }), (text, friendlyName) => {
      const password = Buffer.from(text);
      const container = pkcs12Container({ key, certificates: [], password, friendlyName });
      const opened = openPkcs12(container, password, friendlyName);
      assert.ok(opened.key.equals(key));
      assert.equal(opened.friendlyName, friendlyName);
      assert.throws(() => openPkcs12(container, password, `${friendlyName}-other`), isInvalid);
      assert.throws(() => openPkcs12(container, Buffer.from(`${text}x`)), isInvalid);
    }),
    { numRuns: 10 },
  );
});

test('bytes that are no container are refused, however they are damaged', () => {
  const { privateKey: key } = generateKeyPairSync('ed25519');
  const password = Buffer.from('password');
  const whole = pkcs12Container({ key, certificates: [], password, friendlyName: 'a' });
  fc.assert(
    fc.property(fc.nat({ max: whole.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const damaged = Buffer.from(whole);
      damaged[at] = (damaged[at] ?? 0) ^ flip;
      try {
        openPkcs12(damaged, password);
      } catch (error) {
        assert.ok(isInvalid(error));
      }
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      assert.throws(() => openPkcs12(bytes, password), isInvalid);
    }),
  );
  assert.throws(
    () => pkcs12Container({ key, certificates: [], password: Buffer.from('pässword'), friendlyName: 'a' }),
    isInvalid,
  );
});
