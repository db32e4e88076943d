/**
 * The gateway's second port, for HTTPS in each encoding, and what KMIP 2 asks of either: the same objects, the same
 * callers, the same refusals with the same reasons.
 */
import assert from 'node:assert/strict';
import { request } from 'node:https';
import { after, before, describe, it } from 'node:test';
import {
  decodeTtlv,
  decodeXml,
  encodeTtlv,
  encodeXml,
  type KmipClient,
  KmipClientError,
  Operation,
  QueryFunction,
  ResultReason,
} from '../execution/kmip/index.ts';
import type { KeyAndCertificate } from '../platform/pki.ts';
import { issue } from '../platform/pki.ts';
import { keyFingerprint } from '../platform/tls-identity.ts';
import { waitedMs } from '../testkit/clocks.ts';
import { testPki } from '../testkit/pki.ts';
import {
  create,
  depopulate,
  keyTemplate,
  type Populated,
  populate,
  reasonsSince,
  refused,
  refusedConnection,
  roundTrip,
} from './support/applications.ts';
import { type RegionWorld, until } from './support/region.ts';

let populated: Populated | undefined;
let world: RegionWorld;
let billing: KmipClient;
const clients: KmipClient[] = [];

before(async () => {
  populated = await populate();
  ({ world, billing } = populated);
});
after(async () => {
  for (const client of clients) client.close();
  await depopulate(populated);
});

function over(https: 'ttlv' | 'xml' | 'json', certificate = world.certificate('billing')): KmipClient {
  const client = world.client(certificate, { https });
  clients.push(client);
  return client;
}

/** POSTs text as an application, and gives the text that comes back. */
function post(body: string, contentType: string, certificate: KeyAndCertificate): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: '127.0.0.1',
        port: world.gateway.httpsPort,
        servername: 'localhost',
        cert: certificate.certificatePem,
        key: certificate.privateKeyPem,
        ca: world.pki.ca.certificatePem,
        method: 'POST',
        path: '/kmip',
        headers: { 'content-type': contentType },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => resolve(Buffer.concat(chunks).toString()));
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}
const message = (major: number, minor: number, more: string, items: string): string => `<RequestMessage>
  <RequestHeader>
    <ProtocolVersion>
      <ProtocolVersionMajor type="Integer" value="${major}"/><ProtocolVersionMinor type="Integer" value="${minor}"/>
    </ProtocolVersion>${more}
    <BatchCount type="Integer" value="1"/>
  </RequestHeader>
  <BatchItem>${items}</BatchItem>
</RequestMessage>`;

describe('KMIP over HTTPS', () => {
  it('makes and uses the keys that the other port does, in every encoding', async () => {
    for (const encoding of ['ttlv', 'xml', 'json'] as const) {
      const client = over(encoding);
      const uid = await create(client, { name: `over ${encoding}` });
      await roundTrip(client, uid);
      await roundTrip(billing, uid);
      // In the core, through the tunnel.
      const { attributeName } = await client.request(Operation.GetAttributeList, { uniqueIdentifier: uid });
      assert.ok(attributeName.includes('State'));
    }
  });

  it('counts Maximum Response Size in TTLV, whatever the encoding (MSGENC-HTTPS-M-1, MSGENC-XML-M-1)', async () => {
    const query = (limit: number): string =>
      message(
        1,
        4,
        `<MaximumResponseSize type="Integer" value="${limit}"/>`,
        `<Operation type="Enumeration" value="Query"/><RequestPayload>
          <QueryFunction type="Enumeration" value="QueryOperations"/>
          <QueryFunction type="Enumeration" value="QueryObjects"/></RequestPayload>`,
      );
    const certificate = world.certificate('billing');
    assert.match(await post(query(256), 'text/xml', certificate), /"ResponseTooLarge"/);
    assert.match(await post(query(2048), 'text/xml', certificate), /"Success"/);
    const answer = await post(query(1200), 'text/xml', certificate);
    assert.match(answer, /"Success"/);
    assert.ok(answer.length > 1200, 'as XML it is larger than that');
  });

  it('refuses the same connections for the same reasons', async () => {
    const stranger = await testPki('another authority');
    const knock = (certificate: KeyAndCertificate) => world.client(certificate, { https: 'xml' });
    await refusedConnection(world, knock(await stranger.client('x')), 'UNTRUSTED_ISSUER');
    await refusedConnection(world, knock(await world.pki.server('x')), 'WRONG_PURPOSE');
    await refusedConnection(world, knock(await world.pki.client('unknown')), 'NOT_REGISTERED');
    await until('the trail of the region has them', async () => {
      const rows = await world.core.db
        .selectFrom('core.audit_events')
        .select((row) => row.fn.countAll<string>().as('n'))
        .where('event', '=', 'CONNECTION_REFUSED')
        .executeTakeFirstOrThrow();
      return Number(rows.n) >= 3;
    });
  });

  it('ends the open connection of an identity that is removed', async () => {
    const certificate = await world.application('leaver', 'acme', ['orders']);
    const leaver = over('json', certificate);
    await leaver.request(Operation.Query, { queryFunction: [QueryFunction.QueryOperations] });
    assert.equal(world.gateway.status().connections >= 1, true);
    const position = world.log.length;
    await world.job('IDENTITY_REMOVE', {
      fingerprint: keyFingerprint(certificate.certificatePem),
      reason: 'left',
    });
    const hasEnded = () => reasonsSince(world, position).includes('IDENTITY_REMOVED');
    assert.ok((await waitedMs(() => until('its connection has ended', hasEnded))) < 1_000);
    await assert.rejects(leaver.request(Operation.Query, { queryFunction: [1] }), KmipClientError);
  });

  it('ends the open connection of a certificate that expires', async () => {
    const own = await issue({ ca: world.pki.ca, commonName: 'short', usages: ['client'], days: 3 / 86_400 });
    const short = over('xml', await world.application('short', 'acme', ['orders'], { certificate: own }));
    await short.request(Operation.Query, { queryFunction: [1] });
    const position = world.log.length;
    await until('the connection is ended', () => reasonsSince(world, position).includes('EXPIRED'), 6_000);
  });

  it('holds an identity to its operations and its tenant', async () => {
    const uid = await create(billing);
    const rival = over('json', world.certificate('rival-app'));
    await refused(ResultReason.ItemNotFound, /no object has/, () =>
      rival.request(Operation.Get, { uniqueIdentifier: uid }),
    );
    const certificate = await world.application('reader', 'acme', ['orders'], { operations: ['Query'] });
    await refused(ResultReason.PermissionDenied, /operation/, () =>
      over('xml', certificate).request(Operation.Create, keyTemplate()),
    );
  });

  it('goes on when it has been stopped and started', async () => {
    const client = over('xml');
    await client.request(Operation.Query, { queryFunction: [1] });
    await world.stopGateway();
    await world.restartGateway();
    await over('xml').request(Operation.Query, { queryFunction: [1] });
  });
});

