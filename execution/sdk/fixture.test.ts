/** For the tests of this folder: a KMIP server over real TLS that can be slow, mute, wrong or gone. */
import assert from 'node:assert/strict';
import { createCipheriv, createDecipheriv, randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createServer, type Server } from 'node:tls';
import type { KeyAndCertificate } from '../../platform/pki.ts';
import { type TestPki, testPki } from '../../testkit/pki.ts';
import {
  CryptographicAlgorithm,
  decodeRequest,
  encodeResponse,
  failedItem,
  KeyFormatType,
  KmipError,
  ObjectType,
  Operation,
  operationName,
  operationSchemas,
  type RequestHeader,
  type RequestItem,
  responseHeaderFor,
  SUPPORTED_VERSIONS,
  serveKmip,
  successItem,
  type Ttlv,
} from '../kmip/index.ts';
import {
  type ConnectOptions,
  connect,
  type GatewayAddress,
  type OpenKcm,
  type OpenKcmError,
  type SdkErrorCode,
  settle,
} from './index.ts';

/** What a server does with an item before it answers, or instead: wait for so many milliseconds or for a promise, fail, or be silent. */
export type Whim = number | Promise<unknown> | KmipError | 'mute' | undefined;

/** A hot lane that waits for what a busy processor answers late: one that gives up asks twice, and tests count. */
const PATIENT = { attemptMs: 30_000, deadlineMs: 60_000 } as const;

/** Keys by Unique Identifier, for servers that share them. */
export type Keys = Map<string, Buffer>;

export class TestServer {
  readonly asked: string[] = [];
  readonly headers: RequestHeader[] = [];
  whim: (item: RequestItem, server: TestServer) => Whim = () => undefined;
  /** Ends a connection as soon as it stands: what a gateway does to a certificate that it does not know. */
  turnsAway = false;
  handshakes = 0;
  resumed = 0;
  /** Fingerprints of the certificates that clients have shown. */
  readonly shown = new Set<string>();
  readonly keys: Keys;
  readonly #pki: TestPki;
  readonly #own: KeyAndCertificate;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #port = 0;

  constructor(pki: TestPki, own: KeyAndCertificate, keys: Keys) {
    this.#pki = pki;
    this.#own = own;
    this.keys = keys;
  }

