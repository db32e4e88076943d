/** Who a port is and whom it lets in, while certificates, lists and registrations change under it. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectTcp, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { parseApplicationName, parseKeyFingerprint } from '../../../contracts/index.ts';
import { writePrivate, writePublic } from '../../../platform/config-file.ts';
import { ConnectionQuota } from '../../../platform/connection-quota.ts';
import { createLogger } from '../../../platform/log.ts';
import { createCa, issue, type KeyAndCertificate } from '../../../platform/pki.ts';
import { ServerIdentity } from '../../../platform/server-identity.ts';
import type { ServerTlsConfig } from '../../../platform/tls-config.ts';
import { Handshakes } from '../../../platform/tls-handshakes.ts';
import { keyFingerprint } from '../../../platform/tls-identity.ts';
import { waitedMs } from '../../../testkit/clocks.ts';
import { revocationList } from '../../../testkit/crl.ts';
import { temporaryDirectory } from '../../../testkit/directories.ts';
import { type TestPki, testPki } from '../../../testkit/pki.ts';
import { until } from '../../../testkit/until.ts';
import { Audit } from '../audit.ts';
import { freshStore, REGION, SERVICE, TENANT } from '../fixture.test.ts';
import { Identities } from '../identities.ts';
import { createMetrics } from '../metrics.ts';
import type { RequestHandler } from '../requests/handler.ts';
import { kmipDoor } from './doors.ts';
import { Listener } from './listener.ts';

const WITHIN_MS = 1_000;
/** The smallest message that the port takes for one, and hands on. */
const MESSAGE = Buffer.from('4200780100000000', 'hex');
const MAX_PER_IDENTITY = 3;
/** A worker's share. */
const MAX_HANDSHAKES_HERE = 32;

interface Line {
  readonly reason?: string;
  readonly msg: string;
}

class World {
  readonly store = freshStore();
  readonly log: Line[] = [];
  readonly #sockets: Socket[] = [];
  readonly tls: ServerIdentity;
  readonly listener: Listener;
  readonly identities: Identities;
  readonly metrics = createMetrics(REGION, () => {
    throw new Error('nobody scrapes');
  });
  port = 0;

  static async start(config: ServerTlsConfig): Promise<World> {
    const log: Line[] = [];
    const logger = createLogger({
      name: 'gateway',
      level: 'debug',
      destination: { write: (line: string) => void log.push(JSON.parse(line) as Line) },
    });
    const world = new World(await ServerIdentity.open({ config, logger }), log, logger);
    world.port = await world.listener.listen();
    world.tls.start();
    return world;
  }

  private constructor(tls: ServerIdentity, log: Line[], logger: ReturnType<typeof createLogger>) {
    this.tls = tls;
    this.log = log;
    this.identities = new Identities(this.store.registry);
    this.listener = new Listener({
      host: '127.0.0.1',
      port: 0,
      door: kmipDoor(),
      tls,
      quota: new ConnectionQuota(MAX_PER_IDENTITY),
      maxHandshakes: MAX_HANDSHAKES_HERE,
      identities: this.identities,
      handler: { handle: () => MESSAGE, plainAnswers: () => undefined } as unknown as RequestHandler,
      audit: new Audit(this.store, logger),
      metrics: this.metrics,
      logger,
    });
  }

  register(pair: KeyAndCertificate): void {
    this.identities.put({
      fingerprint: parseKeyFingerprint(keyFingerprint(pair.certificatePem)),
      tenant: TENANT,
      application: parseApplicationName('app'),
      services: [SERVICE],
      operations: null,
    });
  }

  remove(pair: KeyAndCertificate): void {
    const fingerprint = parseKeyFingerprint(keyFingerprint(pair.certificatePem));
    this.identities.remove(fingerprint);
    this.listener.cutOff(fingerprint);
  }

  dial(pair: KeyAndCertificate, options: ConnectionOptions = {}): Dialled {
    const socket = connect({
      host: '127.0.0.1',
      port: this.port,
      servername: 'localhost',
      ca: pki.ca.certificatePem,
      cert: pair.certificatePem,
      key: pair.privateKeyPem,
      ...options,
    });
    this.#sockets.push(socket);
    return new Dialled(socket);
  }

  reasons(): string[] {
    return this.log.flatMap(({ reason }) => (reason === undefined ? [] : [reason]));
  }

  audited(): string[] {
    return this.store.audit
      .oldest(1_000)
      .events.flatMap(({ reason }) => (reason === undefined ? [] : [reason]));
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.tls.close();
    await this.listener.close();
    this.store.close();
  }
}

