// Each way in which a certificate can fail, over a real TLS handshake.
import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, webcrypto, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { before, test } from 'node:test';
import { type ConnectionOptions, connect, createServer, type SecureVersion, type TLSSocket } from 'node:tls';
import fc from 'fast-check';
import { createCa, type IssueOptions, issue, issueForKey, type KeyAndCertificate } from './pki.ts';
import { checkPeer, checkValidity, keyFingerprint, type PeerCheck, urisOf } from './tls-identity.ts';

const DAY_MS = 86_400_000;
const URI = 'spiffe://acme.example/tenant/t1/app/billing';

let ca: KeyAndCertificate;
let server: KeyAndCertificate;
before(async () => {
  ca = await createCa({ commonName: 'root', days: 30 });
  server = await issue({
    ca,
    commonName: 'localhost',
    dnsNames: ['localhost'],
    usages: ['server'],
    days: 10,
  });
});

function client(options: Partial<IssueOptions> = {}): Promise<KeyAndCertificate> {
  return issue({
    ca,
    commonName: 'billing',
    organization: 'acme',
    uris: [URI],
    usages: ['client'],
    days: 10,
    ...options,
  });
}

interface Shake {
  readonly pair?: KeyAndCertificate | undefined;
  readonly version?: SecureVersion;
  readonly trusted?: readonly string[];
  /** How many connections, each resuming the session of the one before. */
  readonly times?: number;
  readonly now?: Date;
}

/** What the server finds about the client, once for each connection. */
async function handshake(options: Shake): Promise<{ check: PeerCheck; reused: boolean }[]> {
  const { pair, version = 'TLSv1.3', times = 1 } = options;
  const results: { check: PeerCheck; reused: boolean }[] = [];
  const listener = createServer({
    cert: server.certificatePem,
    key: server.privateKeyPem,
    ca: [...(options.trusted ?? [ca.certificatePem])],
    requestCert: true,
    rejectUnauthorized: false,
    minVersion: version,
    maxVersion: version,
  });
  listener.on('secureConnection', (socket: TLSSocket) => {
    const check = checkPeer(socket, options.now === undefined ? {} : { now: options.now });
    results.push({ check, reused: socket.isSessionReused() });
    socket.on('error', () => {});
    socket.end('seen');
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  assert.ok(typeof address === 'object' && address !== null);
  try {
    let session: Buffer | undefined;
    for (let round = 0; round < times; round++) {
      const settings: ConnectionOptions = {
        host: '127.0.0.1',
        port: address.port,
        ca: ca.certificatePem,
        servername: 'localhost',
      };
      if (pair !== undefined) Object.assign(settings, { cert: pair.certificatePem, key: pair.privateKeyPem });
      if (session !== undefined) settings.session = session;
      const socket = connect(settings);
      socket.on('session', (fresh) => {
        session = fresh;
      });
      socket.resume();
      await once(socket, 'close');
    }
  } finally {
    listener.close();
  }
  assert.equal(results.length, times);
  return results;
}

async function checkOnce(options: Shake): Promise<PeerCheck> {
  const [first] = await handshake(options);
  assert.ok(first);
  return first.check;
}

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`${version}: a good certificate is told by its key, subject, names and end`, async () => {
    const pair = await client();
    const check = await checkOnce({ pair, version });
    assert.ok(check.ok, JSON.stringify(check));
    assert.equal(check.fingerprint, keyFingerprint(pair.certificatePem));
    assert.equal(check.subject, 'O=acme, CN=billing');
    assert.deepEqual(check.uris, [URI]);
    assert.ok(Math.abs(check.notAfter.getTime() - (Date.now() + 10 * DAY_MS)) < 60_000);
  });

  test(`${version}: NO_CERTIFICATE, also on a resumed session`, async () => {
    const results = await handshake({ version, times: 3 });
    assert.ok(
      results.some((result) => result.reused),
      'no session was resumed: the test shows nothing',
    );
    for (const { check } of results) assert.equal(check.ok ? 'ok' : check.code, 'NO_CERTIFICATE');
  });

  test(`${version}: a resumed session still has its certificate, and its dates are checked again`, async () => {
    const pair = await client();
    const results = await handshake({ pair, version, times: 3 });
    assert.ok(results.some((result) => result.reused));
    for (const { check } of results) assert.ok(check.ok, JSON.stringify(check));
    const later = await handshake({ pair, version, times: 2, now: new Date(Date.now() + 11 * DAY_MS) });
    for (const { check } of later) assert.equal(check.ok ? 'ok' : check.code, 'EXPIRED');
  });
}

