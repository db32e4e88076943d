/** What the replayer lets pass, and what it must not. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseXml, type Ttlv, ttlvOfXml } from '../../execution/kmip/index.ts';
import { compareMessages, type Difference } from './compare.ts';
import { expectedOf } from './expected.ts';
import { answeredItems } from './items.ts';
import { Ledger } from './ledger.ts';
import { Variables } from './variables.ts';
import type { VariationName } from './variations.ts';

const NOW_S = 1_000_000;
const iso = (seconds: number): string => new Date(seconds * 1_000).toISOString().replace('.000Z', '+00:00');

const item = (operation: string, payload: string): string =>
  `<BatchItem><Operation type="Enumeration" value="${operation}"/><RequestPayload>${payload}</RequestPayload></BatchItem>`;
const done = (operation: string, payload: string): string =>
  `<BatchItem><Operation type="Enumeration" value="${operation}"/><ResultStatus type="Enumeration" value="Success"/><ResponsePayload>${payload}</ResponsePayload></BatchItem>`;
const refusal = (reason: string, message: string): string =>
  `<BatchItem><Operation type="Enumeration" value="Get"/><ResultStatus type="Enumeration" value="OperationFailed"/><ResultReason type="Enumeration" value="${reason}"/><ResultMessage type="TextString" value="${message}"/></BatchItem>`;
const uid = (value: string): string => `<UniqueIdentifier type="TextString" value="${value}"/>`;
const attribute = (name: string, value: string, index = ''): string =>
  `<Attribute><AttributeName type="TextString" value="${name}"/>${index}${value}</Attribute>`;
const text = (value: string): string => `<AttributeValue type="TextString" value="${value}"/>`;
const bytes = (name: string, value: string): string => `<${name} type="ByteString" value="${value}"/>`;

const message = (kind: 'Request' | 'Response', items: string): Ttlv =>
  ttlvOfXml(parseXml(`<${kind}Message>${items}</${kind}Message>`));

class Case {
  readonly variables = new Variables();
  readonly ledger = new Ledger();
  readonly used = new Set<VariationName>();

  /** Plays one exchange; undefined: the answer is right. */
  play(asked: string, expected: string, got: string): Difference | undefined {
    const request = message('Request', asked);
    const answer = message('Response', got);
    for (const answered of answeredItems(request, answer)) this.ledger.note(answered);
    return compareMessages(expectedOf(parseXml(`<ResponseMessage>${expected}</ResponseMessage>`)), answer, {
      request,
      variables: this.variables,
      ledger: this.ledger,
      startedAtS: NOW_S - 10,
      answeredAtS: NOW_S,
      used: this.used,
    });
  }

  passes(asked: string, expected: string, got: string): void {
    assert.equal(this.play(asked, expected, got), undefined);
  }

  fails(asked: string, expected: string, got: string, path: RegExp): void {
    const difference = this.play(asked, expected, got);
    assert.match(difference?.path ?? 'no difference', path);
  }

  create(as: string): void {
    this.passes(
      item('Create', '<ObjectType type="Enumeration" value="SymmetricKey"/>'),
      done('Create', uid('$UNIQUE_IDENTIFIER_0')),
      done('Create', uid(as)),
    );
  }

  register(as: string, objectType = 'SymmetricKey', parameters = ''): void {
    this.passes(
      item(
        'Register',
        `<ObjectType type="Enumeration" value="${objectType}"/><TemplateAttribute>${parameters}</TemplateAttribute>`,
      ),
      done('Register', uid('$UNIQUE_IDENTIFIER_0')),
      done('Register', uid(as)),
    );
  }
}

describe('variables and moments', () => {
  test('a variable is what it was first', () => {
    const one = new Case();
    one.create('a');
    one.passes(
      item('Activate', uid('a')),
      done('Activate', uid('$UNIQUE_IDENTIFIER_0')),
      done('Activate', uid('a')),
    );
    one.fails(
      item('Activate', uid('a')),
      done('Activate', uid('$UNIQUE_IDENTIFIER_0')),
      done('Activate', uid('b')),
      /UniqueIdentifier$/,
    );
  });

  test('a request takes what was bound, or what an earlier answer had under that tag', () => {
    const variables = new Variables();
    variables.bind('$UNIQUE_IDENTIFIER_0', { tag: 0x420094, type: 7, value: 'a' });
    variables.observe(
      message('Response', done('Encrypt', bytes('Data', '01') + bytes('IVCounterNonce', '02'))),
    );
    variables.observe(message('Response', done('Encrypt', bytes('Data', '03'))));
    const asked = (value: string): string | undefined =>
      variables
        .substitute(parseXml(`<Data type="ByteString" value="${value}"/>`), NOW_S)
        .attributes.get('value');
    assert.equal(asked('$UNIQUE_IDENTIFIER_0'), 'a');
    assert.equal(asked('$DATA_0'), '01');
    assert.equal(asked('$DATA'), '03');
    assert.equal(asked('$IV_COUNTER_NONCE'), '02');
    assert.equal(asked('$NOW-3600'), iso(NOW_S - 3600));
    assert.throws(() => asked('$MAC_DATA'), /nothing is known/);
  });

  test('$NOW is a second of the case, and no other', () => {
    const date = (value: string): string =>
      attribute('Initial Date', `<AttributeValue type="DateTime" value="${value}"/>`);
    const asked = item('GetAttributes', uid('a'));
    const expected = done('GetAttributes', date('$NOW'));
    new Case().passes(asked, expected, done('GetAttributes', date(iso(NOW_S - 9))));
    new Case().fails(asked, expected, done('GetAttributes', date(iso(NOW_S - 20))), /AttributeValue$/);
    new Case().fails(asked, expected, done('GetAttributes', date(iso(NOW_S + 20))), /AttributeValue$/);
  });
});