  get address(): GatewayAddress {
    return { host: '127.0.0.1', port: this.#port, servername: 'localhost' };
  }
  get name(): string {
    return `127.0.0.1:${this.#port}`;
  }
  get connections(): number {
    return this.#sockets.size;
  }

  count(operation: number): number {
    return this.asked.filter((name) => name === operationName(operation)).length;
  }

  /** On the port it had before, when it had one. Nothing where it runs. */
  async start(): Promise<this> {
    if (this.#server !== undefined) return this;
    const { certificatePem: cert, privateKeyPem: key } = this.#own;
    const ca = this.#pki.ca.certificatePem;
    const server = createServer({ cert, key, ca, requestCert: true, allowHalfOpen: true }, (socket) => {
      this.handshakes++;
      if (socket.isSessionReused()) this.resumed++;
      this.shown.add(socket.getPeerCertificate().fingerprint256);
      if (this.turnsAway) {
        setImmediate(() => this.cut());
        return;
      }
      serveKmip(socket, { handle: (request) => this.#answer(request) });
    });
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    server.on('tlsClientError', () => undefined);
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
    return this;
  }

  /** As if its process were killed. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = once(server, 'close');
    server.close();
    this.cut();
    await closed;
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async #answer(bytes: Uint8Array): Promise<Uint8Array> {
    const { header, items } = decodeRequest(Uint8Array.from(bytes));
    this.headers.push(header);
    const answers = [];
    for (const item of items) {
      this.asked.push(operationName(item.operation));
      const whim = this.whim(item, this);
      if (whim === 'mute') await new Promise<never>(() => undefined);
      if (typeof whim === 'number')
        await sleep(whim, undefined, { ref: false }); // nobody waits for it after the last test
      else if (whim instanceof Promise) await whim;
      try {
        if (whim instanceof KmipError) throw whim;
        answers.push(successItem(item, this.#run(item)));
      } catch (error) {
        answers.push(failedItem(item, error));
      }
    }
    return encodeResponse({ header: responseHeaderFor(header, 1, answers.length), items: answers });
  }

  #run({ operation, payload }: RequestItem): Ttlv {
    const schemas = operationSchemas;
    switch (operation) {
      case Operation.Create: {
        const uniqueIdentifier = randomUUID();
        this.keys.set(uniqueIdentifier, randomBytes(32));
        return schemas[operation].response.write({ objectType: ObjectType.SymmetricKey, uniqueIdentifier });
      }
      case Operation.Get: {
        const { uniqueIdentifier = '' } = schemas[operation].request.read(payload);
        const keyBlock = {
          keyFormatType: KeyFormatType.Raw,
          keyValue: { keyMaterial: Buffer.from(this.#key(uniqueIdentifier)) },
          cryptographicAlgorithm: CryptographicAlgorithm.AES,
          cryptographicLength: 256,
        };
        return schemas[operation].response.write({
          objectType: ObjectType.SymmetricKey,
          uniqueIdentifier,
          object: { objectType: ObjectType.SymmetricKey, keyBlock },
        });
      }
      case Operation.Encrypt: {
        const request = schemas[operation].request.read(payload);
        const { uniqueIdentifier = '', data = new Uint8Array() } = request;
        const iv = randomBytes(12);
        const cipher = createCipheriv('aes-256-gcm', this.#key(uniqueIdentifier), iv);
        cipher.setAAD(request.authenticatedEncryptionAdditionalData ?? new Uint8Array());
        const text = Buffer.concat([cipher.update(data), cipher.final()]);
        // As gateways do for l3: addresses, everything is in the data.
        const sealed = Buffer.concat([iv, cipher.getAuthTag(), text]);
        return schemas[operation].response.write({ uniqueIdentifier, data: sealed });
      }
      case Operation.Decrypt: {
        const request = schemas[operation].request.read(payload);
        const { uniqueIdentifier = '', data = new Uint8Array() } = request;
        const decipher = createDecipheriv('aes-256-gcm', this.#key(uniqueIdentifier), data.subarray(0, 12));
        decipher.setAAD(request.authenticatedEncryptionAdditionalData ?? new Uint8Array());
        decipher.setAuthTag(data.subarray(12, 28));
        try {
          const plain = Buffer.concat([decipher.update(data.subarray(28)), decipher.final()]);
          return schemas[operation].response.write({ uniqueIdentifier, data: plain });
        } catch {
          throw KmipError.cryptographicFailure('it does not open');
        }
      }
      case Operation.Locate:
        return schemas[operation].response.write({ uniqueIdentifier: [...this.keys.keys()] });
      case Operation.Destroy: {
        const { uniqueIdentifier = '' } = schemas[operation].request.read(payload);
        this.#key(uniqueIdentifier);
        this.keys.delete(uniqueIdentifier);
        return schemas[operation].response.write({ uniqueIdentifier });
      }
      case Operation.DiscoverVersions:
        return schemas[operation].response.write({ protocolVersion: SUPPORTED_VERSIONS });
      default:
        throw KmipError.operationNotSupported(`${operationName(operation)} is not served here`);
    }
  }

  #key(uid: string): Buffer {
    const key = this.keys.get(uid);
    if (key !== undefined) return key;
    if (!uid.startsWith('l3:')) throw KmipError.itemNotFound('no object has this unique identifier');
    const fresh = randomBytes(32);
    this.keys.set(uid, fresh);
    return fresh;
  }
}

export interface World {
  readonly pki: TestPki;
  /** Servers with the same keys, as the gateways of a region are. */
  server(): Promise<TestServer>;
  /** For servers; the rest may be overridden. */
  options(servers: readonly TestServer[], more?: Partial<ConnectOptions>): ConnectOptions;
  /** Closed by `afresh` and `close`. */
  open(servers: readonly TestServer[], more?: Partial<ConnectOptions>): Promise<OpenKcm>;
  /** Between two tests: no clients, and servers that run, have been asked nothing and do as they are asked. */
  afresh(): Promise<void>;
  close(): Promise<void>;
}

export async function startWorld(): Promise<World> {
  const pki = await testPki();
  const own = await pki.client('application');
  const pair = await pki.server();
  const servers: TestServer[] = [];
  const keys: Keys = new Map();
  const clients: OpenKcm[] = [];
  const closeClients = async (): Promise<void> => {
    for (const client of clients.splice(0)) await client.close();
  };
  const world: World = {
    pki,
    async server() {
      const server = await new TestServer(pki, pair, keys).start();
      servers.push(server);
      return server;
    },
    options: (among, more = {}) => ({
      gateways: among.map(({ address }) => address),
      tls: { cert: own.certificatePem, key: own.privateKeyPem, ca: pki.ca.certificatePem },
      tracing: { api: null },
      lazy: true,
      ...more,
      lanes: { ...more.lanes, hot: { ...PATIENT, ...more.lanes?.hot } },
    }),
    async open(among, more = {}) {
      const client = await connect(world.options(among, more));
      clients.push(client);
      return client;
    },
    async afresh() {
      await closeClients();
      for (const server of servers) {
        await server.start(); // a test that failed may have left it stopped
        server.whim = () => undefined;
        server.asked.length = 0;
        server.headers.length = 0;
        server.turnsAway = false;
      }
    },
    async close() {
      await closeClients();
      for (const server of servers) await server.stop();
    },
  };
  return world;
}

export async function failure(promise: Promise<unknown>, code: SdkErrorCode): Promise<OpenKcmError> {
  const outcome = await settle(promise);
  assert.ok(!outcome.ok, 'it should have failed');
  assert.equal(outcome.error.code, code, outcome.error.message);
  return outcome.error;
}
