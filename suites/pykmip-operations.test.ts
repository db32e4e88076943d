/**
 * PyKMIP, a client that somebody else wrote, through a gateway: every operation that it has, in every version that it
 * speaks. The cases are Python (suites/pykmip/cases); what they have to see is here.
 */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { pemFiles } from '../testkit/pki.ts';
import { type PyKmipOptions, runPyKmip } from '../testkit/pykmip.ts';
import { depopulate, type Populated, populate } from './support/applications.ts';

const RUN_LIMIT_MS = 60_000;
const CASES = fileURLToPath(new URL('pykmip/cases/', import.meta.url));
const SCRIPT = readdirSync(CASES)
  .sort()
  .map((file) => readFileSync(CASES + file, 'utf8'))
  .join('\n');

const VERSIONS = ['1.0', '1.1', '1.2', '1.3', '1.4', '2.0'] as const;
type Version = (typeof VERSIONS)[number];

interface Case {
  readonly name: string;
  /** The versions in which it has to work. Left out: every one. */
  readonly since?: Version;
  readonly until?: Version;
  /** A function where versions differ. */
  readonly sees: unknown;
  /** What an earlier version sees. Left out: nothing is asked of it. */
  readonly before?: unknown;
}

const refused = (reason: string) => ({ refused: reason });
const all = (value: unknown, ...names: string[]) => Object.fromEntries(names.map((name) => [name, value]));

const MASK = { sign: 1, verify: 2, encrypt: 4, decrypt: 8, wrapKey: 16 } as const;
const CIPHER_MASK = MASK.encrypt | MASK.decrypt;

/** What Query tells, as PyKMIP names it, and since which minor version. */
const OPERATIONS: readonly (readonly [string, Version])[] = [
  ['ACTIVATE', '1.0'],
  ['ADD_ATTRIBUTE', '1.0'],
  ['ARCHIVE', '1.0'],
  ['CANCEL', '1.0'],
  ['CERTIFY', '1.0'],
  ['CHECK', '1.0'],
  ['CREATE', '1.0'],
  ['CREATE_KEY_PAIR', '1.0'],
  ['CREATE_SPLIT_KEY', '1.2'],
  ['DECRYPT', '1.2'],
  ['DELETE_ATTRIBUTE', '1.0'],
  ['DERIVE_KEY', '1.0'],
  ['DESTROY', '1.0'],
  ['DISCOVER_VERSIONS', '1.1'],
  ['ENCRYPT', '1.2'],
  ['EXPORT', '1.4'],
  ['GET', '1.0'],
  ['GET_ATTRIBUTES', '1.0'],
  ['GET_ATTRIBUTE_LIST', '1.0'],
  ['GET_USAGE_ALLOCATION', '1.0'],
  ['HASH', '1.2'],
  ['IMPORT', '1.4'],
  ['JOIN_SPLIT_KEY', '1.2'],
  ['LOCATE', '1.0'],
  ['MAC', '1.2'],
  ['MAC_VERIFY', '1.2'],
  ['MODIFY_ATTRIBUTE', '1.0'],
  ['OBTAIN_LEASE', '1.0'],
  ['POLL', '1.0'],
  ['QUERY', '1.0'],
  ['RECERTIFY', '1.0'],
  ['RECOVER', '1.0'],
  ['REGISTER', '1.0'],
  ['REKEY', '1.0'],
  ['REKEY_KEY_PAIR', '1.1'],
  ['REVOKE', '1.0'],
  ['RNG_RETRIEVE', '1.2'],
  ['RNG_SEED', '1.2'],
  ['SET_ATTRIBUTE', '2.0'],
  ['SIGN', '1.2'],
  ['SIGNATURE_VERIFY', '1.2'],
  ['VALIDATE', '1.0'],
];
const OBJECTS: readonly (readonly [string, Version, Version?])[] = [
  ['CERTIFICATE', '1.0'],
  ['OPAQUE_DATA', '1.0'],
  ['PGP_KEY', '1.2'],
  ['PRIVATE_KEY', '1.0'],
  ['PUBLIC_KEY', '1.0'],
  ['SECRET_DATA', '1.0'],
  ['SPLIT_KEY', '1.0'],
  ['SYMMETRIC_KEY', '1.0'],
  ['TEMPLATE', '1.0', '1.4'],
];

