import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Agent, request, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep, setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { connect, type TLSSocket } from 'node:tls';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { waitedMs } from '../../../testkit/clocks.ts';
import { type TestPki, testPki } from '../../../testkit/pki.ts';
import {
  call,
  decodeRequest,
  decodeResponse,
  decodeXml,
  defineOperation,
  encodeRequest,
  encodeResponse,
  encodeXml,
  failedItem,
  integer,
  KmipClient,
  KmipClientError,
  type KmipClientOptions,
  KmipError,
  type MessageEncoding,
  messageFormats,
  Operation,
  type RequestItem,
  type ResponseItem,
  ResultReason,
  readResponse,
  required,
  responseHeaderFor,
  type ServeHttpsOptions,
  schemasOf,
  serveKmipHttps,
  structure,
  successItem,
  Tag,
  textString,
  V1_2,
  V1_4,
  writeRequest,
} from '../index.ts';

/** A vendor operation: waits as many milliseconds as it is told, then gives back its text. */
const echo = defineOperation({
  operation: 0x80000001,
  request: structure(Tag.RequestPayload, {
    waitMs: required(0x540001, integer),
    text: required(0x540002, textString),
  }),
  response: structure(Tag.ResponsePayload, { text: required(0x540002, textString) }),
});

/** The texts of the requests that have been begun. */
const begun: string[] = [];

async function answerItem(item: RequestItem): Promise<ResponseItem> {
  if (item.operation === echo.operation) {
    const { waitMs, text } = echo.request.read(item.payload);
    if (text === 'fail') throw new Error('disk full at /secret/path');
    begun.push(text);
    await sleep(waitMs);
    return successItem(item, echo.response.write({ text: text === 'NUL' ? '\u0000' : text }));
  }
  if (item.operation === Operation.RNGRetrieve) {
    const { dataLength } = schemasOf(Operation.RNGRetrieve).request.read(item.payload);
    const data = Buffer.alloc(dataLength, 1);
    return successItem(item, schemasOf(Operation.RNGRetrieve).response.write({ data }));
  }
  return failedItem(item, KmipError.operationNotSupported('only echoes here'));
}

async function answer(bytes: Uint8Array): Promise<Uint8Array> {
  const asked = decodeRequest(bytes);
  const items: ResponseItem[] = [];
  for (const item of asked.items) items.push(await answerItem(item));
  return encodeResponse({ header: responseHeaderFor(asked.header, 1, items.length), items });
}

const message = (text: string, waitMs = 0) => ({
  header: { protocolVersion: V1_2, batchCount: 1 },
  items: [{ operation: echo.operation, payload: echo.request.write({ waitMs, text }) }],
});
const xml = (text: string, waitMs = 0): string => encodeXml(writeRequest(message(text, waitMs)));

const MAX_REQUEST_BYTES = 4096;
const MAX_BODY_BYTES = 16_384;

let pki: TestPki;
let server: Server;
let options: KmipClientOptions;
let agent: Agent;
const errors: unknown[] = [];
const clients: KmipClient[] = [];
const servers: Server[] = [];

async function serve(more: Partial<ServeHttpsOptions> = {}): Promise<Server> {
  const pair = await pki.server();
  const made = serveKmipHttps(
    {
      key: pair.privateKeyPem,
      cert: pair.certificatePem,
      ca: pki.ca.certificatePem,
      requestCert: true,
    },
    {
      handle: answer,
      onError: (error) => errors.push(error),
      maxRequestBytes: MAX_REQUEST_BYTES,
      maxBodyBytes: MAX_BODY_BYTES,
      ...more,
    },
  );
  servers.push(made);
  made.listen(0, '127.0.0.1');
  await once(made, 'listening');
  return made;
}
const portOf = (of: Server): number => (of.address() as AddressInfo).port;

function client(changes: Partial<KmipClientOptions> = {}): KmipClient {
  const made = new KmipClient({ ...options, ...changes });
  clients.push(made);
  return made;
}

before(async () => {
  pki = await testPki();
  const own = await pki.client('app');
  server = await serve();
  options = {
    host: 'localhost',
    port: portOf(server),
    cert: own.certificatePem,
    key: own.privateKeyPem,
    ca: pki.ca.certificatePem,
  };
  agent = new Agent({
    cert: own.certificatePem,
    key: own.privateKeyPem,
    ca: pki.ca.certificatePem,
    keepAlive: true,
  });
});
after(() => {
  agent.destroy();
  for (const made of clients) made.close();
  for (const made of servers) {
    made.close();
    made.closeAllConnections();
  }
});

