/**
 * Who is turned away, and that log and audit trail say why: each reason is its own (D10). Certificates are the only
 * credential, so every case here is one of certificates.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { connect } from 'node:tls';
import { encodeRequest, ItemType, Operation, QueryFunction, Tag } from '../execution/kmip/index.ts';
import type { KeyAndCertificate } from '../platform/pki.ts';
import { createCa, issue } from '../platform/pki.ts';
import { withClient } from '../platform/postgres-admin.ts';
import { temporaryDirectory } from '../testkit/directories.ts';
import { eventually, System } from '../testkit/system.ts';

const REGION = 'eu-west-1';
const AUDIT_DEADLINE_MS = 8_000;
const CLOSE_DEADLINE_MS = 5_000;

/** Offers a connection and resolves when the server has closed it; with the bytes that came. */
function knock(port: number, ca: string, client?: Partial<KeyAndCertificate>): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect({
      host: '127.0.0.1',
      port,
      ca,
      ...(client?.certificatePem === undefined ? {} : { cert: client.certificatePem }),
      ...(client?.privateKeyPem === undefined ? {} : { key: client.privateKeyPem }),
    });
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error('the server kept the connection'));
    }, CLOSE_DEADLINE_MS);
    socket.on('data', (chunk) => chunks.push(chunk));
    // Query, KMIP 1.4: whoever is let in would be answered.
    socket.on('secureConnect', () => socket.write(QUERY));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(Buffer.concat(chunks));
    });
  });
}

const QUERY = Buffer.from(
  encodeRequest({
    header: { protocolVersion: { major: 1, minor: 4 }, batchCount: 1 },
    items: [
      {
        operation: Operation.Query,
        payload: {
          tag: Tag.RequestPayload,
          type: ItemType.Structure,
          value: [
            { tag: Tag.QueryFunction, type: ItemType.Enumeration, value: QueryFunction.QueryOperations },
          ],
        },
      },
    ],
  }),
);

