// The least of a MongoDB server that a key vault needs: the driver keeps its wrapped data keys there. It speaks MongoDB's
// wire protocol on a port of its own, in memory, to one trusted client; it checks nothing.
import { createServer } from 'node:net';
import { BSON, Long } from 'mongodb';

const HEADER_BYTES = 16;
const LENGTH_BYTES = 4;
const FLAG_BYTES = 4;
/** The first message of a connection comes in the old form, the others in the new one. */
const OP_REPLY = 1;
const OP_QUERY = 2004;
const OP_MSG = 2013;

const HELLO = {
  helloOk: true,
  ismaster: true,
  isWritablePrimary: true,
  maxBsonObjectSize: 16_777_216,
  maxMessageSizeBytes: 48_000_000,
  maxWriteBatchSize: 100_000,
  minWireVersion: 0,
  maxWireVersion: 17,
  readOnly: false,
};

/** Commands by name; each takes the command and the documents of the vault. */
const COMMANDS = {
  hello: () => HELLO,
  ismaster: () => HELLO,
  isMaster: () => HELLO,
  ping: () => ({}),
  endSessions: () => ({}),
  insert: (command, vault) => {
    vault.push(...command.documents);
    return { n: command.documents.length };
  },
  find: (command, vault) => {
    const wanted = wantedIds(command.filter ?? {});
    const firstBatch = vault.filter(
      ({ _id }) => wanted === undefined || wanted.includes(_id.toString('hex')),
    );
    return { cursor: { id: Long.ZERO, ns: `${command.$db}.${command.find}`, firstBatch } };
  },
  update: (command, vault) => {
    for (const { q, u } of command.updates) {
      const id = q._id.toString('hex');
      for (const document of vault) if (document._id.toString('hex') === id) Object.assign(document, u.$set);
    }
    return { n: command.updates.length, nModified: command.updates.length };
  },
};

/** Both what libmongocrypt asks (`$or` over ids and names) and what a person does; undefined: every document. */
function wantedIds(filter) {
  const condition = filter._id ?? filter.$or?.find((one) => one._id !== undefined)?._id;
  if (condition === undefined) return undefined;
  return (condition.$in ?? [condition]).map((id) => id.toString('hex'));
}

function answer(command, vault) {
  const [name] = Object.keys(command);
  const run = COMMANDS[name];
  if (run === undefined) return { ok: 0, code: 59, errmsg: `no such command here: ${name}` };
  return { ok: 1, ...run(command, vault) };
}

function reply(message, vault) {
  const requestId = message.readInt32LE(4);
  const opCode = message.readInt32LE(12);
  if (opCode === OP_QUERY) {
    const nameEnd = message.indexOf(0, HEADER_BYTES + FLAG_BYTES);
    const command = BSON.deserialize(message.subarray(nameEnd + 1 + 8), {
      allowObjectSmallerThanBufferSize: true,
    });
    const fixed = Buffer.alloc(20);
    fixed.writeInt32LE(1, 16);
    return frame(OP_REPLY, requestId, [fixed, BSON.serialize(answer(command, vault))]);
  }
  if (opCode !== OP_MSG) throw new Error(`the key vault does not speak opcode ${opCode}`);
  // Flags, then one section of kind 0: the driver sends no other.
  const command = BSON.deserialize(message.subarray(HEADER_BYTES + FLAG_BYTES + 1), {
    allowObjectSmallerThanBufferSize: true,
  });
  return frame(OP_MSG, requestId, [Buffer.alloc(FLAG_BYTES + 1), BSON.serialize(answer(command, vault))]);
}

function frame(opCode, responseTo, parts) {
  const body = Buffer.concat(parts);
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeInt32LE(HEADER_BYTES + body.length, 0);
  header.writeInt32LE(responseTo, 8);
  header.writeInt32LE(opCode, 12);
  return Buffer.concat([header, body]);
}

/** Its URL, its documents as they stand, and how to end it. */
export async function startKeyVault() {
  const documents = [];
  const sockets = new Set();
  const server = createServer((socket) => {
    sockets.add(socket);
    let buffered = Buffer.alloc(0);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (chunk) => {
      buffered = Buffer.concat([buffered, chunk]);
      while (buffered.length >= LENGTH_BYTES && buffered.length >= buffered.readInt32LE(0)) {
        const length = buffered.readInt32LE(0);
        socket.write(reply(buffered.subarray(0, length), documents));
        buffered = buffered.subarray(length);
      }
    });
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    url: `mongodb://127.0.0.1:${server.address().port}/?directConnection=true`,
    documents,
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
