/**
 * A region whose holders run `okcm region` as people would, each command a process of its own; everything that was
 * typed and answered becomes a transcript. The core is a process that is killed and started again.
 */
import { spawn } from 'node:child_process';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { parseServiceName, parseTenantId } from '../../contracts/index.ts';
import type { CoreConfig } from '../../execution/core/index.ts';
import { GatewayClient } from '../../execution/core/testing/gateway-client.ts';
import type { TestIdentity, TestRegion } from '../../execution/core/testing/region.ts';
import { generateKeyPair, openLeasedKeys } from '../../execution/envelope/index.ts';
import { MeshOperation } from '../../execution/mesh/index.ts';
import { writePrivate } from '../../platform/config-file.ts';
import { freePort } from '../../platform/ports.ts';
import { type Child, startChild } from '../../testkit/children.ts';
import { REPOSITORY } from '../../testkit/system.ts';

const COMMAND_TIMEOUT_MS = 30_000;
const READY_TIMEOUT_MS = 20_000;

/** What differs from run to run. */
const VARIABLE: readonly (readonly [RegExp, string])[] = [
  [/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}/g, '<id>'],
  [/\b[0-9a-f]{64}\b/g, '<sha256>'],
  [/age1[02-9ac-hj-np-z]{58}/g, '<recipient>'],
  [/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>'],
];

export class Transcript {
  readonly #directory: string;
  #text = '';

  constructor(directory: string) {
    this.#directory = directory;
  }

  get text(): string {
    return this.#text;
  }

  /** A remark between commands. */
  remark(text: string): void {
    this.#text += `\n# ${text}\n`;
  }

  /** Runs `okcm …`, with `input` on standard input; returns what it printed, errors too. */
  async okcm(line: string, options: { input?: string; code?: number } = {}): Promise<string> {
    const { input, code = 0 } = options;
    const { output, exitCode } = await run(line.trim().split(' '), this.#directory, input);
    this.#text += `$ okcm ${this.#plain(line.trim())}${input === undefined ? '' : ' < a decrypted share'}\n${this.#plain(output)}`;
    if (exitCode !== 0) this.#text += `[${exitCode}]\n`;
    if (exitCode !== code) throw new Error(`okcm ${line} ended with ${exitCode}, not ${code}:\n${output}`);
    return output;
  }

  #plain(text: string): string {
    const shown = text
      .replaceAll(`${this.#directory}/`, '')
      .replaceAll(/[─]+/g, '─')
      .replaceAll(/ {3,}/g, '  ');
    return VARIABLE.reduce((plain, [pattern, name]) => plain.replaceAll(pattern, name), shown);
  }
}

function run(
  args: readonly string[],
  cwd: string,
  input: string | undefined,
): Promise<{ output: string; exitCode: number | null }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(REPOSITORY, 'cli', 'okcm.ts'), ...args], {
      cwd,
      stdio: ['pipe', 'pipe', 'pipe'],
      env: {
        ...process.env,
        NO_COLOR: '1',
        NODE_COMPILE_CACHE: join(REPOSITORY, '.build', 'test-compile-cache'),
      },
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), COMMAND_TIMEOUT_MS);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        output += chunk;
      });
    }
    child.once('error', reject);
    child.once('close', (exitCode) => {
      clearTimeout(timer);
      resolve({ output, exitCode });
    });
    child.stdin.on('error', () => undefined);
    child.stdin.end(input ?? '');
  });
}

/** As `age-keygen -o NAME.key` and `age-keygen -y` leave them. */
export async function holdersIn(directory: string, names: readonly string[]): Promise<void> {
  await mkdir(directory, { recursive: true });
  for (const name of names) {
    const identity = await generateX25519Identity();
    const recipient = await identityToRecipient(identity);
    const path = join(directory, `${name}.key`);
    await writeFile(path, `# created: today\n# public key: ${recipient}\n${identity}\n`, { mode: 0o600 });
    await chmod(path, 0o600);
    await writeFile(join(directory, `${name}.pub`), `${recipient}\n`);
  }
}

/** The core of the region as a process, on ports that stay. */
export class CoreProcess {
  readonly #directory: string;
  readonly #region: TestRegion;
  #config: CoreConfig;
  #child: Child | undefined;

  private constructor(directory: string, region: TestRegion, config: CoreConfig) {
    this.#directory = directory;
    this.#region = region;
    this.#config = config;
  }

  /** Takes the region's configuration over, and writes it to core.json. */
  static async of(region: TestRegion, directory: string): Promise<CoreProcess> {
    const { admin, kmip, health } = region.config;
    if (admin === undefined) throw new Error('the region has no admin listener');
    const core = new CoreProcess(directory, region, {
      ...region.config,
      admin: { ...admin, port: await freePort() },
      kmip: { ...kmip, port: await freePort() },
      health: { ...health, port: await freePort() },
      // Nobody answers there: the core serves without its broker.
      broker: { url: 'nats://127.0.0.1:1' },
      log: { level: 'info' },
    });
    await core.configure({});
    return core;
  }

  get config(): CoreConfig {
    return this.#config;
  }

  async configure(change: Partial<CoreConfig>): Promise<void> {
    this.#config = { ...this.#config, ...change };
    await writePrivate(join(this.#directory, 'core.json'), JSON.stringify(this.#config));
  }

  async start(): Promise<void> {
    const main = join(REPOSITORY, 'execution', 'core', 'main.ts');
    this.#child = await startChild({
      name: 'core',
      command: process.execPath,
      args: [main, '--config', join(this.#directory, 'core.json')],
    });
    await this.#child.waitForLine(/"msg":"ready"/, READY_TIMEOUT_MS);
  }

  /** SIGKILL, as a crash. */
  async kill(): Promise<void> {
    await this.#child?.kill();
    this.#child = undefined;
  }

  output(): string {
    return this.#child?.output() ?? '';
  }

  async health(): Promise<{ status: number; body: { status: string } }> {
    const response = await fetch(`http://127.0.0.1:${this.#config.health.port}/healthz`);
    return { status: response.status, body: (await response.json()) as { status: string } };
  }

  /** The L3 as a gateway gets it, over KMIP; or why it does not. */
  async lease(gateway: TestIdentity, port = this.#config.kmip.port): Promise<Buffer | string> {
    const client = new GatewayClient(port, this.#region.ca.certificatePem, gateway);
    const [tenant, service] = [parseTenantId('acme'), parseServiceName('payments')];
    const pair = await generateKeyPair();
    try {
      const { head } = await client.ask(MeshOperation.Sync, { after: 0 });
      const recipientPublicKey = pair.publicKey;
      const lease = await client.ask(MeshOperation.Lease, {
        tenant,
        service,
        recipientPublicKey,
        appliedHead: head,
        held: [],
        wanted: [],
      });
      if (lease.outcome !== 'granted') return lease.outcome === 'refused' ? lease.reason : lease.outcome;
      const { activeVersion, leaseKey, keys } = lease;
      if (leaseKey === undefined) return 'no key';
      const place = { region: this.#config.region, tenant, service };
      const opened = await openLeasedKeys(pair.privateKey, place, { leaseKey, keys });
      using key = opened.get(activeVersion);
      return key === undefined ? 'no key' : key.use((bytes) => Buffer.from(bytes));
    } finally {
      pair.privateKey.wipe();
      client.close();
    }
  }
}