async function refusal(options: Shake): Promise<{ code: string; message: string }> {
  const check = await checkOnce(options);
  assert.ok(!check.ok, 'it was accepted');
  return check;
}

test('UNTRUSTED_ISSUER: a stranger with the same name, a self-signed certificate, a missing intermediate', async () => {
  const stranger = await createCa({ commonName: 'root', days: 30 });
  const intermediate = await createCa({ commonName: 'intermediate', days: 20, issuer: ca });
  for (const pair of [
    await client({ ca: stranger }),
    await selfSigned(),
    await client({ ca: intermediate }),
  ]) {
    const { code, message } = await refusal({ pair });
    assert.equal(code, 'UNTRUSTED_ISSUER', message);
    assert.match(message, /not among our trusted authorities/);
  }
});

test('an intermediate that is sent along is accepted', async () => {
  const intermediate = await createCa({ commonName: 'intermediate', days: 20, issuer: ca });
  const leaf = await client({ ca: intermediate });
  const pair = { ...leaf, certificatePem: leaf.certificatePem + intermediate.certificatePem };
  assert.ok((await checkOnce({ pair })).ok);
});

test('EXPIRED: the certificate, and an authority in its chain', async () => {
  const pair = await client({ notBefore: new Date(Date.now() - 5 * DAY_MS), days: 3 });
  const own = await refusal({ pair });
  assert.equal(own.code, 'EXPIRED');
  assert.match(own.message, /CN=billing" expired on \d{4}-/);
  const oldCa = await createCa({ commonName: 'old', days: 1, notBefore: new Date(Date.now() - 3 * DAY_MS) });
  const child = await refusal({ pair: await client({ ca: oldCa }), trusted: [oldCa.certificatePem] });
  assert.equal(child.code, 'EXPIRED');
});

test('NOT_YET_VALID, with both clocks in the message', async () => {
  const { code, message } = await refusal({
    pair: await client({ notBefore: new Date(Date.now() + DAY_MS) }),
  });
  assert.equal(code, 'NOT_YET_VALID');
  assert.match(message, /valid from \d{4}-.*our clock says \d{4}-/);
});

test('WRONG_PURPOSE: a server certificate is no client', async () => {
  const { code, message } = await refusal({ pair: await client({ usages: ['server'] }) });
  assert.equal(code, 'WRONG_PURPOSE');
  assert.match(message, /lacks clientAuth/);
});

test('WRONG_PURPOSE: an authority is no client, since its key may only sign certificates', async () => {
  const { code, message } = await refusal({
    pair: await createCa({ commonName: 'sub', days: 1, issuer: ca }),
  });
  assert.equal(code, 'WRONG_PURPOSE');
  assert.match(message, /key usage does not allow signatures/);
});

test('a certificate without extended key usage is good for any purpose (RFC 5280 §4.2.1.12)', async () => {
  assert.ok((await checkOnce({ pair: await client({ usages: [] }) })).ok);
});

test('BAD_CHAIN: an ordinary certificate that signs another one', async () => {
  const holder = await client({ commonName: 'not an authority' });
  const leaf = await forge(holder, 'forged');
  const pair = { ...leaf, certificatePem: leaf.certificatePem + holder.certificatePem };
  const { code, message } = await refusal({ pair });
  assert.equal(code, 'BAD_CHAIN', message);
});

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

async function selfSigned(): Promise<KeyAndCertificate> {
  const { X509CertificateGenerator } = await import('@peculiar/x509');
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=billing',
    keys,
    signingAlgorithm: ALGORITHM,
  });
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  return {
    certificatePem: certificate.toString('pem'),
    privateKeyPem: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

/** What `issue` refuses to do: sign with a certificate that is no authority's. */
async function forge(issuer: KeyAndCertificate, commonName: string): Promise<KeyAndCertificate> {
  await assert.rejects(issue({ ca: issuer, commonName, usages: ['client'], days: 1 }), {
    code: 'PKI_BAD_CA',
  });
  const { X509CertificateGenerator, X509Certificate: Parsed } = await import('@peculiar/x509');
  const der = Buffer.from(issuer.privateKeyPem.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  const own = await client();
  const spki = createPublicKey(own.certificatePem).export({ type: 'spki', format: 'der' });
  const certificate = await X509CertificateGenerator.create({
    subject: `CN=${commonName}`,
    issuer: new Parsed(issuer.certificatePem).subject,
    publicKey: await webcrypto.subtle.importKey('spki', spki, ALGORITHM, true, ['verify']),
    signingKey: await webcrypto.subtle.importKey('pkcs8', der, ALGORITHM, false, ['sign']),
    signingAlgorithm: ALGORITHM,
  });
  return { certificatePem: `${certificate.toString('pem')}\n`, privateKeyPem: own.privateKeyPem };
}

test('certificates carry what strict clients ask for', async () => {
  const pair = await issue({
    ca,
    commonName: 'both',
    dnsNames: ['a.example'],
    ipAddresses: ['10.0.0.1'],
    usages: ['client', 'server'],
    days: 90,
  });
  const leaf = new X509Certificate(pair.certificatePem);
  const root = new X509Certificate(ca.certificatePem);
  assert.ok(leaf.checkIssued(root) && leaf.verify(root.publicKey) && !leaf.ca && root.ca);
  assert.equal(leaf.checkHost('a.example'), 'a.example');
  assert.equal(leaf.checkIP('10.0.0.1'), '10.0.0.1');
  assert.deepEqual([...leaf.keyUsage].sort(), ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
  assert.equal(leaf.serialNumber.length, 32);
  assert.deepEqual(leaf.validToDate, root.validToDate, 'it outlives its authority');
  assert.equal(checkValidity(leaf, new Date()), undefined);
});

test('a certificate for a key that stays with its holder', async () => {
  const holder = await client();
  const publicKeyPem = createPublicKey(holder.certificatePem)
    .export({ type: 'spki', format: 'pem' })
    .toString();
  const pem = await issueForKey({ ca, commonName: 'same key', usages: ['client'], days: 1 }, publicKeyPem);
  assert.equal(keyFingerprint(pem), keyFingerprint(holder.certificatePem));
  assert.equal(keyFingerprint(new X509Certificate(pem).raw), keyFingerprint(pem));
  assert.notEqual(keyFingerprint(pem), keyFingerprint(ca.certificatePem));
});

test('a name that is as long as a handshake takes does not go into the log as it is', async () => {
  const { certificatePem } = await createCa({ commonName: 'x'.repeat(50_000), days: 1 });
  const refusal = checkValidity(new X509Certificate(certificatePem), new Date(0));
  assert.ok(refusal !== undefined && refusal.message.length < 1_024);
});

test('a crafted name cannot pose as a second one', async () => {
  const evil = 'spiffe://acme.example/x, URI:spiffe://acme.example/admin';
  const check = await checkOnce({ pair: await client({ uris: [evil, URI] }) });
  assert.ok(check.ok);
  assert.deepEqual(check.uris, [evil, URI]);
});

test('URI names survive the way through a certificate', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.webUrl(), { minLength: 1, maxLength: 3 }), async (uris) => {
      const pair = await client({ uris, dnsNames: ['x.example'] });
      assert.deepEqual(urisOf(new X509Certificate(pair.certificatePem).subjectAltName), uris);
    }),
    { numRuns: 30 },
  );
});
