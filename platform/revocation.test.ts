import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { revocationList } from '../testkit/crl.ts';
import { temporaryDirectory } from '../testkit/directories.ts';
import { readEntries, serialOf } from './crl-entries.ts';
import { createCa, issue, type KeyAndCertificate } from './pki.ts';
import { type RevocationPolicy, Revocations } from './revocation.ts';
import { readRevocationLists } from './revocation-lists.ts';

const HOUR_MS = 3_600_000;
const STRICT: RevocationPolicy = { whenStale: 'refuse', whenMissing: 'refuse' };
const LENIENT: RevocationPolicy = { whenStale: 'accept', whenMissing: 'accept' };

let root: KeyAndCertificate;
let intermediate: KeyAndCertificate;
let stranger: KeyAndCertificate;
let good: KeyAndCertificate;
let bad: KeyAndCertificate;
let below: KeyAndCertificate;
let trusted: X509Certificate[];

before(async () => {
  root = await createCa({ commonName: 'root', days: 3 });
  stranger = await createCa({ commonName: 'root', days: 3 });
  intermediate = await createCa({ commonName: 'intermediate', days: 2, issuer: root });
  const leaf = (ca: KeyAndCertificate) => issue({ ca, commonName: 'app', usages: ['client'], days: 1 });
  [good, bad, below] = await Promise.all([leaf(root), leaf(root), leaf(intermediate)]);
  trusted = [new X509Certificate(root.certificatePem)];
});

const file = (content: string | Buffer): string => {
  const path = join(temporaryDirectory('crl'), 'list');
  writeFileSync(path, content);
  return path;
};
const judge = (revocations: Revocations, pair: KeyAndCertificate, nowMs = Date.now()) =>
  revocations.judge(revocations.chainOf(new X509Certificate(pair.certificatePem), false), nowMs)?.code;

test('a revoked certificate is told from others, whatever form the list has', async () => {
  const { pem, der } = await revocationList(root, { revoked: [bad.certificatePem], serials: ['00ab', '7f'] });
  for (const content of [pem, der]) {
    const revocations = new Revocations(STRICT, await readRevocationLists([file(content)], trusted));
    assert.equal(judge(revocations, bad), 'REVOKED');
    assert.equal(judge(revocations, good), undefined);
    assert.equal(judge(revocations, below), 'CRL_MISSING', 'of the intermediate there is no list');
  }
});

test('what a list out of date, or none, means is a matter of policy; what is revoked stays so', async () => {
  const nextUpdate = new Date(Date.now() + HOUR_MS);
  const { pem } = await revocationList(root, { revoked: [bad.certificatePem], nextUpdate });
  const read = await readRevocationLists([file(pem)], trusted);
  const late = nextUpdate.getTime() + 1_000;
  const [strict, lenient] = [new Revocations(STRICT, read), new Revocations(LENIENT, read)];
  assert.equal(judge(strict, good, late), 'CRL_STALE');
  assert.equal(judge(lenient, good, late), undefined);
  assert.equal(judge(lenient, bad, late), 'REVOKED');
  assert.equal(judge(lenient, below, late), 'CHAIN_UNKNOWN', 'no policy is about what is not known');
  assert.equal(strict.nextUpdateMs, Math.floor(nextUpdate.getTime() / 1000) * 1000);
});

test('an intermediate is revoked by the root, and revokes in its own list, beside which its certificate lies', async () => {
  const ofRoot = await revocationList(root, { revoked: [intermediate.certificatePem] });
  const revocations = new Revocations(
    LENIENT,
    await readRevocationLists([file(ofRoot.pem + intermediate.certificatePem)], trusted),
  );
  assert.equal(judge(revocations, below), 'REVOKED');
  assert.equal(judge(revocations, good), undefined);

  const own = await revocationList(intermediate, { revoked: [below.certificatePem] });
  const alone = await readRevocationLists([file(own.pem)], trusted);
  assert.deepEqual(alone.unknownIssuers, ['CN=intermediate']);
  const known = await readRevocationLists([file(own.pem + intermediate.certificatePem)], trusted);
  assert.equal(judge(new Revocations(LENIENT, known), below), 'REVOKED');
  // An authority that nobody trusts does not become one by lying beside a list.
  const strangers = await revocationList(stranger, { revoked: [good.certificatePem] });
  await assert.rejects(
    readRevocationLists([file(strangers.pem + stranger.certificatePem)], trusted),
    /is not signed by "CN=root"/,
  );
});

/** As a runtime hands over what a peer has sent: in its order. */
function sent(pair: KeyAndCertificate, ...others: KeyAndCertificate[]): X509Certificate {
  const chain = [pair, ...others].map(({ certificatePem }) => new X509Certificate(certificatePem));
  for (const [at, value] of chain.slice(1).entries())
    Object.defineProperty(chain[at], 'issuerCertificate', { value });
  const [first] = chain;
  assert.ok(first);
  return first;
}