const CASES_AND_WHAT_THEY_SEE: readonly Case[] = [
  {
    name: 'create symmetric keys',
    sees: [
      ['AES', 128, 16],
      ['AES', 192, 24],
      ['AES', 256, 32],
    ],
  },
  {
    name: 'create with a name and masks',
    sees: {
      name: true,
      // PyKMIP always adds the two of a cipher.
      mask: CIPHER_MASK | MASK.wrapKey,
      type: 'SYMMETRIC_KEY',
      state: 'PRE_ACTIVE',
      uid: true,
    },
  },
  {
    name: 'create an RSA key pair',
    sees: {
      types: ['PUBLIC_KEY', 'PRIVATE_KEY'],
      lengths: [2048, 2048],
      masks: [MASK.verify, MASK.sign],
      match: true,
    },
  },
  { name: 'create a key pair without masks or names', sees: ['RSA', 'RSA'] },
  { name: 'create an EC key pair', sees: { curve: 'secp256r1', match: true }, since: '1.4' },
  { name: 'register symmetric keys', sees: [true, true, true, true] },
  {
    name: 'register public and private keys',
    sees: all(true, 'public PKCS_1', 'public X_509', 'private PKCS_1', 'private PKCS_8'),
  },
  {
    name: 'register a certificate',
    sees: (version: Version) => ['CERTIFICATE', 'X_509', true, version < '2.0' ? 'X_509' : 'CERTIFICATE'],
  },
  { name: 'register secret data', sees: [true, true] },
  { name: 'register an opaque object', sees: ['OPAQUE_DATA', 'NONE', true] },
  { name: 'register a split key', sees: [true, 3, 2, 2, 'POLYNOMIAL_SHARING_GF_2_16'] },
  { name: 'register a template and create by it', until: '1.4', sees: 192 },
  { name: 'get a key wrapped', since: '1.1', sees: { opens: true, method: 'ENCRYPT', by: true } },
  { name: 'register a wrapped key', since: '1.1', sees: { 'as it came': true, 'says so': true } },
  {
    name: 'derive keys',
    sees: all(true, 'PBKDF2', 'HASH', 'HMAC', 'ENCRYPT', 'NIST800_108_C', 'secret data'),
  },
  {
    name: 'encrypt and decrypt',
    since: '1.2',
    sees: all([true, true], 'CBC', 'ECB', 'CTR', 'CFB', 'OFB'),
    before: all(refused('OPERATION_NOT_SUPPORTED'), 'CBC', 'ECB', 'CTR', 'CFB', 'OFB'),
  },
  { name: 'encrypt with an IV of the server', since: '1.2', sees: [16, true, true] },
  {
    name: 'encrypt with GCM',
    // The tag and the additional data have fields of their own only there.
    since: '1.4',
    sees: { same: true, opens: true, spoilt: refused('CRYPTOGRAPHIC_FAILURE') },
  },
  { name: 'encrypt with RSA', since: '1.2', sees: all([true, true], 'OAEP SHA-1', 'PKCS1 v1.5') },
  {
    name: 'sign and verify',
    since: '1.2',
    sees: all(['VALID', 'INVALID'], 'PKCS1 v1.5', 'by signature algorithm', 'PSS'),
  },
  { name: 'sign with an EC key', since: '1.4', sees: 'VALID' },
  { name: 'make a MAC', since: '1.2', sees: all(true, 'sha1', 'sha256', 'sha512') },
  { name: 'locate by name', sees: [true, []] },
  {
    name: 'locate by attributes',
    sees: {
      group: ['large', 'small'],
      contact: ['small'],
      state: ['large'],
      algorithm: [],
      length: ['large', 'small'],
      mask: ['large', 'small'],
      type: [],
      'date range': ['large'],
      later: [],
      identifier: true,
    },
  },
  { name: 'locate a page', since: '1.3', sees: { first: 2, ...all(true, 'all', 'rest', 'middle') } },
  {
    name: 'get attributes',
    sees: (version: Version) => ({
      'Cryptographic Algorithm': 'AES',
      'Cryptographic Length': 256,
      'Contact Information': 'a person',
      'Application Specific Information': ['ssl', 'www.example.com'],
      Name: ['one', 'two'],
      ...(version < '2.0' ? { 'x-purpose': 'a test' } : {}),
    }),
  },
  {
    name: 'get all attributes',
    since: '1.1',
    until: '1.1',
    sees: [
      'Activation Date',
      'Cryptographic Usage Mask',
      'Digest',
      'Initial Date',
      'Last Change Date',
      'State',
    ],
  },
  { name: 'get the attribute list', sees: { unique: true, has: true } },
  {
    name: 'modify an attribute',
    sees: (version: Version) => [
      true,
      version < '2.0' ? 'another' : null,
      { 'Contact Information': 'another' },
    ],
  },
  { name: 'delete an attribute', until: '1.4', sees: [true, 'a person', {}] },
  // KMIP 2 would name the instance by its present value, which is not served.
  { name: 'modify one name of two', until: '1.4', sees: { names: true, found: true, lost: [] } },
  { name: 'set an attribute', since: '2.0', sees: [true, { 'Contact Information': 'a person' }] },
  { name: 'check what a key may do', sees: [true, refused('PERMISSION_DENIED')] },
  { name: 'obtain a lease', sees: [true, true] },
  { name: 'revoke and destroy', sees: ['PRE_ACTIVE', 'ACTIVE', 'DEACTIVATED'] },
  { name: 'revoke as compromised', sees: ['COMPROMISED', true] },
  { name: 'rekey', sees: { another: true, name: true, states: ['ACTIVE', 'ACTIVE'] } },
  { name: 'rekey with dates', sees: [0, 60, 'PRE_ACTIVE'] },
  { name: 'rekey with an offset', sees: [3600, 'PRE_ACTIVE'] },
  { name: 'rekey a key pair', since: '1.1', sees: { another: true, match: true } },
  { name: 'archive and recover', sees: [true, refused('OBJECT_ARCHIVED'), true, 32] },
  { name: 'several operations in one message', sees: [true, true, 16] },
  {
    name: 'query',
    sees: (version: Version) => ({
      operations: OPERATIONS.filter(([, since]) => since <= version).map(([name]) => name),
      objects: OBJECTS.filter(([, since, until = version]) => since <= version && version <= until).map(
        ([name]) => name,
      ),
      vendor: 'OpenKCM',
    }),
  },
  {
    name: 'discover versions',
    since: '1.1',
    sees: [
      ['1.4', '1.3', '1.2', '1.1', '1.0'],
      ['1.2', '1.0'],
    ],
  },
  {
    name: 'operations of later versions',
    until: '1.1',
    sees: all(refused('OPERATION_NOT_SUPPORTED'), 'encrypt', 'sign', 'mac'),
  },
  { name: 'unknown identifiers', sees: {} },
  {
    name: 'wrong states',
    sees: (version: Version) => ({
      ...(version < '1.2' ? {} : { 'encrypt before activation': refused('PERMISSION_DENIED') }),
      'activate twice': refused('PERMISSION_DENIED'),
      'destroy while active': refused('PERMISSION_DENIED'),
      'get what is destroyed': refused('ILLEGAL_OPERATION'),
      'destroy twice': refused('PERMISSION_DENIED'),
    }),
  },
  {
    name: 'wrong requests',
    sees: (version: Version) => ({
      ...(version < '1.2'
        ? {}
        : {
            'to encrypt without the mask': refused('PERMISSION_DENIED'),
            'to sign with a public key': refused('PERMISSION_DENIED'),
            'to decrypt part of a block': refused('INVALID_FIELD'),
          }),
      'a name that is taken': refused('INVALID_FIELD'),
      'a length that AES has not': refused('INVALID_FIELD'),
      'a pair of 1-bit keys': refused('INVALID_FIELD'),
      'a key in a format it has not': refused('KEY_FORMAT_TYPE_NOT_SUPPORTED'),
      'to activate an opaque object': refused('ILLEGAL_OPERATION'),
      'to derive from a key without the mask': refused('INVALID_FIELD'),
      'to modify the length': refused('PERMISSION_DENIED'),
      ...(version < '2.0'
        ? {
            'to delete the state': refused('PERMISSION_DENIED'),
            'to delete an attribute that is not there': refused('ITEM_NOT_FOUND'),
          }
        : {}),
    }),
  },
  {
    name: 'other identities',
    sees: {
      rival: { get: refused('ITEM_NOT_FOUND'), destroy: refused('ITEM_NOT_FOUND'), locate: false },
      reader: { get: 32, destroy: refused('PERMISSION_DENIED'), locate: refused('PERMISSION_DENIED') },
      still: 'ACTIVE',
    },
  },
];