type Answer = { status: number; headers: Record<string, unknown>; body: Buffer; socket: unknown };
type Asked = { method?: string; path?: string; headers?: Record<string, string>; body?: string | Uint8Array };

function ask({ method = 'POST', path = '/kmip', headers = {}, body = '' }: Asked): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ agent, host: 'localhost', port: portOf(server), method, path, headers });
    sent.on('error', reject);
    sent.on('response', (response) => {
      const chunks: Buffer[] = [];
      const { socket } = response;
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks),
          socket,
        }),
      );
    });
    sent.end(body);
  });
}

describe('serveKmipHttps', () => {
  for (const [contentType, encoding] of [
    ['application/octet-stream', 'ttlv'],
    ['text/xml', 'xml'],
    ['application/xml; charset="UTF-8"', 'xml'],
    ['application/json;charset=utf-8', 'json'],
  ] as const) {
    it(`answers ${contentType} in the same encoding, in the version of the request`, async () => {
      const format = messageFormats[encoding];
      const body = format.encode(writeRequest(message('hello')));
      const got = await ask({ headers: { 'content-type': contentType }, body });
      assert.equal(got.status, 200);
      assert.equal(got.headers['content-type'], format.mediaTypes[0]);
      assert.equal(got.headers['content-length'], String(got.body.length));
      assert.equal(got.headers['cache-control'], 'no-cache, no-store');
      const { header, items } = readResponse(format.decode(got.body));
      assert.deepEqual(header.protocolVersion, V1_2);
      assert.ok(items[0]?.payload !== undefined);
      assert.equal(echo.response.read(items[0].payload).text, 'hello');
    });
  }

  it('keeps the connection', async () => {
    const sockets = new Set<unknown>();
    for (let round = 0; round < 3; round++) {
      sockets.add((await ask({ headers: { 'content-type': 'text/xml' }, body: xml('again') })).socket);
    }
    assert.equal(sockets.size, 1);
  });

  const refusals: readonly [string, number, Asked][] = [
    ['GET', 405, { method: 'GET' }],
    ['another path', 404, { path: '/kmip2' }],
    ['a path below', 404, { path: '/kmip/' }],
    ['no type', 415, {}],
    ['another type', 415, { headers: { 'content-type': 'text/plain' } }],
    ['another character set', 415, { headers: { 'content-type': 'text/xml; charset=utf-16' } }],
    ['a compressed body', 415, { headers: { 'content-type': 'text/xml', 'content-encoding': 'gzip' } }],
    [
      'a body too large',
      413,
      { headers: { 'content-type': 'text/xml' }, body: xml('x'.repeat(MAX_BODY_BYTES)) },
    ],
    [
      'a body too large that is not announced',
      413,
      {
        headers: { 'content-type': 'text/xml', 'transfer-encoding': 'chunked' },
        body: xml('x'.repeat(MAX_BODY_BYTES)),
      },
    ],
    [
      'a message too large',
      413,
      {
        headers: { 'content-type': 'application/octet-stream' },
        body: encodeRequest(message('x'.repeat(MAX_REQUEST_BYTES))),
      },
    ],
    ['headers too large', 431, { headers: { 'content-type': 'text/xml', more: 'x'.repeat(20_000) } }],
  ];
  for (const [name, status, asked] of refusals) {
    it(`refuses ${name} with ${status}, and goes on serving others`, async () => {
      const got = await ask(asked);
      assert.equal(got.status, status);
      if (status === 405) assert.equal(got.headers['allow'], 'POST');
      assert.equal((await ask({ headers: { 'content-type': 'text/xml' }, body: xml('next') })).status, 200);
    });
  }

  const malformed: readonly [MessageEncoding, string | Uint8Array][] = [
    ['xml', '<RequestMessage>'],
    ['xml', '<!DOCTYPE x [<!ENTITY a "b">]><RequestMessage/>'],
    ['xml', '<ResponseMessage/>'],
    ['json', '{"tag":"RequestMessage"}'],
    ['json', ''],
    ['ttlv', 'GET / HTTP/1.1'],
  ];
  for (const [encoding, body] of malformed) {
    it(`answers ${encoding} that is no request as KMIP: ${String(body).slice(0, 20)}`, async () => {
      const format = messageFormats[encoding];
      const got = await ask({ headers: { 'content-type': format.mediaTypes[0] }, body });
      assert.equal(got.status, 200);
      const [item] = readResponse(format.decode(got.body)).items;
      assert.equal(item?.resultReason, ResultReason.InvalidMessage);
    });
  }

  it('tells General Failure when the handler throws, and us the cause', async () => {
    const got = await ask({ headers: { 'content-type': 'text/xml' }, body: xml('fail') });
    const [item] = readResponse(decodeXml(got.body)).items;
    assert.equal(item?.resultReason, ResultReason.GeneralFailure);
    assert.ok(!got.body.includes('secret'));
    assert.ok(errors.some((error) => error instanceof Error && error.message.includes('disk full')));
  });

  it('says so when XML cannot carry the answer', async () => {
    const got = await ask({ headers: { 'content-type': 'text/xml' }, body: xml('NUL') });
    const [item] = readResponse(decodeXml(got.body)).items;
    assert.equal(item?.resultReason, ResultReason.GeneralFailure);
    assert.match(item?.resultMessage ?? '', /this encoding cannot carry/);
  });

  /** A connection of its own, for what no client of HTTP does. */
  async function raw(to = server): Promise<TLSSocket> {
    const { cert, key } = options;
    const socket = connect({ port: portOf(to), host: 'localhost', cert, key, ca: pki.ca.certificatePem });
    socket.on('error', () => undefined);
    await once(socket, 'secureConnect');
    return socket;
  }
  async function rest(socket: TLSSocket): Promise<string> {
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    await once(socket, 'close');
    return Buffer.concat(chunks).toString();
  }
  /** The next request, with as much of its body as came along with its headers. */
  async function taken(by: Server): Promise<{ taking: IncomingMessage; response: ServerResponse }> {
    const [taking, response] = (await once(by, 'request')) as [IncomingMessage, ServerResponse];
    await turnOfTheLoop();
    return { taking, response };
  }
  const post = (body: string, extra = ''): string =>
    `POST /kmip HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${extra}\r\n${body}`;

  it('answers what is pipelined in order, and no more of it at once than the limit', async () => {
    const socket = await raw();
    for (let index = 0; index < 12; index++) socket.write(post(xml(`n${index}`, 50)));
    const answers = (await rest(socket)).split('HTTP/1.1 ').slice(1);
    assert.equal(answers.filter((one) => one.startsWith('200')).length, 8);
    for (let index = 0; index < 8; index++) assert.ok(answers[index]?.includes(`"n${index}"`), `n${index}`);
    assert.ok(answers[8]?.startsWith('503'));
  });

  it('holds a body in as much memory as it has bytes, however small the pieces are that it comes in', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const heldBytes = (): number => {
      collect();
      return process.memoryUsage().heapUsed;
    };
    let atAnswer = 0;
    const patient = await serve({
      maxBodyBytes: 1024 * 1024,
      handle: (request) => {
        atAnswer = heldBytes();
        return answer(request);
      },
    });
    const socket = await raw(patient);
    const before = heldBytes();
    socket.write(
      'POST /kmip HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: text/xml\r\nTransfer-Encoding: chunked\r\n\r\n',
    );
    const body = xml('in crumbs');
    for (const text of [body, ' '.repeat(200_000)]) {
      socket.write([...text].map((character) => `1\r\n${character}\r\n`).join(''));
    }
    socket.write('0\r\n\r\n');
    assert.match(await rest(socket), /in crumbs/);
    const grownBytes = atAnswer - before;
    assert.ok(grownBytes < 8 * 1024 * 1024, `${grownBytes} bytes for a body of ${body.length + 200_000}`);
  });

  it('holds no more of all bodies together than the limit, and has the room again when they are answered', async () => {
    const tight = await serve({ maxHeldBytes: 3_000, handle: answer });
    const body = xml('x').padEnd(2_000);
    const [first, second] = [await raw(tight), await raw(tight)];
    const firstTaken = taken(tight);
    first.write(post(body).slice(0, -10));
    const { response } = await firstTaken;
    second.write(post(body));
    assert.match(await rest(second), /^HTTP\/1.1 503/);
    first.write(body.slice(-10));
    const [answered] = (await once(first, 'data')) as [Buffer];
    assert.match(answered.toString(), /^HTTP\/1.1 200/);
    if (!response.closed) await once(response, 'close');
    const [left, third] = [await raw(tight), await raw(tight)];
    const leftTaken = taken(tight);
    left.write(post(body).slice(0, -10));
    const { taking } = await leftTaken;
    left.destroy();
    if (!taking.closed) await new Promise((resolve) => taking.once('close', resolve));
    third.write(post(body, 'Connection: close\r\n'));
    assert.match(await rest(third), /^HTTP\/1.1 200/);
    first.destroy();
  });

  it('refuses a request with two lengths', async () => {
    const socket = await raw();
    socket.write(post(xml('smuggled'), 'Transfer-Encoding: chunked\r\n'));
    assert.match(await rest(socket), /^HTTP\/1.1 400/);
  });

  it('gives headers and bodies only so long to arrive, and idle connections only so long to ask', async () => {
    const hasty = await serve({
      headersTimeoutMs: 1_000,
      requestTimeoutMs: 1_200,
      idleTimeoutMs: 1_000,
    });
    const ended = async (): Promise<string[]> => {
      // By itself and at once: a request that comes late is not what this is about.
      const idle = await raw(hasty);
      idle.write(post(xml('one')));
      const [headers, body, silent] = await Promise.all([raw(hasty), raw(hasty), raw(hasty)]);
      headers.write('POST /kmip HTTP/1.1\r\nHost: loc');
      body.write(post(xml('cut')).slice(0, -10));
      return await Promise.all([headers, body, silent, idle].map(rest));
    };
    let texts: string[] = [];
    const tookMs = await waitedMs(async () => {
      texts = await ended();
    });
    const [first, second, third, fourth] = texts;
    assert.match(first ?? '', /^HTTP\/1.1 408/);
    assert.match(second ?? '', /^(HTTP\/1.1 408|$)/);
    assert.doesNotMatch(third ?? '', /200/);
    assert.match(fourth ?? '', /^HTTP\/1.1 200/);
    assert.ok(tookMs < 5_000, `${tookMs} ms`);
  });

  it('answers what is in flight when it closes, and ends the connection', async () => {
    const closing = await serve();
    const socket = await raw(closing);
    socket.write(post(xml('last', 100)));
    const arrived = rest(socket);
    while (!begun.includes('last')) await sleep(1);
    const closed = once(closing, 'close');
    closing.close();
    assert.match(await arrived, /^HTTP\/1.1 200[\s\S]*connection: close[\s\S]*"last"/i);
    await closed;
  });
});

