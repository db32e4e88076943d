/** The server’s end of a connection: order, bounds, and how it ends. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectPlain, createServer, type Server, type Socket } from 'node:net';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  decodeRequest,
  decodeResponse,
  encodeResponse,
  type PlainAnswers,
  ResultReason,
  type ServeOptions,
  type ServerConnection,
  serveKmip,
  structureItem,
  Tag,
  V1_2,
} from '../index.ts';
import { OUTPUT_BUFFER_BYTES } from './output-buffer.ts';
import { withoutSwitch } from './test-sockets.test.ts';
import { answer, listen, request, wait, waited } from './test-wait.test.ts';

for (const reads of ['into one buffer', 'each into its own'])
  describe(`serveKmip, reading ${reads}`, () => serving(reads === 'into one buffer'));

function serving(shared: boolean): void {
  const servers: Server[] = [];
  const errors: unknown[] = [];
  let connections: ServerConnection[] = [];

  /** A connected pair: our end as a plain socket, the other end served. */
  async function open(
    options: Partial<ServeOptions> = {},
  ): Promise<{ socket: Socket; served: ServerConnection }> {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      if (!shared) withoutSwitch(socket);
      connections.push(
        serveKmip(socket, { handle: answer, onError: (error) => errors.push(error), ...options }),
      );
    });
    servers.push(server);
    connections = [];
    const socket = connectPlain({ port: await listen(server), host: '127.0.0.1', allowHalfOpen: true });
    await once(socket, 'connect');
    while (connections.length === 0) await sleep(1);
    const [served] = connections;
    assert.ok(served !== undefined);
    return { socket, served };
  }

  /** Everything that arrives until the other end hangs up. */
  async function rest(socket: Socket): Promise<Buffer> {
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    await once(socket, 'end');
    socket.end();
    return Buffer.concat(chunks);
  }

  function frames(stream: Buffer): readonly Buffer[] {
    const found: Buffer[] = [];
    for (let at = 0; at < stream.length; ) {
      const end = at + 8 + stream.readUInt32BE(at + 4);
      found.push(stream.subarray(at, end));
      at = end;
    }
    return found;
  }

  after(() => {
    for (const server of servers) server.close();
  });

  it('answers in the order of the requests, however long each takes', async () => {
    const { socket, served } = await open();
    socket.end(Buffer.concat([60, 0, 30, 1].map(request)));
    assert.deepEqual(frames(await rest(socket)).map(waited), [60, 0, 30, 1]);
    assert.equal(await served.closed, 'peer');
  });

  it('works on as many requests as the limit says and no more, and loses none', async () => {
    let running = 0;
    let most = 0;
    const handle = async (bytes: Uint8Array): Promise<Uint8Array> => {
      most = Math.max(most, ++running);
      const response = await answer(bytes);
      running--;
      return response;
    };
    const { socket } = await open({ handle, maxInFlight: 3 });
    const wanted = Array.from({ length: 40 }, (_, index) => index % 3);
    socket.end(Buffer.concat(wanted.map(request)));
    assert.deepEqual(frames(await rest(socket)).map(waited), wanted);
    assert.equal(most, 3);
  });

  it('takes answers that are already there', async () => {
    const fixed = encodeResponse({
      header: { protocolVersion: V1_2, timeStamp: 1, batchCount: 1 },
      items: [{ resultStatus: 0 }],
    });
    const { socket } = await open({ handle: () => fixed });
    socket.end(Buffer.concat([request(0), request(0)]));
    assert.deepEqual(await rest(socket), Buffer.concat([fixed, fixed]));
  });

  it('has plain requests answered where they lie, in their order among the others, however they are cut', async () => {
    const plainly: number[] = [];
    const reads: number[] = [];
    const answered = encodeResponse({
      header: { protocolVersion: V1_2, timeStamp: 1, batchCount: 1 },
      items: [{ operation: wait.operation, resultStatus: 0, payload: wait.response.write({ waitMs: 0 }) }],
    });
    const plain: PlainAnswers = {
      answer: (bytes, start, end, out, at) => {
        const [item] = decodeRequest(bytes.subarray(start, end)).items;
        if (item === undefined || wait.request.read(item.payload).waitMs !== 0) return -1;
        plainly.push(start);
        out.set(answered, at);
        return at + answered.length;
      },
      settle: () => false,
      done: (readAtMs) => void reads.push(readAtMs),
    };
    const { socket } = await open({ plain });
    const wanted = [0, 0, 20, 0, 0, 5, 0];
    const stream = Buffer.concat(wanted.map(request));
    socket.write(stream.subarray(0, 400));
    await sleep(20);
    socket.end(stream.subarray(400));
    assert.deepEqual(frames(await rest(socket)).map(waited), wanted);
    assert.deepEqual(plainly.slice(0, 2), [0, request(0).length], 'one behind the other, in one read');
    assert.ok(reads.length > 0);
  });

  it('sends the answers to one read in parts, where they are more than a buffer holds', async () => {
    const answered = encodeResponse({
      header: { protocolVersion: V1_2, timeStamp: 1, batchCount: 1 },
      items: [{ operation: wait.operation, resultStatus: 0, payload: wait.response.write({ waitMs: 0 }) }],
    });
    let settled = 0;
    let unsettled = 0;
    const plain: PlainAnswers = {
      answer: (_bytes, _start, _end, out, at) => {
        if (at + answered.length > out.length) return -1;
        unsettled += 1;
        out.set(answered, at);
        return at + answered.length;
      },
      settle: () => {
        settled += unsettled;
        unsettled = 0;
        return true;
      },
      done: () => assert.equal(unsettled, 0, 'none leaves before it is settled'),
    };
    const { socket } = await open({ plain });
    const wanted = Array<number>(1000).fill(0);
    socket.end(Buffer.concat(wanted.map(request)));
    assert.deepEqual(frames(await rest(socket)).map(waited), wanted);
    assert.ok(settled * answered.length > OUTPUT_BUFFER_BYTES, `${settled} were answered plainly`);
  });

  it('goes the other way where a plain answer fails', async () => {
    const fault = new Error('a fault in the plain way');
    const plain: PlainAnswers = {
      answer: () => {
        throw fault;
      },
      settle: () => false,
      done: () => undefined,
    };
    const { socket } = await open({ plain });
    socket.end(request(0));
    assert.deepEqual(frames(await rest(socket)).map(waited), [0]);
    assert.ok(errors.includes(fault));
  });

  it('tells the peer General Failure when the handler throws, and us the cause', async () => {
    const cause = new Error('disk full at /secret/path');
    const { socket } = await open({ handle: () => Promise.reject(cause) });
    socket.end(request(0));
    const [item] = decodeResponse(await rest(socket)).items;
    assert.equal(item?.resultReason, ResultReason.GeneralFailure);
    assert.ok(!item?.resultMessage?.includes('secret'));
    assert.ok(errors.includes(cause));
  });

  it('answers a message beyond the limit in its version, after those before it, and hangs up', async () => {
    const { socket, served } = await open({ maxFrameBytes: 300 });
    const huge = Buffer.from(request(0).slice(0, 64));
    huge.writeUInt32BE(1_000_000, 4);
    socket.write(Buffer.concat([request(20), huge]));
    const [first, second] = frames(await rest(socket));
    assert.ok(first !== undefined && second !== undefined);
    assert.equal(waited(first), 20);
    const { header, items } = decodeResponse(second);
    assert.deepEqual(header.protocolVersion, V1_2);
    assert.equal(items[0]?.resultReason, ResultReason.InvalidMessage);
    assert.match(items[0]?.resultMessage ?? '', /1000008 bytes exceeds the limit of 300/);
    assert.equal(await served.closed, 'malformed');
  });

  it('hangs up on what is not KMIP without an answer', async () => {
    const { socket, served } = await open();
    socket.write('GET / HTTP/1.1\r\n\r\n');
    assert.equal((await rest(socket)).length, 0);
    assert.equal(await served.closed, 'not-kmip');
  });

  it('gives a message only so long to arrive whole', async () => {
    const { socket, served } = await open({ frameTimeoutMs: 50 });
    socket.on('error', () => {});
    socket.write(request(0).subarray(0, 30));
    assert.equal(await served.closed, 'frame-timeout');
    socket.destroy();
  });

  it('closes a connection that asks nothing', async () => {
    const { socket, served } = await open({ idleTimeoutMs: 30 });
    await rest(socket);
    assert.equal(await served.closed, 'idle');
  });

  it('stops reading, then gives up on, a peer that does not read', async () => {
    let handled = 0;
    const big = Buffer.from(
      encodeResponse({
        header: { protocolVersion: V1_2, timeStamp: 1, batchCount: 1 },
        items: [
          {
            resultStatus: 0,
            payload: structureItem(Tag.ResponsePayload, [
              { tag: Tag.Data, type: 8, value: Buffer.alloc(500_000) },
            ]),
          },
        ],
      }),
    );
    const handle = (): Uint8Array => {
      handled++;
      return big;
    };
    const { socket, served } = await open({
      handle,
      maxOutputBytes: 1_000_000,
      maxInFlight: 4,
      stallTimeoutMs: 200,
    });
    socket.on('error', () => {});
    socket.pause();
    for (let sent = 0; sent < 400; sent++) socket.write(request(0));
    assert.equal(await served.closed, 'stalled');
    assert.ok(handled < 100, `${handled} requests were answered into the void`);
    socket.destroy();
  });

  it('answers what is in flight before it shuts down', async () => {
    const { socket, served } = await open();
    socket.write(request(40));
    const arrived = rest(socket);
    while (served.inFlight === 0) await sleep(1);
    await served.close();
    assert.equal(waited(await arrived), 40);
    assert.equal(await served.closed, 'shutdown');
  });
}
