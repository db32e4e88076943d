/** Reads into memory that all connections share: whole, in order, gone afterwards, and the same where there is no such memory. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { after, describe, it } from 'node:test';
import { onReads } from './shared-reads.ts';
import { clientOf, closeSockets, overTcp, overTls, type Serve, withoutSwitch } from './test-sockets.test.ts';

after(closeSockets);

for (const [name, connected] of Object.entries({ TCP: overTcp, TLS: overTls }))
  for (const has of [true, false])
    describe(`reads over ${name}, where the runtime has ${has ? 'a' : 'no'} place for them`, () => {
      it('hands over all that comes, in order, and then the end', async () => {
        const came: Buffer[] = [];
        let isShared: boolean | undefined;
        const ended = Promise.withResolvers<void>();
        const client = await connected((socket) => {
          if (!has) withoutSwitch(socket);
          isShared = onReads(socket, (bytes) => void came.push(Buffer.from(bytes)));
          socket.on('end', ended.resolve);
        });
        assert.equal(isShared, has, 'this runtime has one');
        const sent = randomBytes(1_000_000);
        client.end(sent);
        await ended.promise;
        assert.ok(sent.equals(Buffer.concat(came)));
      });

      it('stops when it is told to, and goes on', async () => {
        let came = 0;
        let server: Socket | undefined;
        const client = await connected((socket) => {
          if (!has) withoutSwitch(socket);
          server = socket;
          onReads(socket, (bytes) => {
            came += bytes.length;
            if (came === bytes.length) socket.pause();
          });
        });
        const ended = once(server ?? client, 'end');
        const size = 20_000_000;
        client.end(Buffer.alloc(size));
        while (came === 0 || client.bytesWritten < 1) await new Promise(setImmediate);
        for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate);
        assert.ok(came <= 128 * 1024, `${came} bytes came after all`);
        server?.resume();
        await ended;
        assert.equal(came, size);
      });
    });

describe('the shared buffer', () => {
  it('holds nothing of a read once that is over, whatever came of it', async () => {
    let seen: Buffer | undefined;
    const done = Promise.withResolvers<void>();
    const client = await overTls((socket) => {
      onReads(socket, (bytes) => {
        assert.equal(bytes.toString(), 'a secret');
        seen = bytes;
        setImmediate(done.resolve);
      });
    });
    client.write('a secret');
    await done.promise;
    assert.deepEqual(seen, Buffer.alloc('a secret'.length));
  });

  it('holds nothing of a connection that is gone, not even what nobody was handed', async () => {
    const gone = Promise.withResolvers<ArrayBufferLike>();
    const client = await overTls((socket) => {
      onReads(socket, ({ buffer }) => {
        socket.destroy();
        // As the runtime does with a further record of the same read.
        setImmediate(() => new Uint8Array(buffer).fill(7));
        socket.once('close', () => setImmediate(gone.resolve, buffer));
      });
      socket.on('error', () => {});
    });
    client.on('error', () => {});
    client.write('a secret');
    const left = new Uint8Array(await gone.promise);
    assert.ok(left.every((byte) => byte === 0));
  });

  it('is one for all connections', async () => {
    const seen: Buffer[] = [];
    const all = Promise.withResolvers<void>();
    const serve: Serve = (socket) =>
      void onReads(socket, (bytes) => {
        seen.push(bytes);
        if (seen.length === 2) all.resolve();
      });
    for (const client of [await overTcp(serve), await overTls(serve)]) client.write('eight by');
    await all.promise;
    assert.equal(seen[0]?.buffer, seen[1]?.buffer);
  });

  it('does not overtake what had come before', async () => {
    const client = createServer();
    let served: Socket | undefined;
    const opened = await clientOf(
      client,
      (socket) => {
        served = socket;
      },
      (port) => connect({ port, host: '127.0.0.1' }),
    );
    opened.write('first');
    assert.ok(served !== undefined);
    await once(served, 'readable');
    let came = '';
    assert.equal(
      onReads(served, (bytes) => {
        came += bytes.toString();
      }),
      false,
    );
    opened.end(', second');
    served.resume();
    await once(served, 'end');
    assert.equal(came, 'first, second');
  });
});
