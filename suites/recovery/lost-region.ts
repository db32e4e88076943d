/**
 * A region that is lost: core and gateway as processes, a database with the role and the commands that the guide names, and
 * tenants of both kinds, linked and not. Its steps are those of docs/guide/recovering.md, in their order.
 */
import { randomBytes } from 'node:crypto';
import { cp, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { KmipClient } from '../../execution/kmip/index.ts';
import { ensureRole, withClient } from '../../platform/postgres-admin.ts';
import { keyFingerprint } from '../../platform/tls-identity.ts';
import { temporaryDirectory } from '../../testkit/directories.ts';
import type { Pattern } from '../support/memory-scan.ts';
import { type RegionWorld, startRegion, until } from '../support/region.ts';
import { inProcessesOf, RegionProcess } from '../support/region-processes.ts';
import { type Administrator, follow } from './guide.ts';
import { Holding } from './holding.ts';
import { Place } from './place.ts';
import { Server } from './postgres.ts';

const DATABASE = 'krypton';
const SERVICE = 'orders';
/** It has linked no master key: what it has needs no link to be opened. */
export const NEWCOMER = 'newcomer';
const SEAL = 'seal.key';
/** Of what lies beside a core and a gateway, what no backup of files holds: the seal is kept elsewhere, stores come back empty. */
const NOT_KEPT = /(^seal\.key|\.sqlite(-wal|-shm|\.owner)?)$/;
const UNSEALED_WITHIN_MS = 20_000;
const SERVED_WITHIN_MS = 10_000;
const CAUGHT_UP_WITHIN_MS = 20_000;

interface Tenant {
  readonly name: string;
  readonly application: string;
  readonly holding: Holding;
}

export class LostRegion {
  readonly world: RegionWorld;
  readonly tenants: readonly Tenant[];
  readonly #processes: { readonly core: RegionProcess; readonly gateway: RegionProcess };
  readonly #place: Place;
  readonly #owner: { readonly user: string; readonly password: string };
  readonly #administrator: Administrator;
  #server: Server;
  #epoch = 1;

  private constructor(parts: {
    world: RegionWorld;
    tenants: readonly Tenant[];
    processes: { core: RegionProcess; gateway: RegionProcess };
    place: Place;
    owner: { user: string; password: string };
    administrator: Administrator;
    server: Server;
  }) {
    this.world = parts.world;
    this.tenants = parts.tenants;
    this.#processes = parts.processes;
    this.#place = parts.place;
    this.#owner = parts.owner;
    this.#administrator = parts.administrator;
    this.#server = parts.server;
  }

  /** @param linked how many tenants have linked a master key. */
  static async start(linked: number, keysEach: number): Promise<LostRegion> {
    const server = await Server.start();
    const owner = { user: 'core', password: randomBytes(12).toString('hex') };
    await server.own(DATABASE, owner);
    const processes = { core: new RegionProcess('core'), gateway: new RegionProcess('gateway') };
    const place = new Place(server.url(DATABASE, owner));
    const inner = inProcessesOf(processes.core, processes.gateway);
    const world = await startRegion(
      undefined,
      {
        core: (config, parts) =>
          inner.core({ ...place.moved(config), database: { url: place.databaseUrl } }, parts),
        gateway: (config, parts) => inner.gateway({ ...place.moved(config), workers: 1 }, parts),
      },
      { url: place.databaseUrl },
    );
    place.original = dirname(world.coreConfig.tls.key);
    const directory = temporaryDirectory('safe');
    const administrator = {
      programs: server.programs,
      serviceFile: join(directory, 'pg_service.conf'),
      directory,
    };
    const tenants: Tenant[] = [];
    for (const name of [NEWCOMER, ...Array.from({ length: linked }, (_, n) => `tenant-${n}`)]) {
      await world.provision(name, SERVICE);
      if (name !== NEWCOMER) await world.link(name, 1);
      const application = `app-of-${name}`;
      const client = world.client(await world.application(application, name, [SERVICE]));
      tenants.push({ name, application, holding: await Holding.make(client, SERVICE, keysEach) });
      client.close();
    }
    return new LostRegion({ world, tenants, processes, place, owner, administrator, server });
  }

  client(tenant: string): KmipClient {
    const found = this.tenants.find(({ name }) => name === tenant);
    if (found === undefined) throw new Error(`no tenant ${tenant}`);
    return this.world.client(this.world.certificate(found.application), { poolSize: 1 });
  }

  /** Once: the role that reads past row-level security, and who may log in as it. */
  async prepareBackups(): Promise<void> {
    await this.#writeServices();
    await follow('backup-role', this.#administrator);
    await this.#passwordOf('krypton_backup', this.#owner.password);
  }

  /** What a dump by the owner of the tables says. Undefined: nothing, it went well. */
  async dumpAsOwner(): Promise<string | undefined> {
    await this.#writeServices(this.#owner.user);
    const said = await follow('back-up-region', this.#administrator).then(
      () => undefined,
      (error: unknown) => String(error),
    );
    await this.#writeServices();
    return said;
  }

  /** A dump, the files, and the seal apart from them. Returns the dump's size in bytes. */
  async backUp(): Promise<number> {
    await until('gateways have announced their keys', () => this.world.gateway.status().backlog === 0);
    await follow('back-up-region', this.#administrator);
    const files = this.#place.original;
    await cp(files, join(this.#administrator.directory, 'files'), {
      recursive: true,
      filter: (path) => path === files || !NOT_KEPT.test(path.slice(files.length + 1)),
    });
    await cp(join(files, SEAL), join(this.#administrator.directory, SEAL));
    return (await stat(join(this.#administrator.directory, 'krypton.dump'))).size;
  }

  /** The dump, readable. */
  async dumpAsText(): Promise<string> {
    await follow('read-dump', this.#administrator);
    return await readFile(join(this.#administrator.directory, 'krypton.sql'), 'utf8');
  }

  /** Of all applications and of the seal itself. */
  async secrets(): Promise<Pattern[]> {
    const seal = JSON.parse(await readFile(join(this.#administrator.directory, SEAL), 'utf8')) as {
      key: string;
    };
    return [
      { name: 'seal', bytes: Buffer.from(seal.key, 'base64') },
      ...this.tenants.flatMap(({ holding }) => holding.secrets),
    ];
  }

  /** What is no secret, and lies in the dump: a search that does not find these finds nothing. */
  get known(): Pattern[] {
    return this.tenants.map(({ application }) => ({
      name: application,
      bytes: Buffer.from(keyFingerprint(this.world.certificate(application).certificatePem), 'hex'),
    }));
  }

  /** Both processes, the database and every file of the region. */
  async lose(): Promise<void> {
    await this.#processes.gateway.kill();
    await this.#processes.core.kill();
    await this.world.stopGateway();
    await this.world.stopCore();
    await this.#server.lose();
    await rm(this.#place.original, { recursive: true });
  }

  /** A new server, new directories, and the seal not there yet. */
  async restore(): Promise<void> {
    this.#server = await Server.start();
    await this.#writeServices();
    await follow('restore-region', this.#administrator);
    await ensureRole({ url: this.#server.url('postgres') }, { name: this.#owner.user, ...this.#owner });
    const directory = join(temporaryDirectory('new-machine'), 'files');
    await mkdir(directory);
    await cp(join(this.#administrator.directory, 'files'), directory, { recursive: true });
    this.#place.databaseUrl = this.#server.url(DATABASE, this.#owner);
    this.#place.now = directory;
    await this.world.startCore();
    await this.world.restartGateway();
  }

  /** What the core says of itself. */
  async health(): Promise<{ readonly code: number; readonly status: string }> {
    const response = await fetch(`${this.world.core.healthUrl}/readyz`);
    const { status } = (await response.json()) as { status: string };
    return { code: response.status, status };
  }

  /**
   * Puts the seal where the core looks for it; the core opens by itself, and the gateway, which was told that it is sealed, asks
   * again. Returns how long it took until keys were served that need no link, in milliseconds.
   */
  async unseal(): Promise<number> {
    const startedAt = performance.now();
    await cp(join(this.#administrator.directory, SEAL), join(this.#place.now ?? '', SEAL));
    await until('the core is unsealed', async () => (await this.health()).code === 200, UNSEALED_WITHIN_MS);
    await this.#caughtUp();
    await until(
      'the gateway serves again',
      async () => (await this.faults((tenant) => tenant === NEWCOMER)).length === 0,
      SERVED_WITHIN_MS,
    );
    return performance.now() - startedAt;
  }

  /** What governance does with tenants that it finds without the link that it knows of (docs/guide/drift.md). */
  async closeLinks(): Promise<void> {
    for (const { name: tenant } of this.tenants)
      if (tenant !== NEWCOMER)
        await this.world.job('UNLINK', { tenant, epoch: this.#epoch, reason: 'the link was lost' });
    await this.#caughtUp();
  }

  /** The next epoch of every tenant that was linked. */
  async linkAgain(): Promise<void> {
    this.#epoch++;
    for (const { name } of this.tenants) if (name !== NEWCOMER) await this.world.link(name, this.#epoch);
    await this.#caughtUp();
  }

  /** What does not open of those that `which` names, each by a connection of its own. */
  async faults(which: (tenant: string) => boolean = () => true): Promise<string[]> {
    const faults: string[] = [];
    for (const { name, holding } of this.tenants) {
      if (!which(name)) continue;
      const client = this.client(name);
      faults.push(...(await holding.faults(client)).map((fault) => `${name}: ${fault}`));
      client.close();
    }
    return faults;
  }

  async close(): Promise<void> {
    await this.world.close();
    await this.#server.lose();
  }

  async #caughtUp(): Promise<void> {
    const head = await withClient({ url: this.#place.databaseUrl }, async (client) => {
      const { rows } = await client.query<{ head: string }>('select head from core.push_counter');
      return Number(rows[0]?.head);
    });
    await until(
      'the gateway has applied what the core has pushed',
      () => this.world.gateway.status().appliedHead >= head,
      CAUGHT_UP_WITHIN_MS,
    );
  }

  async #passwordOf(role: string, password: string): Promise<void> {
    await withClient({ url: this.#server.url('postgres') }, (client) =>
      client.query(`ALTER ROLE ${role} PASSWORD '${password}'`),
    );
  }

  /** @param backup who makes backups. */
  async #writeServices(backup = 'krypton_backup'): Promise<void> {
    const server = this.#server;
    const login = { user: backup, password: this.#owner.password };
    const services = [
      server.service('postgres-admin', 'postgres'),
      server.service('krypton-admin', DATABASE),
      server.service('krypton-backup', DATABASE, login),
    ];
    await writeFile(this.#administrator.serviceFile, services.join('\n'), { mode: 0o600 });
  }
}
