/** Certificates with one fault each: the finding names that fault, and no other. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { createServer } from 'node:tls';
import { createCa, type IssueOptions, issue, type KeyAndCertificate } from '../../platform/pki.ts';
import { Revocations } from '../../platform/revocation.ts';
import { readRevocationLists } from '../../platform/revocation-lists.ts';
import { revocationList } from '../../testkit/crl.ts';
import { temporaryDirectory } from '../../testkit/directories.ts';
import { type CertificateCase, judgeCertificate, judgeLists } from './certificates.ts';
import { lookAtPeer } from './tls-peer.ts';
import type { Verdict } from './verdict.ts';

const DAY_MS = 86_400_000;
const directory = temporaryDirectory('doctor-certificates');
let ca: KeyAndCertificate;
let stranger: KeyAndCertificate;

before(async () => {
  [ca, stranger] = await Promise.all([
    createCa({ commonName: 'authority', days: 400 }),
    createCa({ commonName: 'stranger', days: 400 }),
  ]);
});

const made = (options: Partial<IssueOptions> = {}): Promise<KeyAndCertificate> =>
  issue({ ca, commonName: 'core', dnsNames: ['core.internal'], usages: ['server'], days: 100, ...options });

const judged = (pair: KeyAndCertificate, more: Partial<CertificateCase> = {}): Verdict[] =>
  judgeCertificate(
    {
      checked: 'server certificate',
      file: '/etc/okcm/core.pem',
      pem: pair.certificatePem,
      key: { file: '/etc/okcm/core.key', pem: pair.privateKeyPem },
      purpose: 'server',
      host: 'core.internal',
      trust: { file: '/etc/okcm/ca.pem', pem: ca.certificatePem },
      ...more,
    },
    Date.now(),
  );

/** The only finding: its code, and the command that mends it. */
function only(verdicts: readonly Verdict[], code: string): Exclude<Verdict, { state: 'ok' }> {
  const [first, ...others] = verdicts;
  assert.ok(first !== undefined && first.state !== 'ok', JSON.stringify(verdicts));
  assert.deepEqual([first.code, others.length], [code, 0], JSON.stringify(verdicts));
  return first;
}

test('a certificate without a fault is in order, and how long it holds is told', async () => {
  const [verdict, ...others] = judged(await made());
  assert.equal(others.length, 0);
  assert.equal(verdict?.state, 'ok');
  assert.equal(verdict.facts['daysLeft'], 99);
});

test('expired: since when, and what to put in its place', async () => {
  const found = only(
    judged(await made({ days: 1, notBefore: new Date(Date.now() - 3 * DAY_MS) })),
    'CERT_EXPIRED',
  );
  assert.match(found.found, /expired on \d{4}-/);
  assert.equal(found.mend, 'install -m 644 RENEWED.pem /etc/okcm/core.pem');
});

test('not yet valid: the clocks are compared', async () => {
  const found = only(judged(await made({ notBefore: new Date(Date.now() + DAY_MS) })), 'CERT_NOT_YET_VALID');
  assert.match(found.mend, /^date -u; openssl x509 -in \/etc\/okcm\/core\.pem/);
});

test('soon to expire is a warning', async () => {
  const found = only(
    judged(await made({ days: 100, notBefore: new Date(Date.now() - 80 * DAY_MS) })),
    'CERT_EXPIRES_SOON',
  );
  assert.equal(found.state, 'warning');
  assert.match(found.found, /ends in 19 days/);
});

test('another name than the one that peers connect to', async () => {
  const found = only(judged(await made({ dnsNames: ['other.internal'] })), 'CERT_WRONG_NAME');
  assert.match(found.found, /DNS:other\.internal, and peers connect to core\.internal/);
  assert.match(found.mend, /-ext subjectAltName$/);
});

test('a key that is not the certificate’s', async () => {
  const other = await made();
  const key = { file: '/etc/okcm/core.key', pem: other.privateKeyPem };
  const found = only(judged(await made(), { key }), 'CERT_KEY_MISMATCH');
  assert.match(found.mend, /openssl pkey -in \/etc\/okcm\/core\.key -pubout/);
  const broken = only(
    judged(await made(), { key: { file: 'k', pem: 'secret-looking text' } }),
    'CERT_KEY_MISMATCH',
  );
  assert.doesNotMatch(JSON.stringify(broken), /secret-looking/);
});

test('meant for the other end of a connection', async () => {
  const found = only(judged(await made({ usages: ['client'] })), 'CERT_WRONG_USAGE');
  assert.match(found.found, /lacks serverAuth/);
});

test('not issued by the authority of the peer', async () => {
  const found = only(judged(await made({ ca: stranger })), 'CERT_CHAIN');
  assert.match(found.found, /issued by "CN=stranger"/);
  assert.match(found.mend, /^openssl verify -CAfile \/etc\/okcm\/ca\.pem/);
});

test('an intermediate authority is taken where it is sent along, and missed where it is not', async () => {
  const middle = await createCa({ commonName: 'middle', days: 300, issuer: ca });
  const leaf = await made({ ca: middle });
  const whole = { ...leaf, certificatePem: `${leaf.certificatePem}${middle.certificatePem}` };
  assert.equal(judged(whole)[0]?.state, 'ok');
  only(judged(leaf), 'CERT_CHAIN');
});

test('revoked by the list, and lists that are out of date, or soon will be', async () => {
  const pair = await made();
  const file = join(directory, 'list.crl');
  const read = async (list: Parameters<typeof revocationList>[1]) => {
    await writeFile(file, (await revocationList(ca, list)).pem);
    return await readRevocationLists([file], [new X509Certificate(ca.certificatePem)]);
  };
  const lists = await read({ revoked: [pair.certificatePem] });
  const revocations = new Revocations({ whenStale: 'refuse', whenMissing: 'accept' }, lists);
  only(judged(pair, { revocations }), 'CERT_REVOKED');
  assert.equal(judged(await made(), { revocations })[0]?.state, 'ok');
  assert.equal(judgeLists([file], lists, Date.now())[0]?.state, 'ok');
  const stale = judgeLists([file], lists, Date.now() + 2 * 3_600_000);
  assert.equal(only(stale, 'CRL_STALE').mend, `install -m 644 FRESH.crl ${file}`);
  only(judgeLists([file], lists, Date.now() + 50 * 60_000), 'CRL_EXPIRES_SOON');
});

test('a server that is looked at by a handshake is judged the same way', async () => {
  const pair = await made({ dnsNames: ['other.internal'] });
  const server = createServer({ cert: pair.certificatePem, key: pair.privateKeyPem }, (socket) =>
    socket.resume(),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const peer = {
      host: '127.0.0.1',
      port,
      servername: 'core.internal',
      ca: { file: 'ca.pem', pem: ca.certificatePem },
    };
    const { verdicts, refusal } = await lookAtPeer('the core', peer, AbortSignal.timeout(5_000));
    only(verdicts, 'CERT_WRONG_NAME');
    assert.equal(refusal, undefined);
    const named = await lookAtPeer(
      'the core',
      { ...peer, servername: 'other.internal' },
      AbortSignal.timeout(5_000),
    );
    assert.deepEqual(
      named.verdicts.map(({ state }) => state),
      ['ok'],
    );
    const unknown = {
      ...peer,
      servername: 'other.internal',
      ca: { file: 'ca.pem', pem: stranger.certificatePem },
    };
    only((await lookAtPeer('the core', unknown, AbortSignal.timeout(5_000))).verdicts, 'CERT_CHAIN');
  } finally {
    server.close();
  }
});