describe('PyKMIP', () => {
  let populated: Populated | undefined;
  let target: Omit<PyKmipOptions, 'script'>;
  before(async () => {
    populated = await populate();
    const { world } = populated;
    await world.application('reader', 'acme', ['orders'], { operations: ['Get'] });
    const filesOf = (name: string) => pemFiles(world.certificate(name), world.pki.ca);
    const others = await Promise.all(
      ['rival-app', 'reader'].map(async (name) => {
        const { certFile, keyFile } = await filesOf(name);
        return [name === 'reader' ? name : 'rival', [certFile, keyFile]] as const;
      }),
    );
    target = {
      host: '127.0.0.1',
      port: world.gateway.port,
      ...(await filesOf('billing')),
      parameters: {
        certificate: new X509Certificate(world.pki.ca.certificatePem).raw.toString('hex'),
        others: Object.fromEntries(others),
      },
      timeoutMs: RUN_LIMIT_MS,
    };
  });
  after(() => depopulate(populated));

  for (const version of VERSIONS) {
    describe(`KMIP ${version}`, () => {
      const saw = new Map<string, unknown>();
      before(async () => {
        const kmip = `KMIP_${version.replace('.', '_')}` as NonNullable<PyKmipOptions['version']>;
        const emitted = await runPyKmip({ ...target, version: kmip, script: SCRIPT });
        for (const one of emitted as { case: string; saw: unknown }[]) saw.set(one.case, one.saw);
      });
      for (const { name, since = '1.0', until = '2.0', sees, before: earlier } of CASES_AND_WHAT_THEY_SEE) {
        const expected = version < since ? earlier : version > until ? undefined : sees;
        if (expected === undefined) continue;
        test(name, () => {
          assert.deepEqual(saw.get(name), typeof expected === 'function' ? expected(version) : expected);
        });
      }
    });
  }
});
