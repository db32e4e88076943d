// Certify, Re-certify and Validate (KMIP 1.4 §4.7, §4.8, §4.24), and what certificates say of themselves.
import 'reflect-metadata'; // @peculiar/x509's dependency injector needs it, loaded first
import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, webcrypto, X509Certificate } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import {
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequestGenerator,
  SubjectAlternativeNameExtension,
  X509Certificate as X509,
} from '@peculiar/x509';
import { createCa, issue } from '../../../platform/pki.ts';
import { temporaryDirectory } from '../../../testkit/directories.ts';
import { testDatabase } from '../../../testkit/postgres.ts';
import {
  type Attribute,
  attribute,
  CertificateRequestType,
  CryptographicAlgorithm,
  CryptographicUsageMask,
  DigitalSignatureAlgorithm,
  KeyFormatType,
  KmipError,
  LinkType,
  ObjectType,
  Operation,
  ResultReason,
  RevocationReasonCode,
  State,
  ValidityIndicator,
} from '../../kmip/index.ts';
import type { Caller } from '../../mesh/index.ts';
import { nameAttribute, nowSeconds } from '../../objects/index.ts';
import { callerOf, type GatewayClient, payloadOf, request } from '../testing/gateway-client.ts';
import { populate, stateOf } from '../testing/keys.ts';
import { TestRegion } from '../testing/region.ts';
import { linksOf, materialOf, registerCertificate, registerKey, valuesOf } from '../testing/requests.ts';

const isKmip = (reason: number) => (error: unknown) =>
  error instanceof KmipError && error.resultReason === reason && error.message !== '';
const { Sign, Verify, CertificateSign, CRLSign } = CryptographicUsageMask;
const DAY_S = 86_400;
const link = (linkType: number, linkedObjectIdentifier: string) =>
  attribute('Link', { linkType, linkedObjectIdentifier });
const der = (pem: string) => new X509Certificate(pem).raw;