/** A client's connection. */
class Dialled {
  readonly socket: TLSSocket;
  session: Buffer | undefined;
  #isClosed = false;

  constructor(socket: TLSSocket) {
    this.socket = socket;
    socket.on('error', () => undefined);
    socket.on('session', (session) => {
      this.session = session;
    });
    socket.once('close', () => {
      this.#isClosed = true;
    });
  }

  /** Whether a message is answered; false when the connection ends instead. */
  async isServed(): Promise<boolean> {
    if (this.socket.connecting || !this.socket.authorized)
      await Promise.race([this.#first('secureConnect'), this.#closed()]);
    if (this.socket.destroyed) return false;
    this.socket.write(MESSAGE);
    return await Promise.race([this.#first('data'), this.#closed()]);
  }

  /** Resolves when the connection is ended. */
  async ended(): Promise<void> {
    await this.#closed();
  }

  #first(event: 'secureConnect' | 'data'): Promise<true> {
    return new Promise((resolve) => {
      this.socket.once(event, () => resolve(true));
    });
  }

  #closed(): Promise<false> {
    if (this.#isClosed) return Promise.resolve(false);
    return new Promise((resolve) => {
      this.socket.once('close', () => resolve(false));
    });
  }
}

let pki: TestPki;
let app: KeyAndCertificate;
const worlds: World[] = [];

interface Files {
  readonly config: ServerTlsConfig & { crl: { files: string[] } };
  serve(pair: KeyAndCertificate): Promise<void>;
  trust(...authorities: KeyAndCertificate[]): Promise<void>;
  revoke(options: Parameters<typeof revocationList>[1]): Promise<void>;
}

async function files(crl: Partial<ServerTlsConfig['crl']> = {}): Promise<Files> {
  const directory = temporaryDirectory('identity');
  const path = (name: string) => join(directory, name);
  const config = {
    cert: path('cert.pem'),
    key: path('key.pem'),
    ca: path('ca.pem'),
    crl: { files: [path('list.crl')], ...crl },
  };
  const made: Files = {
    config,
    async serve(pair) {
      await writePrivate(config.key, pair.privateKeyPem);
      await writePublic(config.cert, pair.certificatePem);
    },
    async trust(...authorities) {
      await writePublic(config.ca, authorities.map(({ certificatePem }) => certificatePem).join(''));
    },
    async revoke(options) {
      await writePublic(path('list.crl'), (await revocationList(pki.ca, options)).der);
    },
  };
  await made.serve(await pki.server());
  await made.trust(pki.ca);
  await made.revoke({});
  return made;
}

async function start(config: ServerTlsConfig): Promise<World> {
  const world = await World.start(config);
  worlds.push(world);
  world.register(app);
  return world;
}

before(async () => {
  pki = await testPki();
  app = await pki.client('app');
});
after(async () => {
  for (const world of worlds) await world.close();
});

describe('rotation', () => {
  it('a new certificate is served to new connections while open ones live on; a broken one is refused', async () => {
    const made = await files();
    const world = await start(made.config);
    const open = world.dial(app);
    assert.ok(await open.isServed());
    const served = async (): Promise<string> => {
      const dialled = world.dial(app);
      assert.ok(await dialled.isServed());
      const { serialNumber } = dialled.socket.getPeerCertificate();
      dialled.socket.destroy();
      return serialNumber;
    };
    const first = await served();
    await made.serve(await pki.server());
    await until('the new certificate is served', async () => (await served()) !== first);
    const second = await served();

    // A key that does not go with the certificate, a certificate of the wrong kind, and none at all.
    await writePrivate(made.config.key, (await pki.server()).privateKeyPem);
    await until('the refusal', () => refusals(world).length === 1);
    assert.match(refusals(world)[0] ?? '', /does not go with/);
    await made.serve(await pki.client('no server'));
    await until('the refusal', () => refusals(world).length === 2);
    assert.match(refusals(world)[1] ?? '', /lacks serverAuth/);
    await writePublic(made.config.ca, 'nothing');
    await until('the refusal', () => refusals(world).length === 3);
    assert.equal(await served(), second, 'what was there before goes on');
    assert.ok(await open.isServed(), 'open connections live on');
  });

  it('an authority that is added is trusted from then on, and one that is taken away no more', async () => {
    const made = await files();
    const world = await start(made.config);
    const other = await testPki('the next authority');
    const theirs = await other.client('app');
    world.register(theirs);
    assert.ok(!(await world.dial(theirs).isServed()));
    await made.trust(pki.ca, other.ca);
    await until('the other is trusted', () => world.dial(theirs).isServed());
    const before = world.dial(app);
    assert.ok(await before.isServed());
    await until('a session', () => before.session !== undefined);
    await made.trust(other.ca);
    await until('the former is not', async () => !(await world.dial(app).isServed()));
    const session = before.session;
    assert.ok(session);
    assert.ok(!(await world.dial(app, { session }).isServed()), 'nor by a session of before');
  });
});

describe('revocation', () => {
  it('by a list ends open connections within a second, and nothing is resumed', async () => {
    const made = await files();
    const world = await start(made.config);
    const other = await pki.client('other');
    world.register(other);
    const [open, bystander] = [world.dial(app), world.dial(other)];
    assert.ok((await open.isServed()) && (await bystander.isServed()));
    await until('a session', () => open.session !== undefined);
    const tookMs = await waitedMs(async () => {
      await made.revoke({ revoked: [app.certificatePem] });
      await open.ended();
    });
    assert.ok(tookMs < WITHIN_MS, `${tookMs} ms`);
    const session = open.session;
    assert.ok(session);
    assert.ok(!(await world.dial(app, { session }).isServed()));
    assert.ok(!(await world.dial(app).isServed()));
    assert.ok(await bystander.isServed(), 'nobody else is concerned');
    assert.equal(world.reasons().filter((reason) => reason === 'REVOKED').length, 3);
    await until('the trail', () => world.audited().filter((reason) => reason === 'REVOKED').length === 3);

    await made.revoke({ thisUpdate: new Date(Date.now() - 60_000) });
    await until('an older list is refused', () => refusals(world).length === 1);
    assert.match(refusals(world)[0] ?? '', /older than the one in use/);
    assert.ok(!(await world.dial(app).isServed()));
  });

  it('of an authority above reaches whoever it has signed for, in whatever order the chain is sent', async () => {
    const made = await files();
    const intermediate = await createCa({ commonName: 'intermediate', days: 2, issuer: pki.ca });
    const below = await issue({ ca: intermediate, commonName: 'below', usages: ['client'], days: 1 });
    const { ca: somebody } = await testPki('somebody');
    await made.revoke({ revoked: [intermediate.certificatePem] });
    const world = await start(made.config);
    world.register(below);
    const leaf = below.certificatePem;
    for (const above of [[intermediate], [somebody, intermediate], [intermediate, somebody]]) {
      const cert = [leaf, ...above.map(({ certificatePem }) => certificatePem)].join('');
      assert.ok(!(await world.dial(below, { cert }).isServed()));
    }
    assert.ok(world.reasons().every((reason) => ['REVOKED', 'CHAIN_UNKNOWN'].includes(reason)));
  });

  it('of the registration ends open connections at once, and nothing is resumed', async () => {
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const world = await start((await files()).config);
      const open = world.dial(app, { maxVersion });
      assert.ok(await open.isServed());
      await until('a session', () => open.session !== undefined);
      const session = open.session;
      assert.ok(session);
      const again = world.dial(app, { maxVersion, session });
      assert.ok((await again.isServed()) && again.socket.isSessionReused(), 'it is resumed while it may be');
      world.remove(app);
      const tookMs = await waitedMs(() => Promise.all([open.ended(), again.ended()]));
      assert.ok(tookMs < WITHIN_MS, `${tookMs} ms`);
      assert.ok(!(await world.dial(app, { maxVersion, session }).isServed()));
      assert.ok(world.reasons().includes('NOT_REGISTERED'));
    }
  });

  it('expiry ends open connections within a second', async () => {
    const world = await start((await files()).config);
    const seconds = 5;
    const short = await issue({
      ca: pki.ca,
      commonName: 'short',
      usages: ['client'],
      days: seconds / 86_400,
    });
    world.register(short);
    const open = world.dial(short);
    assert.ok(await open.isServed());
    const notAfterMs = new X509Certificate(short.certificatePem).validToDate.getTime();
    const left = notAfterMs - Date.now();
    const tookMs = await waitedMs(() => open.ended());
    assert.ok(Date.now() > notAfterMs - 50, `${tookMs} ms, with ${left} ms left`);
    assert.ok(tookMs < left + WITHIN_MS, `${tookMs} ms, with ${left} ms left`);
    assert.ok(world.reasons().includes('EXPIRED'));
  });

  it('a list that is out of date refuses everybody, unless that is configured otherwise', async () => {
    const [strict, lenient] = [await files(), await files({ whenStale: 'accept' })];
    const [one, other] = [await start(strict.config), await start(lenient.config)];
    const [open, tolerated] = [one.dial(app), other.dial(app)];
    assert.ok((await open.isServed()) && (await tolerated.isServed()));
    const nextUpdate = new Date(Date.now() + 1_000);
    for (const made of [strict, lenient]) await made.revoke({ nextUpdate });
    await open.ended();
    assert.ok(one.reasons().includes('CRL_STALE'));
    assert.ok(!(await one.dial(app).isServed()));
    await until(
      'the other goes by it',
      () => other.tls.revocations?.nextUpdateMs === Math.floor(nextUpdate.getTime() / 1000) * 1000,
    );
    assert.ok(await tolerated.isServed());
    assert.ok(await other.dial(app).isServed());
    await strict.revoke({});
    await until('a fresh list opens the port again', () => one.dial(app).isServed());
  });
});

describe('bounds', () => {
  it('one identity has so many connections and no more; others are not concerned', async () => {
    const world = await start((await files()).config);
    const other = await pki.client('other');
    world.register(other);
    const open = Array.from({ length: MAX_PER_IDENTITY }, () => world.dial(app));
    for (const each of open) assert.ok(await each.isServed());
    assert.ok(!(await world.dial(app).isServed()));
    assert.ok(world.reasons().includes('TOO_MANY_CONNECTIONS_OF_IDENTITY'));
    await until('the trail', () => world.audited().includes('TOO_MANY_CONNECTIONS_OF_IDENTITY'));
    assert.ok(await world.dial(other).isServed());
    open[0]?.socket.destroy();
    await until('a place that was given back', () => world.dial(app).isServed());
    // Also when the gateway itself has ended them.
    world.remove(app);
    await until('all have ended', () => world.listener.openConnections === 1);
    world.register(app);
    await until('all places', async () => {
      const fresh = Array.from({ length: MAX_PER_IDENTITY }, () => world.dial(app));
      const served = await Promise.all(fresh.map((each) => each.isServed()));
      for (const each of fresh) each.socket.destroy();
      return served.every(Boolean);
    });
  });

  it('a process holds its share of handshakes and no more, and who has a certificate gets in', async () => {
    const world = await start((await files()).config);
    const idle = Array.from({ length: MAX_HANDSHAKES_HERE + 8 }, () => {
      const socket = connectTcp({ host: '127.0.0.1', port: world.port });
      socket.on('error', () => undefined);
      return socket;
    });
    await until('the oldest have given way', () => idle.filter(({ closed }) => closed).length === 8);
    assert.ok(await world.dial(app).isServed());
    assert.ok(world.reasons().includes('TOO_MANY_HANDSHAKES'));
    for (const socket of idle) socket.destroy();
  });

  it('past the bound of handshakes the oldest gives way, and who means it gets through', async () => {
    const evicted: string[] = [];
    const handshakes = new Handshakes({ max: 2, onEvicted: (peer) => evicted.push(peer) });
    const server: Server = createServer((socket) => {
      handshakes.begin(socket);
      socket.on('error', () => undefined);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    assert.ok(typeof address === 'object' && address !== null);
    const dial = async (): Promise<{ socket: Socket; peer: string; codes: unknown[] }> => {
      const socket = connectTcp({ host: '127.0.0.1', port: address.port });
      const codes: unknown[] = [];
      socket.on('error', (error: NodeJS.ErrnoException) => codes.push(error.code));
      await once(socket, 'connect');
      const peer = `127.0.0.1:${socket.localPort}`;
      await until('it is seen', () => handshakes.socketOf(peer) !== undefined);
      return { socket, peer, codes };
    };
    const [idle, done] = [await dial(), await dial()];
    handshakes.ended(done.peer);
    const third = await dial();
    assert.deepEqual(evicted, []);
    const fourth = await dial();
    assert.deepEqual(evicted, [idle.peer]);
    await until('it was reset', () => idle.socket.closed);
    assert.deepEqual(idle.codes, ['ECONNRESET']);
    assert.ok(![done, third, fourth].some(({ socket }) => socket.closed));
    assert.equal(handshakes.pending, 2);
    handshakes.destroyAll();
    await until('all have gone', () => handshakes.pending === 0);
    server.close();
  });
});

function refusals(world: World): string[] {
  return world.log.flatMap((line) =>
    line.msg.includes('the new files are refused') && 'cause' in line ? [String(line.cause)] : [],
  );
}