test('a revoked intermediate is found wherever it stands in what a peer sends', async () => {
  const fresh = new Revocations(
    LENIENT,
    await readRevocationLists([file((await revocationList(root)).pem)], trusted),
  );
  const ofRoot = await revocationList(root, { revoked: [intermediate.certificatePem] });
  const revoked = new Revocations(LENIENT, await readRevocationLists([file(ofRoot.pem)], trusted));
  const code = (revocations: Revocations, ...others: KeyAndCertificate[]) =>
    revocations.judge(revocations.chainOf(sent(below, ...others), false), Date.now())?.code;
  for (const others of [
    [intermediate],
    [stranger, intermediate],
    [intermediate, stranger],
    [root, intermediate],
  ]) {
    assert.equal(code(fresh, ...others), undefined);
    assert.equal(code(revoked, ...others), 'REVOKED');
  }
  for (const others of [[], [stranger], Array.from({ length: 40 }, () => stranger)])
    assert.equal(code(revoked, ...others), 'CHAIN_UNKNOWN');
});

test('a negative serial number is read as OpenSSL tells it', async () => {
  const utcTime = Buffer.concat([Buffer.of(0x17, 13), Buffer.from('260101000000Z')]);
  const entry = (serial: string): Buffer => {
    const der = Buffer.from(serial, 'hex');
    const fields = Buffer.concat([Buffer.of(0x02, der.length), der, utcTime]);
    return Buffer.concat([Buffer.of(0x30, fields.length), fields]);
  };
  const { serials } = await readEntries(Buffer.concat(['c1f1', '80', '00c1'].map(entry)));
  assert.deepEqual([...serials], [serialOf('-3E0F'), serialOf('-80'), serialOf('C1')]);
});

test('what a resumed session does not bring along holds until a list changes, or should have', async () => {
  const before = await readRevocationLists([file((await revocationList(root)).pem)], trusted);
  const revocations = new Revocations({ ...LENIENT, whenStale: 'refuse' }, before);
  const chain = revocations.chainOf(new X509Certificate(below.certificatePem), true);
  assert.equal(revocations.judge(chain, Date.now() + 2 * HOUR_MS)?.code, 'CHAIN_UNKNOWN');
  assert.equal(revocations.judge(chain, Date.now()), undefined);
  const ofRoot = await revocationList(root, { revoked: [intermediate.certificatePem] });
  revocations.replace(await readRevocationLists([file(ofRoot.pem)], trusted));
  assert.equal(revocations.judge(chain, Date.now())?.code, 'CHAIN_UNKNOWN');
});

test('what does not stand for itself is refused, with the file and the reason', async () => {
  const past = new Date(Date.now() - HOUR_MS);
  const future = new Date(Date.now() + HOUR_MS);
  const cases: [RegExp, string | Buffer][] = [
    [/is not signed by "CN=root"/, (await revocationList(stranger)).pem],
    [/is not signed by/, (await revocationList(stranger, { issuer: root })).der],
    [/until when it holds/, (await revocationList(root, { nextUpdate: null })).pem],
    [/our clock is behind/, (await revocationList(root, { thisUpdate: future })).pem],
    [
      /a delta/,
      (await revocationList(root, { extensions: { '2.5.29.27': Buffer.from('020101', 'hex') } })).pem,
    ],
    [
      /a part of a list/,
      (await revocationList(root, { extensions: { '2.5.29.28': Buffer.from('3000', 'hex') } })).pem,
    ],
    [
      /not understood \(1\.2\.3\.4\)/,
      (await revocationList(root, { extensions: { '1.2.3.4': Buffer.from('0500', 'hex') } })).pem,
    ],
    [/no revocation list/, good.certificatePem],
    [/cannot be read/, Buffer.from('3003020101', 'hex')],
    [/the limit is/, Buffer.alloc(9 * 1024 * 1024, 0x30)],
  ];
  for (const [pattern, content] of cases) {
    const path = file(content);
    await assert.rejects(readRevocationLists([path], trusted), (error: Error) => {
      assert.match(error.message, pattern);
      assert.ok(error.message.includes(path));
      return true;
    });
  }
  const { der } = await revocationList(root, { revoked: [bad.certificatePem] });
  const forged = Buffer.from(der);
  forged[forged.length - 20] = (forged.at(-20) ?? 0) ^ 1;
  await assert.rejects(readRevocationLists([file(forged)], trusted), /is not signed by/);

  const former = (await readRevocationLists([file(der)], trusted)).lists;
  const older = await revocationList(root, { thisUpdate: past });
  await assert.rejects(readRevocationLists([file(older.pem)], trusted, former), /older than the one in use/);
  // Of two the latest counts, in whatever order they come.
  for (const paths of [
    [file(older.pem), file(der)],
    [file(der), file(older.pem)],
  ])
    assert.equal((await readRevocationLists(paths, trusted, former)).lists[0]?.revoked.size, 1);
});