describe('certificates', () => {
  let region: TestRegion;
  let gateway: GatewayClient;
  let app: Caller;
  let other: Caller;
  /** The tenant's own authority. */
  let root: { privateUid: string; publicUid: string; certificateUid: string };

  before(async () => {
    region = await TestRegion.create((await testDatabase()).url, temporaryDirectory('core'));
    await region.start();
    const populated = await populate(region);
    ({ app, other } = populated);
    gateway = region.connect(populated.gatewayIdentity);
  });
  after(() => region.stop());

  async function createPair(
    privateMask: number,
    publicMask: number,
    name: string,
    caller = app,
  ): Promise<{ privateUid: string; publicUid: string }> {
    const made = await gateway.run(caller, Operation.CreateKeyPair, {
      commonTemplateAttribute: {
        attribute: [
          attribute('Cryptographic Algorithm', CryptographicAlgorithm.ECDSA),
          attribute('Cryptographic Length', 256),
          attribute('Activation Date', nowSeconds() - 10),
        ],
      },
      privateKeyTemplateAttribute: { attribute: [attribute('Cryptographic Usage Mask', privateMask)] },
      publicKeyTemplateAttribute: {
        attribute: [attribute('Cryptographic Usage Mask', publicMask), nameAttribute(name)],
      },
    });
    return { privateUid: made.privateKeyUniqueIdentifier, publicUid: made.publicKeyUniqueIdentifier };
  }

  async function certify(
    uniqueIdentifier: string,
    template: Attribute[] = [],
    certificateRequest?: { type: number; bytes: Uint8Array },
  ): Promise<string> {
    const made = await gateway.run(app, Operation.Certify, {
      uniqueIdentifier,
      certificateRequestType: certificateRequest?.type,
      certificateRequest: certificateRequest?.bytes,
      templateAttribute: { attribute: template },
    });
    return made.uniqueIdentifier;
  }

  async function x509(uid: string): Promise<X509Certificate> {
    return new X509Certificate(await materialOf(gateway, app, uid));
  }

  async function validate(
    uniqueIdentifier: string[],
    given: Uint8Array[] = [],
    validityDate?: number,
    caller = app,
  ): Promise<number> {
    const answer = await gateway.run(caller, Operation.Validate, {
      uniqueIdentifier,
      certificate: given.map((certificateValue) => ({
        certificateType: 1,
        certificateValue: Uint8Array.from(certificateValue),
      })),
      validityDate,
    });
    return answer.validityIndicator;
  }

  /** A PKCS#10 request, and its key registered as a public key. */
  async function requestFor(subject: string, extensions: SubjectAlternativeNameExtension[] = []) {
    const algorithm = { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' };
    const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
    const made = await Pkcs10CertificateRequestGenerator.create({
      name: subject,
      keys,
      signingAlgorithm: algorithm,
      extensions,
    });
    const publicUid = await registerKey(gateway, app, {
      objectType: ObjectType.PublicKey,
      keyFormatType: KeyFormatType.X_509,
      material: new Uint8Array(await webcrypto.subtle.exportKey('spki', keys.publicKey)),
      cryptographicAlgorithm: CryptographicAlgorithm.ECDSA,
      cryptographicLength: 384,
    });
    return { request: made, publicUid };
  }

  test('without a key that may sign, Certify says what is missing', async () => {
    const { publicUid } = await createPair(Sign, Verify, 'orphan');
    await assert.rejects(certify(publicUid), (error: unknown) => {
      assert.ok(error instanceof KmipError && error.resultReason === ResultReason.PermissionDenied);
      assert.match(error.message, /Certificate Sign/);
      return true;
    });
  });

  test('a key with Certificate Sign and no CA above it signs its own certificate: a root', async () => {
    const pair = await createPair(CertificateSign | CRLSign, Verify, 'root key');
    const certificateUid = await certify(pair.publicUid, [
      nameAttribute('root certificate'),
      attribute('Certificate Type', 1),
      attribute('Certificate Subject', { certificateSubjectDistinguishedName: 'CN=Root\\, the,O=ACME,C=DE' }),
      attribute('Deactivation Date', nowSeconds() + 3_650 * DAY_S),
    ]);
    root = { ...pair, certificateUid };
    const certificate = await x509(certificateUid);
    assert.ok(
      certificate.ca && certificate.checkIssued(certificate) && certificate.verify(certificate.publicKey),
    );
    assert.equal(certificate.subject, 'C=DE\nO=ACME\nCN=Root\\, the');
    assert.ok(
      certificate.publicKey.equals(
        createPublicKey({ key: await materialOf(gateway, app, pair.publicUid), format: 'der', type: 'spki' }),
      ),
    );
    assert.equal(await stateOf(gateway, app, certificateUid), State.Active);
    assert.deepEqual(await linksOf(gateway, app, certificateUid, LinkType.PublicKeyLink), [pair.publicUid]);
    assert.deepEqual(await linksOf(gateway, app, certificateUid, LinkType.CertificateLink), []);
    for (const uid of [pair.publicUid, pair.privateUid]) {
      assert.deepEqual(await linksOf(gateway, app, uid, LinkType.CertificateLink), [certificateUid]);
    }
    assert.equal(await validate([certificateUid]), ValidityIndicator.Valid);
  });

  test('a certificate from the public key alone: subject, usage, validity, issuer, links, placeholder', async () => {
    const pair = await createPair(Sign, Verify, 'leaf');
    const start = nowSeconds() - 5;
    const template = [
      attribute('Activation Date', start),
      attribute('Deactivation Date', start + 90 * DAY_S),
      attribute('Object Group', 'leaves'),
    ];
    const { items } = await gateway.tunnel(app, [
      request(Operation.Certify, {
        uniqueIdentifier: pair.publicUid,
        templateAttribute: { attribute: template },
      }),
      request(Operation.Get, {}),
    ]);
    const uid = payloadOf(Operation.Certify, items[0]).uniqueIdentifier;
    const { object } = payloadOf(Operation.Get, items[1]);
    assert.ok(object.objectType === ObjectType.Certificate);
    const certificate = new X509Certificate(object.certificateValue);
    const issuer = await x509(root.certificateUid);
    assert.ok(certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey) && !certificate.ca);
    assert.equal(certificate.subject, 'CN=leaf');
    assert.equal(certificate.validFromDate.getTime(), start * 1000);
    assert.equal(certificate.validToDate.getTime(), (start + 90 * DAY_S) * 1000);
    const parsed = new X509(Uint8Array.from(certificate.raw));
    assert.equal(parsed.getExtension(KeyUsagesExtension)?.usages, KeyUsageFlags.digitalSignature);
    assert.match(certificate.serialNumber, /^[4-7][0-9A-F]{31}$/);
    assert.deepEqual(await linksOf(gateway, app, uid, LinkType.CertificateLink), [root.certificateUid]);
    assert.deepEqual(await valuesOf(gateway, app, uid, 'Deactivation Date'), [start + 90 * DAY_S]);
    assert.deepEqual(await valuesOf(gateway, app, uid, 'Object Group'), ['leaves']);
    assert.deepEqual(await valuesOf(gateway, app, uid, 'Cryptographic Usage Mask'), [Verify]);
    assert.deepEqual(await valuesOf(gateway, app, uid, 'Digital Signature Algorithm'), [
      DigitalSignatureAlgorithm.ECDSAWithSHA256,
    ]);
    assert.equal(await validate([uid, root.certificateUid]), ValidityIndicator.Valid);
    // What stands above it is found by its link.
    assert.equal(await validate([uid]), ValidityIndicator.Valid);
    assert.equal(await validate([uid], [], start + 91 * DAY_S), ValidityIndicator.Invalid);
  });

  test('a request decides subject and alternative names; it must be signed, and for the same key', async () => {
    const names = new SubjectAlternativeNameExtension([{ type: 'dns', value: 'db.example.com' }]);
    const { request: asked, publicUid } = await requestFor('CN=db, O=ACME', [names]);
    const bytes = new Uint8Array(asked.rawData);
    const template = [
      attribute('Certificate Subject', { certificateSubjectDistinguishedName: 'CN=overruled' }),
    ];
    const uid = await certify(publicUid, template, { type: CertificateRequestType.PKCS_10, bytes });
    const certificate = await x509(uid);
    assert.equal(certificate.subject, 'CN=db\nO=ACME');
    assert.equal(certificate.subjectAltName, 'DNS:db.example.com');
    const [subject] = await valuesOf(gateway, app, uid, 'Certificate Subject');
    assert.deepEqual(subject?.certificateSubjectAlternativeName, ['db.example.com']);
    const pem = Buffer.from(asked.toString('pem'));
    await certify(publicUid, [], { type: CertificateRequestType.PEM, bytes: pem });

    const broken = Uint8Array.from(bytes);
    broken[broken.length - 1] = (broken[broken.length - 1] ?? 0) ^ 1;
    for (const [type, value, reason] of [
      [CertificateRequestType.PKCS_10, broken, ResultReason.InvalidField],
      [CertificateRequestType.PKCS_10, Buffer.from('nonsense'), ResultReason.InvalidField],
      [CertificateRequestType.PEM, Buffer.from('nonsense'), ResultReason.InvalidField],
      [CertificateRequestType.CRMF, bytes, ResultReason.FeatureNotSupported],
    ] as const) {
      await assert.rejects(certify(publicUid, [], { type, bytes: value }), isKmip(reason));
    }
    const stranger = await requestFor('CN=stranger');
    await assert.rejects(
      certify(publicUid, [], {
        type: CertificateRequestType.PKCS_10,
        bytes: new Uint8Array(stranger.request.rawData),
      }),
      isKmip(ResultReason.InvalidField),
    );
    await assert.rejects(
      gateway.run(app, Operation.Certify, { uniqueIdentifier: publicUid, certificateRequest: bytes }),
      isKmip(ResultReason.InvalidMessage),
    );
  });

  test('several issuers: named by a Link, a CA below a CA, and no longer than the CA itself', async () => {
    const intermediate = await createPair(CertificateSign, Verify, 'intermediate');
    const caUid = await certify(intermediate.publicUid, [
      link(LinkType.CertificateLink, root.certificateUid),
      attribute('Deactivation Date', nowSeconds() + 100 * DAY_S),
    ]);
    assert.ok((await x509(caUid)).ca);
    const leaf = await createPair(Sign, Verify, 'below');
    await assert.rejects(certify(leaf.publicUid), isKmip(ResultReason.PermissionDenied));
    const byKey = await certify(leaf.publicUid, [link(LinkType.PrivateKeyLink, intermediate.privateUid)]);
    const byCertificate = await certify(leaf.publicUid, [link(LinkType.CertificateLink, caUid)]);
    for (const uid of [byKey, byCertificate]) {
      const [certificate, ca] = [await x509(uid), await x509(caUid)];
      assert.ok(certificate.verify(ca.publicKey));
      assert.equal(certificate.validToDate.getTime(), ca.validToDate.getTime());
      assert.deepEqual(await linksOf(gateway, app, uid, LinkType.PrivateKeyLink), []);
      assert.equal(await validate([uid]), ValidityIndicator.Valid);
      assert.equal(await validate([root.certificateUid, uid, caUid]), ValidityIndicator.Valid);
    }
    await assert.rejects(
      certify(leaf.publicUid, [link(LinkType.CertificateLink, byKey)]),
      isKmip(ResultReason.PermissionDenied),
    );
    await assert.rejects(
      certify(leaf.publicUid, [link(LinkType.PrivateKeyLink, leaf.privateUid)]),
      isKmip(ResultReason.PermissionDenied),
    );
    // Revoked: it issues nothing more, and nothing below it is valid.
    await gateway.run(app, Operation.Revoke, {
      uniqueIdentifier: caUid,
      revocationReason: { revocationReasonCode: RevocationReasonCode.CACompromise },
    });
    await gateway.run(app, Operation.Revoke, {
      uniqueIdentifier: intermediate.privateUid,
      revocationReason: { revocationReasonCode: RevocationReasonCode.CACompromise },
    });
    assert.equal(await validate([byKey]), ValidityIndicator.Invalid);
    await certify(leaf.publicUid);
  });

  test('what cannot be certified, and whose it is', async () => {
    const pair = await createPair(Sign, Verify, 'private matter');
    await assert.rejects(certify(pair.privateUid), isKmip(ResultReason.PermissionDenied));
    await assert.rejects(certify('nobody'), isKmip(ResultReason.ItemNotFound));
    await assert.rejects(
      gateway.run(other, Operation.Certify, { uniqueIdentifier: pair.publicUid }),
      isKmip(ResultReason.ItemNotFound),
    );
    // The other tenant's pair is not signed by this tenant's CA, not even when it is named.
    const theirs = await createPair(Sign, Verify, 'theirs', other);
    for (const links of [[], [link(LinkType.CertificateLink, root.certificateUid)]]) {
      await assert.rejects(
        gateway.run(other, Operation.Certify, {
          uniqueIdentifier: theirs.publicUid,
          templateAttribute: { attribute: links },
        }),
        (error: unknown) => error instanceof KmipError,
      );
    }
    await assert.rejects(
      certify(pair.publicUid, [
        attribute('Digital Signature Algorithm', DigitalSignatureAlgorithm.SHA_1WithRSAEncryptionPKCS_1V1_5),
      ]),
      isKmip(ResultReason.InvalidField),
    );
    for (const subject of ['02', '3003020101', '30053003020101']) {
      const subjectDistinguishedName = Uint8Array.from(Buffer.from(subject, 'hex'));
      await assert.rejects(
        certify(pair.publicUid, [attribute('X.509 Certificate Subject', { subjectDistinguishedName })]),
        (error: unknown) => error instanceof KmipError && error.resultReason !== ResultReason.GeneralFailure,
        subject,
      );
    }
    await assert.rejects(
      certify(pair.publicUid, [attribute('Certificate Type', 2)]),
      isKmip(ResultReason.FeatureNotSupported),
    );
    await assert.rejects(
      certify(pair.publicUid, [attribute('Deactivation Date', nowSeconds() - 1)]),
      isKmip(ResultReason.InvalidField),
    );
    await gateway.run(app, Operation.Revoke, {
      uniqueIdentifier: pair.publicUid,
      revocationReason: { revocationReasonCode: RevocationReasonCode.KeyCompromise },
    });
    await assert.rejects(certify(pair.publicUid), isKmip(ResultReason.PermissionDenied));
  });

  test('Re-certify: the same key and names in a new certificate, dates moved, links both ways', async () => {
    const pair = await createPair(Sign, Verify, 'renewed key');
    const start = nowSeconds() - 50;
    const old = await certify(pair.publicUid, [
      nameAttribute('renewed'),
      attribute('X.509 Certificate Subject', {
        subjectDistinguishedName: Uint8Array.from(Buffer.from('300c310a300806035504030c0141', 'hex')),
        subjectAlternativeName: [Uint8Array.from(Buffer.from('820161', 'hex'))],
      }),
      attribute('Activation Date', start),
      attribute('Deactivation Date', start + 1_000),
    ]);
    const { uniqueIdentifier: fresh } = await gateway.run(app, Operation.ReCertify, {
      uniqueIdentifier: old,
      offset: 0,
    });
    const [before, after] = [await x509(old), await x509(fresh)];
    assert.equal(after.subject, 'CN=A');
    assert.equal(after.subjectAltName, before.subjectAltName);
    assert.ok(after.publicKey.equals(before.publicKey) && after.serialNumber !== before.serialNumber);
    const [initial = 0] = await valuesOf(gateway, app, fresh, 'Initial Date');
    assert.equal(after.validFromDate.getTime() / 1000, initial);
    assert.equal(after.validToDate.getTime() / 1000, initial + 1_000);
    assert.deepEqual(await linksOf(gateway, app, old, LinkType.ReplacementObjectLink), [fresh]);
    assert.deepEqual(await linksOf(gateway, app, fresh, LinkType.ReplacedObjectLink), [old]);
    assert.deepEqual(await linksOf(gateway, app, fresh, LinkType.PublicKeyLink), [pair.publicUid]);
    for (const uid of [pair.publicUid, pair.privateUid]) {
      assert.deepEqual(await linksOf(gateway, app, uid, LinkType.CertificateLink), [fresh]);
    }
    const found = await gateway.run(app, Operation.Locate, { attribute: [nameAttribute('renewed')] });
    assert.deepEqual(found.uniqueIdentifier, [fresh]);
    assert.equal(await stateOf(gateway, app, old), State.Active);
    assert.equal(await validate([fresh]), ValidityIndicator.Valid);
    const again = await gateway.run(app, Operation.ReCertify, { uniqueIdentifier: fresh });
    assert.deepEqual(await valuesOf(gateway, app, again.uniqueIdentifier, 'Deactivation Date'), [
      initial + 1_000,
    ]);
    await assert.rejects(
      gateway.run(app, Operation.ReCertify, {
        uniqueIdentifier: fresh,
        offset: 5,
        templateAttribute: { attribute: [attribute('Activation Date', start)] },
      }),
      isKmip(ResultReason.InvalidMessage),
    );
    await assert.rejects(
      gateway.run(app, Operation.ReCertify, { uniqueIdentifier: pair.publicUid }),
      isKmip(ResultReason.PermissionDenied),
    );
    const renewed = await gateway.run(app, Operation.ReCertify, { uniqueIdentifier: root.certificateUid });
    const own = await x509(renewed.uniqueIdentifier);
    assert.ok(own.ca && own.verify(own.publicKey));
    root = { ...root, certificateUid: renewed.uniqueIdentifier };
  });

  test('Validate: chains that are given, in any order, and trust in what the tenant holds', async () => {
    const ca = await createCa({ commonName: 'given', days: 10 });
    const middle = await createCa({ commonName: 'given below', days: 10, issuer: ca });
    const leaf = await issue({ ca: middle, commonName: 'leaf', usages: ['client'], days: 5 });
    const chain = [der(ca.certificatePem), der(leaf.certificatePem), der(middle.certificatePem)];
    // Whole and well signed, but nobody here has said that this root is trusted.
    assert.equal(await validate([], chain), ValidityIndicator.Unknown);
    assert.equal(await validate([], [der(leaf.certificatePem)]), ValidityIndicator.Unknown);
    const caUid = await registerCertificate(gateway, app, der(ca.certificatePem));
    assert.equal(await validate([], chain), ValidityIndicator.Valid);
    assert.equal(await validate([caUid], chain.slice(1)), ValidityIndicator.Valid);
    assert.equal(await validate([], chain, nowSeconds() + 6 * DAY_S), ValidityIndicator.Invalid);
    assert.equal(await validate([], chain, nowSeconds() - DAY_S), ValidityIndicator.Invalid);
    assert.equal(await validate([], chain, undefined, other), ValidityIndicator.Unknown);
    // A piece is missing, a signature is wrong, or it is no certificate.
    assert.equal(await validate([caUid], [der(leaf.certificatePem)]), ValidityIndicator.Invalid);
    const forged = Uint8Array.from(der(leaf.certificatePem));
    forged[forged.length - 1] = (forged[forged.length - 1] ?? 0) ^ 1;
    assert.equal(await validate([caUid], [der(middle.certificatePem), forged]), ValidityIndicator.Invalid);
    assert.equal(await validate([], [Buffer.from('nonsense')]), ValidityIndicator.Invalid);
    const leafUid = await registerCertificate(gateway, app, der(leaf.certificatePem));
    await gateway.run(app, Operation.Revoke, {
      uniqueIdentifier: leafUid,
      revocationReason: { revocationReasonCode: RevocationReasonCode.Superseded },
    });
    assert.equal(await validate([], chain), ValidityIndicator.Invalid);
    assert.equal(await validate([], chain, nowSeconds() - 60), ValidityIndicator.Valid);

    await assert.rejects(validate([]), isKmip(ResultReason.InvalidMessage));
    await assert.rejects(validate([root.publicUid]), isKmip(ResultReason.InvalidMessage));
    await assert.rejects(validate([caUid], [], undefined, other), isKmip(ResultReason.ItemNotFound));
    await assert.rejects(
      validate(
        [],
        Array.from({ length: 17 }, () => chain[0] ?? Buffer.alloc(1)),
      ),
      isKmip(ResultReason.InvalidMessage),
    );
  });

  test('no link makes a key sign as a CA that it is not, or another key its own CA', async () => {
    const strange = await createCa({ commonName: 'Root, the', days: 10 });
    const { publicKey } = new X509Certificate(strange.certificatePem);
    const strangerUid = await registerKey(
      gateway,
      app,
      {
        objectType: ObjectType.PublicKey,
        keyFormatType: KeyFormatType.X_509,
        material: publicKey.export({ format: 'der', type: 'spki' }),
      },
      link(LinkType.PrivateKeyLink, root.privateUid),
    );
    await assert.rejects(
      certify(strangerUid, [
        link(LinkType.PrivateKeyLink, root.privateUid),
        attribute('Certificate Subject', {
          certificateSubjectDistinguishedName: 'CN=Root\\, the,O=ACME,C=DE',
        }),
      ]),
      isKmip(ResultReason.PermissionDenied),
    );
    const caUid = await registerCertificate(
      gateway,
      app,
      der(strange.certificatePem),
      link(LinkType.PublicKeyLink, strangerUid),
    );
    const { publicUid } = await createPair(Sign, Verify, 'misled');
    await assert.rejects(
      certify(publicUid, [link(LinkType.CertificateLink, caUid)]),
      isKmip(ResultReason.PermissionDenied),
    );
    await assert.rejects(
      gateway.run(app, Operation.ReCertify, { uniqueIdentifier: caUid }),
      isKmip(ResultReason.PermissionDenied),
    );
    const ofRoot = await linksOf(gateway, app, root.privateUid, LinkType.CertificateLink);
    assert.ok(!ofRoot.includes(caUid));
  });

  test('a leaf issues nothing, whatever its signature', async () => {
    const ca = await createCa({ commonName: 'strict', days: 10 });
    const leaf = await issue({ ca, commonName: 'not a CA', usages: ['client'], days: 5 });
    const caUid = await registerCertificate(gateway, app, der(ca.certificatePem));
    const leafUid = await registerCertificate(gateway, app, der(leaf.certificatePem));
    const keyUid = await registerKey(
      gateway,
      app,
      {
        objectType: ObjectType.PrivateKey,
        keyFormatType: KeyFormatType.PKCS_8,
        material: createPrivateKey(leaf.privateKeyPem).export({ format: 'der', type: 'pkcs8' }),
        cryptographicAlgorithm: CryptographicAlgorithm.ECDSA,
        cryptographicLength: 256,
      },
      link(LinkType.CertificateLink, leafUid),
    );
    const { publicUid } = await createPair(Sign, Verify, 'misguided');
    await assert.rejects(
      certify(publicUid, [link(LinkType.PrivateKeyLink, keyUid)]),
      isKmip(ResultReason.PermissionDenied),
    );
    await gateway.run(app, Operation.Destroy, { uniqueIdentifier: caUid }).catch(() => undefined);
    // It must not stand in the way of the tenant's own CA in what follows.
    await gateway.run(app, Operation.Revoke, {
      uniqueIdentifier: keyUid,
      revocationReason: { revocationReasonCode: RevocationReasonCode.KeyCompromise },
    });
  });

  test('an authority that was made elsewhere: RSA, registered with links', async () => {
    const identity = await region.application('app-3', 'globex', ['billing']);
    const theirs = callerOf(identity.fingerprint, 'globex', 'app-3');
    const made = await gateway.run(theirs, Operation.CreateKeyPair, {
      commonTemplateAttribute: {
        attribute: [
          attribute('Cryptographic Algorithm', CryptographicAlgorithm.RSA),
          attribute('Cryptographic Length', 2048),
          attribute('Activation Date', nowSeconds() - 10),
          attribute('Cryptographic Usage Mask', CertificateSign),
        ],
      },
    });
    const root = await gateway.run(theirs, Operation.Certify, {
      uniqueIdentifier: made.publicKeyUniqueIdentifier,
      templateAttribute: {
        attribute: [attribute('Digital Signature Algorithm', DigitalSignatureAlgorithm.RSASSA_PSSPKCS_1V2_1)],
      },
    });
    const certificate = new X509Certificate(await materialOf(gateway, theirs, root.uniqueIdentifier));
    assert.ok(certificate.ca && certificate.verify(certificate.publicKey));
    assert.deepEqual(await valuesOf(gateway, theirs, root.uniqueIdentifier, 'Digital Signature Algorithm'), [
      DigitalSignatureAlgorithm.RSASSA_PSSPKCS_1V2_1,
    ]);
    assert.equal(await validate([root.uniqueIdentifier], [], undefined, theirs), ValidityIndicator.Valid);
  });

  test('a registered certificate tells its names, issuer, serial number and algorithm', async () => {
    const ca = await createCa({ commonName: 'teller', days: 2 });
    const { certificatePem } = await issue({
      ca,
      commonName: 'told',
      organization: 'ACME',
      dnsNames: ['a.example'],
      ipAddresses: ['10.0.0.1'],
      usages: [],
      days: 1,
    });
    const value = der(certificatePem);
    const uid = await registerCertificate(gateway, app, value);
    const parsed = new X509(Uint8Array.from(value));
    assert.deepEqual(await valuesOf(gateway, app, uid, 'Certificate Length'), [value.length]);
    const [identifier] = await valuesOf(gateway, app, uid, 'X.509 Certificate Identifier');
    assert.equal(Buffer.from(identifier?.certificateSerialNumber ?? []).toString('hex'), parsed.serialNumber);
    assert.deepEqual(
      Buffer.from(identifier?.issuerDistinguishedName ?? []),
      Buffer.from(parsed.issuerName.toArrayBuffer()),
    );
    const [subject] = await valuesOf(gateway, app, uid, 'Certificate Subject');
    assert.equal(subject?.certificateSubjectDistinguishedName, 'CN=told,O=ACME');
    assert.deepEqual(subject?.certificateSubjectAlternativeName, ['a.example', '10.0.0.1']);
    const [issuer] = await valuesOf(gateway, app, uid, 'Certificate Issuer');
    assert.equal(issuer?.certificateIssuerDistinguishedName, 'CN=teller');
    assert.deepEqual(await valuesOf(gateway, app, uid, 'Digital Signature Algorithm'), [
      DigitalSignatureAlgorithm.ECDSAWithSHA256,
    ]);
    const located = await gateway.run(app, Operation.Locate, {
      attribute: [attribute('Certificate Issuer', { certificateIssuerDistinguishedName: 'CN=teller' })],
    });
    assert.deepEqual(located.uniqueIdentifier, [uid]);
    await assert.rejects(
      registerCertificate(gateway, app, Buffer.from('nonsense')),
      isKmip(ResultReason.InvalidField),
    );
  });
});