describe('refusals', () => {
  let system: System;
  let gatewayCa: string;
  let applicationCa: KeyAndCertificate;
  before(async () => {
    system = await System.shared();
    gatewayCa = await readFile(system.files().ca, 'utf8');
    const pki = join(system.home, 'pki', 'application-ca');
    applicationCa = {
      certificatePem: await readFile(join(pki, 'cert.pem'), 'utf8'),
      privateKeyPem: await readFile(join(pki, 'key.pem'), 'utf8'),
    };
  });

  async function auditReasons(): Promise<Set<string>> {
    const config = JSON.parse(await readFile(join(system.home, REGION, 'core', 'config.json'), 'utf8')) as {
      database: { url: string };
    };
    const { rows } = await withClient({ url: config.database.url }, (client) =>
      client.query<{ reason: string }>(
        'SELECT DISTINCT reason FROM core.audit_events WHERE reason IS NOT NULL',
      ),
    );
    return new Set(rows.map(({ reason }) => reason));
  }

  async function assertTold(component: string, reason: string): Promise<void> {
    await eventually(`${reason} in the log of ${component}`, CLOSE_DEADLINE_MS, async () =>
      (await system.log(component)).includes(`"${reason}"`),
    );
    await eventually(`${reason} in the audit trail`, AUDIT_DEADLINE_MS, async () =>
      (await auditReasons()).has(reason),
    );
  }

  const gatewayPort = (): number => system.region(REGION).gateway.port;
  const client = (ca: KeyAndCertificate, options: Partial<Parameters<typeof issue>[0]> = {}) =>
    issue({ ca, commonName: 'somebody', usages: ['client'], days: 1, ...options });

  const cases: {
    title: string;
    reason: string;
    certificate: () => Promise<KeyAndCertificate | undefined>;
  }[] = [
    { title: 'no certificate', reason: 'NO_CERTIFICATE', certificate: () => Promise.resolve(undefined) },
    {
      title: 'a certificate of an unknown CA',
      reason: 'UNTRUSTED_ISSUER',
      certificate: async () => await client(await createCa({ commonName: 'a CA of my own', days: 1 })),
    },
    {
      title: 'an expired certificate',
      reason: 'EXPIRED',
      certificate: () => client(applicationCa, { notBefore: new Date(Date.now() - 3 * 86_400_000) }),
    },
    {
      title: 'a certificate for servers',
      reason: 'WRONG_PURPOSE',
      certificate: () => client(applicationCa, { usages: ['server'] }),
    },
    {
      title: 'a certificate of the right CA that nobody has registered',
      reason: 'NOT_REGISTERED',
      certificate: () => client(applicationCa),
    },
  ];
  for (const { title, reason, certificate } of cases) {
    test(`${title}: closed before KMIP, reason ${reason}`, async () => {
      const answer = await knock(gatewayPort(), gatewayCa, await certificate());
      assert.equal(answer.length, 0, 'not a byte of KMIP is answered');
      await assertTold(`${REGION}/gateway`, reason);
    });
  }

  test('an application at the port of the core: refused, and told', async () => {
    const { cert, key } = system.files();
    const answer = await knock(system.region(REGION).core.port, gatewayCa, {
      certificatePem: await readFile(cert, 'utf8'),
      privateKeyPem: await readFile(key, 'utf8'),
    });
    assert.equal(answer.length, 0);
    await eventually('a refusal in the log of the core', CLOSE_DEADLINE_MS, async () =>
      /"(UNTRUSTED_ISSUER|WRONG_ROLE|NOT_REGISTERED)"/.test(await system.log(`${REGION}/core`)),
    );
  });

  test('an application that an operator removes: its open connections end in every region', async () => {
    const out = join(temporaryDirectory('leaver'), 'certs');
    const who = ['--tenant', 'acme', '--name', 'leaver'];
    await system.must('app', 'issue', ...who, '--service', 'payments', '--out', out);
    await system.refreshed();
    const files = { cert: join(out, 'cert.pem'), key: join(out, 'key.pem'), ca: join(out, 'ca.pem') };
    const [cert, key, ca] = await Promise.all(Object.values(files).map((path) => readFile(path, 'utf8')));
    const ends = await Promise.all(
      system.regions.map(async (region) => {
        const { port } = system.region(region).gateway;
        const socket = connect({ host: '127.0.0.1', port, cert, key, ca });
        socket.on('error', () => undefined);
        await once(socket, 'secureConnect');
        socket.write(QUERY);
        await once(socket, 'data');
        // Not the promise itself, which would be waited for here.
        return { closedAt: once(socket.resume(), 'close').then(() => performance.now()) };
      }),
    );
    const unsure = await system.okcm('app', 'remove', ...who);
    assert.equal(unsure.code, 2, unsure.stderr);
    const { stdout } = await system.must('app', 'remove', ...who, '--reason', 'lost laptop', '--yes');
    const toldAt = performance.now();
    assert.match(stdout, /acme\/leaver: removed; its key \([0-9a-f]{64}\) is refused in every region/);
    // The command waits for the regions' answers, so that it may come later than what they did.
    for (const { closedAt } of ends) {
      const afterMs = (await closedAt) - toldAt;
      assert.ok(afterMs < 1_000, `an open connection ended ${afterMs} ms after the command`);
    }
    const answer = await knock(gatewayPort(), gatewayCa, {
      certificatePem: cert ?? '',
      privateKeyPem: key ?? '',
    });
    assert.equal(answer.length, 0);
    for (const reason of ['IDENTITY_REMOVED', 'lost laptop'])
      await eventually(`${reason} in the audit trail`, AUDIT_DEADLINE_MS, async () =>
        (await auditReasons()).has(reason),
      );
    assert.doesNotMatch((await system.must('app', 'list', 'acme')).stdout, /leaver/);
  });

  test('another tenant’s key: Item Not Found to the client, OTHER_TENANT in log and audit', async () => {
    await system.must('tenant', 'add', 'globex');
    await system.must('service', 'add', 'globex', 'mail');
    const out = join(temporaryDirectory('globex'), 'certs');
    const who = ['--name', 'mailer', '--tenant', 'globex', '--service', 'mail', '--out', out];
    await system.must('app', 'issue', ...who);
    await system.refreshed();
    const [own, other] = await Promise.all([
      system.application(REGION),
      system.application(REGION, 'mailer'),
    ]);
    const uid = await own.create({ active: true });
    await assert.rejects(other.get(uid), /ItemNotFound/);
    await assert.rejects(other.encrypt(uid, Buffer.from('x')), /ItemNotFound/);
    await assert.rejects(other.encrypt('l3:payments', Buffer.from('x')));
    assert.deepEqual(await other.locate({}), []);
    await assertTold(`${REGION}/gateway`, 'OTHER_TENANT');
    own.close();
    other.close();
  });
});