describe('KMIP 2', () => {
  const uid = (value: string): string => `<UniqueIdentifier type="TextString" value="${value}"/>`;
  const ask = async (minor: number, operation: string, payload: string): Promise<string> => {
    const text = message(
      2,
      minor,
      '',
      `<Operation type="Enumeration" value="${operation}"/><RequestPayload>${payload}</RequestPayload>`,
    );
    const overTls = await billing.send(encodeTtlv(decodeXml(text)));
    return encodeXml(decodeTtlv(overTls));
  };

  it('is told of the versions that are spoken in full', async () => {
    const text = await ask(1, 'DiscoverVersions', '');
    assert.match(
      text,
      /^<ResponseMessage><ResponseHeader><ProtocolVersion><ProtocolVersionMajor type="Integer" value="2"\/>/,
    );
    assert.match(
      text,
      /<ResponsePayload><ProtocolVersion><ProtocolVersionMajor type="Integer" value="1"\/><ProtocolVersionMinor type="Integer" value="4"\/>/,
    );
    assert.match(
      await ask(0, 'Query', '<QueryFunction type="Enumeration" value="QueryOperations"/>'),
      /"SetAttribute"/,
    );
  });

  it('makes a key, sets an attribute, finds it again', async () => {
    const created = await ask(
      1,
      'Create',
      `<ObjectType type="Enumeration" value="SymmetricKey"/><Attributes>
        <CryptographicAlgorithm type="Enumeration" value="AES"/><CryptographicLength type="Integer" value="256"/>
        <CryptographicUsageMask type="Integer" value="Encrypt Decrypt"/>
        <Name><NameValue type="TextString" value="of two"/><NameType type="Enumeration" value="UninterpretedTextString"/></Name>
      </Attributes>`,
    );
    const key = /UniqueIdentifier type="TextString" value="([^"]+)"/.exec(created)?.[1];
    assert.ok(key !== undefined, created);
    assert.match(
      await ask(
        1,
        'SetAttribute',
        `${uid(key)}<NewAttribute><ContactInformation type="TextString" value="me"/></NewAttribute>`,
      ),
      /"Success"/,
    );
    const got = await ask(
      1,
      'GetAttributes',
      `${uid(key)}<AttributeReference type="Enumeration" value="ContactInformation"/><AttributeReference type="Enumeration" value="State"/>`,
    );
    assert.match(got, /<Attributes>.*<ContactInformation type="TextString" value="me"\/>.*<\/Attributes>/);
    assert.match(got, /<State type="Enumeration" value="PreActive"\/>/);
    const located = await ask(
      0,
      'Locate',
      '<Attributes><Name><NameValue type="TextString" value="of two"/><NameType type="Enumeration" value="UninterpretedTextString"/></Name></Attributes>',
    );
    assert.ok(located.includes(key), located);
    assert.match(await ask(1, 'Activate', uid(key)), /"Success"/);
    const sealed = await ask(1, 'Encrypt', `${uid(key)}<Data type="ByteString" value="00112233"/>`);
    assert.match(sealed, /<Data type="ByteString"/);
  });

  it('is refused in its own version', async () => {
    const text = await ask(1, 'Get', uid('not-there'));
    assert.match(text, /ProtocolVersionMajor type="Integer" value="2"/);
    assert.match(text, /"ItemNotFound"/);
    assert.match(await ask(2, 'Query', ''), /2\.2 is not supported; ask for 1\.4 or less/);
  });
});