describe('variations', () => {
  test('the text of a failure may vary, its reason may not', () => {
    const expected = refusal('ItemNotFound', 'NOT_FOUND');
    new Case().passes(item('Get', uid('a')), expected, refusal('ItemNotFound', 'there is none'));
    new Case().fails(
      item('Get', uid('a')),
      expected,
      refusal('PermissionDenied', 'NOT_FOUND'),
      /ResultReason$/,
    );
  });

  test('attributes come in any order, and more of them only where the request named none', () => {
    const named = '<AttributeName type="TextString" value="x-a"/>';
    const [a, b] = [attribute('x-a', text('1')), attribute('x-b', text('2'))];
    new Case().passes(
      item('GetAttributes', uid('k')),
      done('GetAttributes', a + b),
      done('GetAttributes', b + a),
    );
    new Case().passes(
      item('GetAttributes', uid('k')),
      done('GetAttributes', a),
      done('GetAttributes', b + a),
    );
    new Case().fails(
      item('GetAttributes', uid('k') + named),
      done('GetAttributes', a),
      done('GetAttributes', a + b),
      /x-b/,
    );
    new Case().fails(
      item('GetAttributes', uid('k')),
      done('GetAttributes', a + b),
      done('GetAttributes', a),
      /x-b/,
    );
    new Case().fails(
      item('GetAttributes', uid('k')),
      done('GetAttributes', a),
      done('GetAttributes', attribute('x-a', text('3'))),
      /x-a.*AttributeValue$/,
    );
  });

  test('an index of 0 may be told or not; another may not', () => {
    const index = (value: number): string => `<AttributeIndex type="Integer" value="${value}"/>`;
    const asked = item('GetAttributes', uid('k'));
    const plain = done('GetAttributes', attribute('x-a', text('1')));
    new Case().passes(asked, plain, done('GetAttributes', attribute('x-a', text('1'), index(0))));
    new Case().fails(
      asked,
      plain,
      done('GetAttributes', attribute('x-a', text('1'), index(1))),
      /AttributeIndex$/,
    );
  });

  test('Locate finds in any order, and nothing more', () => {
    const asked = item('Locate', attribute('Object Group', text('g')));
    const expected = done('Locate', uid('$A') + uid('$B'));
    new Case().passes(asked, expected, done('Locate', uid('b') + uid('a')));
    new Case().fails(asked, expected, done('Locate', uid('a') + uid('b') + uid('c')), /UniqueIdentifier$/);
    const count = (value: number): string => `<LocatedItems type="Integer" value="${value}"/>`;
    new Case().passes(asked, expected, done('Locate', count(2) + uid('b') + uid('a')));
    new Case().fails(asked, expected, done('Locate', count(3) + uid('b') + uid('a')), /LocatedItems$/);
  });

  test('Query lists more, never less', () => {
    const asked = item('Query', '<QueryFunction type="Enumeration" value="QueryOperations"/>');
    const operation = (name: string): string => `<Operation type="Enumeration" value="${name}"/>`;
    const expected = done('Query', operation('Get') + operation('Create'));
    new Case().passes(
      asked,
      expected,
      done('Query', operation('Create') + operation('Locate') + operation('Get')),
    );
    new Case().fails(asked, expected, done('Query', operation('Create')), /Operation$/);
    new Case().fails(
      asked,
      expected,
      done(
        'Query',
        `${operation('Create')}${operation('Get')}<ObjectType type="Enumeration" value="Template"/>`,
      ),
      /ObjectType$/,
    );
  });

  test('bytes under a key of the server cannot be foretold; under a key of the client they can', () => {
    const asked = item('Encrypt', uid('k') + bytes('Data', '0102') + bytes('IVCounterNonce', '00'));
    const expected = done('Encrypt', uid('$UNIQUE_IDENTIFIER_0') + bytes('Data', 'aabb'));
    const made = new Case();
    made.create('k');
    made.passes(asked, expected, done('Encrypt', uid('k') + bytes('Data', 'ccdd')));
    made.fails(asked, expected, done('Encrypt', uid('k') + bytes('Data', 'ccddee')), /Data$/);
    const brought = new Case();
    brought.register('k');
    brought.fails(asked, expected, done('Encrypt', uid('k') + bytes('Data', 'ccdd')), /Data$/);
  });

  test('material that the server made is the same whenever it is read, and its digest fits', () => {
    const get = item('Get', uid('k'));
    const answer = (material: string): string =>
      done(
        'Get',
        `${uid('k')}<SymmetricKey><KeyBlock><KeyFormatType type="Enumeration" value="Raw"/><KeyValue>${bytes('KeyMaterial', material)}</KeyValue></KeyBlock></SymmetricKey>`,
      );
    const one = new Case();
    one.create('k');
    one.passes(get, answer('00'), answer('ab'));
    one.fails(get, answer('00'), answer('cd'), /KeyMaterial$/);
    const digest = (value: string): string =>
      done(
        'GetAttributes',
        `${uid('k')}${attribute('Digest', `<AttributeValue><HashingAlgorithm type="Enumeration" value="SHA_256"/>${bytes('DigestValue', value)}<KeyFormatType type="Enumeration" value="Raw"/></AttributeValue>`)}`,
      );
    const two = new Case();
    two.create('k');
    two.passes(get, answer('00'), answer('ab'));
    const asked = item('GetAttributes', `${uid('k')}<AttributeName type="TextString" value="Digest"/>`);
    // SHA-256 of the byte ab.
    const right = '087d80f7f182dd44f184aa86ca34488853ebcc04f0c60d5294919a466b463831';
    two.passes(asked, digest('00'.repeat(32)), digest(right));
    two.fails(asked, digest('00'.repeat(32)), digest('11'.repeat(32)), /DigestValue$/);
  });

  test('a signature varies where its scheme is random', () => {
    const padding = (name: string): string =>
      attribute(
        'Cryptographic Parameters',
        `<AttributeValue><PaddingMethod type="Enumeration" value="${name}"/></AttributeValue>`,
      );
    const asked = item('Sign', uid('k') + bytes('Data', '01'));
    const signed = (value: string): string => done('Sign', uid('k') + bytes('SignatureData', value));
    const random = new Case();
    random.register('k', 'PrivateKey', padding('PSS'));
    random.passes(asked, signed('aa'), signed('bb'));
    const fixed = new Case();
    fixed.register('k', 'PrivateKey', padding('PKCS1V1_5'));
    fixed.fails(asked, signed('aa'), signed('bb'), /SignatureData$/);
  });

  test('a date of another day may stand for one of the case, unless a client has given it', () => {
    const date = (value: string): string =>
      attribute('Activation Date', `<AttributeValue type="DateTime" value="${value}"/>`);
    const asked = item('GetAttributes', uid('k'));
    const [old, now] = [done('GetAttributes', date(iso(5))), done('GetAttributes', date(iso(NOW_S)))];
    new Case().passes(asked, old, now);
    new Case().fails(asked, old, done('GetAttributes', date(iso(NOW_S + 60))), /AttributeValue$/);
    const given = new Case();
    given.register('k', 'SymmetricKey', date(iso(5)));
    given.fails(asked, old, now, /AttributeValue$/);
  });

  test('a wrapped key varies where its IV does', () => {
    const wrapping = (mode: string): string =>
      `<KeyWrappingSpecification><WrappingMethod type="Enumeration" value="Encrypt"/><EncryptionKeyInformation>${uid('w')}<CryptographicParameters><BlockCipherMode type="Enumeration" value="${mode}"/></CryptographicParameters></EncryptionKeyInformation></KeyWrappingSpecification>`;
    const wrapped = (value: string): string =>
      done('Get', `${uid('k')}<SymmetricKey><KeyBlock>${bytes('KeyValue', value)}</KeyBlock></SymmetricKey>`);
    new Case().passes(item('Get', uid('k') + wrapping('CBC')), wrapped('aa'), wrapped('bb'));
    new Case().fails(
      item('Get', uid('k') + wrapping('NISTKeyWrap')),
      wrapped('aa'),
      wrapped('bb'),
      /KeyValue$/,
    );
  });

  test('every variation that was needed is named', () => {
    const one = new Case();
    one.create('k');
    one.passes(item('Get', uid('k')), refusal('ItemNotFound', 'a'), refusal('ItemNotFound', 'b'));
    assert.deepEqual([...one.used], ['result message']);
  });
});