describe('KmipClient over HTTPS', () => {
  for (const encoding of ['ttlv', 'xml', 'json'] as const) {
    it(`asks in ${encoding}`, async () => {
      const kmip = client({ https: encoding });
      const { data } = await kmip.request(Operation.RNGRetrieve, { dataLength: 16 });
      assert.deepEqual(Buffer.from(data), Buffer.alloc(16, 1));
      const [first, second] = await kmip.batch([
        call(echo, { waitMs: 0, text: 'é<&>' }),
        call(Operation.Destroy, {}),
      ]);
      assert.ok(first.ok && first.payload.text === 'é<&>');
      assert.ok(!second.ok && second.error.resultReason === ResultReason.OperationNotSupported);
    });
  }

  const code = async (promise: Promise<unknown>): Promise<string> => {
    try {
      await promise;
    } catch (error) {
      assert.ok(error instanceof KmipClientError, String(error));
      return error.code;
    }
    return assert.fail('nothing was thrown');
  };

  it('tells what went wrong', async () => {
    const slow = client({ https: 'xml', timeoutMs: 50 });
    assert.equal(await code(slow.request(echo, { waitMs: 500, text: '' })), 'KMIP_TIMEOUT');
    const nobody = client({ https: 'xml', port: 1 });
    assert.equal(await code(nobody.request(echo, { waitMs: 0, text: '' })), 'KMIP_CONNECT_FAILED');
    const stranger = client({ https: 'xml', ca: (await testPki('another')).ca.certificatePem });
    assert.equal(await code(stranger.request(echo, { waitMs: 0, text: '' })), 'KMIP_TLS_FAILED');
    const large = client({ https: 'ttlv', version: V1_4 });
    assert.equal(
      await code(large.request(echo, { waitMs: 0, text: 'x'.repeat(9_000) })),
      'KMIP_BAD_RESPONSE',
    );
    const small = client({ https: 'json', maxResponseBytes: 64 });
    assert.equal(await code(small.request(Operation.RNGRetrieve, { dataLength: 3000 })), 'KMIP_BAD_RESPONSE');
    const closed = client({ https: 'xml' });
    closed.close();
    assert.equal(await code(closed.request(echo, { waitMs: 0, text: '' })), 'KMIP_CLOSED');
  });

  it('reads what it sent as the same message', async () => {
    const bytes = encodeRequest(message('same'));
    const kmip = client({ https: 'json' });
    const [item] = decodeResponse(await kmip.send(bytes)).items;
    assert.ok(item?.payload !== undefined);
    assert.equal(echo.response.read(item.payload).text, 'same');
  });
});
