/**
 * `okcm kmip …`: a KMIP client that speaks as one of the registered applications. Data goes in and out as base64; the
 * bytes of a key are shown only with `--show-key`.
 */
import { type Command, Option } from 'commander';
import type { MessageEncoding } from '../../execution/kmip/index.ts';
import { contextOf, demandYes } from '../context.ts';
import { CliError } from '../errors.ts';
import { type KnownApplication, knownApplications } from '../home/applications.ts';
import { type Endpoints, readEndpoints } from '../home/endpoints.ts';
import { gatewayOf } from '../installation/names.ts';
import type { Application, Ciphertext } from '../kmip/application.ts';
import { colors, table } from '../output.ts';
import { logFile } from '../supervisor/logs.ts';

interface AccessOptions {
  readonly region?: string;
  readonly tenant?: string;
  readonly app?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly ca?: string;
  readonly https?: MessageEncoding;
}
type Shown = { readonly data: unknown; readonly text: string };

/** Named here, since the KMIP library is loaded only by a command that needs it. */
const ENCODINGS = ['ttlv', 'xml', 'json'] as const satisfies readonly MessageEncoding[];

export function registerKmipCommands(program: Command): void {
  const kmip = program
    .command('kmip')
    .description('speak KMIP 1.4 to a gateway, as a registered application');

  add(kmip, 'discover-versions', 'the protocol versions that the gateway speaks', async (application) => {
    const versions = await application.discoverVersions();
    return { data: { versions }, text: versions.join('\n') };
  });
  add(kmip, 'query', 'what the gateway can do', async (application) => {
    const found = await application.query();
    return {
      data: found,
      text: `vendor      ${found.vendor}\noperations  ${found.operations.join(', ')}\nobjects     ${found.objectTypes.join(', ')}`,
    };
  });
  add<{ name?: string; length: string; activate?: boolean }>(
    kmip,
    'create',
    'make an AES key at the gateway',
    async (application, _arguments, options) => {
      const uid = await application.create({
        lengthBits: Number(options.length),
        ...(options.name === undefined ? {} : { name: options.name }),
        ...(options.activate === undefined ? {} : { active: options.activate }),
      });
      return { data: { uid }, text: uid };
    },
    (command) =>
      command
        .option('--name <name>', 'its Name attribute')
        .addOption(new Option('--length <bits>', 'key length').choices(['128', '192', '256']).default('256'))
        .option('--activate', 'Active at once; otherwise it is Pre-Active'),
  );
  add(kmip, 'activate <uid>', 'Pre-Active → Active', async (application, [uid]) => {
    await application.activate(uid);
    return { data: { uid }, text: `${uid} is active` };
  });
  add<{ showKey?: boolean }>(
    kmip,
    'get <uid>',
    'fetch a key; its bytes are shown only with --show-key',
    async (application, [uid], options) => {
      const { algorithm, lengthBits, material } = await application.get(uid);
      const key = options.showKey === true ? Buffer.from(material).toString('hex') : undefined;
      material.fill(0);
      return {
        data: { uid, algorithm, lengthBits, ...(key === undefined ? {} : { key }) },
        text: `${lengthBits}-bit ${algorithm} key ${key ?? colors.dim('(add --show-key to see it)')}`,
      };
    },
    (command) => command.option('--show-key', 'print the key in hexadecimal'),
  );
  add<{ text?: string }>(
    kmip,
    'encrypt <uid> [base64]',
    'encrypt data; prints one token that `okcm kmip decrypt` takes',
    async (application, [uid, base64], options) => {
      const plain =
        options.text === undefined ? fromBase64('the data', base64) : Buffer.from(options.text, 'utf8');
      const token = tokenOf(await application.encrypt(uid, plain));
      return { data: { uid, token }, text: token };
    },
    (command) => command.option('--text <text>', 'data as text instead of base64'),
  );
  add<{ text?: boolean }>(
    kmip,
    'decrypt <uid> <token>',
    'decrypt what `okcm kmip encrypt` printed',
    async (application, [uid, token], options) => {
      const plain = Buffer.from(await application.decrypt(uid, ciphertextOf(token)));
      return {
        data: { uid, data: plain.toString('base64') },
        text: options.text === true ? plain.toString('utf8') : plain.toString('base64'),
      };
    },
    (command) => command.option('--text', 'print it as text instead of base64'),
  );
  add<{ name?: string; max?: string }>(
    kmip,
    'locate',
    'find keys',
    async (application, _arguments, options) => {
      const uids = await application.locate({
        ...(options.name === undefined ? {} : { name: options.name }),
        ...(options.max === undefined ? {} : { maximumItems: Number(options.max) }),
      });
      return { data: { uids }, text: uids.length === 0 ? 'nothing found' : uids.join('\n') };
    },
    (command) => command.option('--name <name>', 'by Name').option('--max <n>', 'at most so many'),
  );
  add(kmip, 'get-attributes <uid>', 'the attributes of a key', async (application, [uid]) => {
    const attributes = await application.getAttributes(uid);
    return {
      data: { uid, attributes },
      text: table(
        ['attribute', 'value'],
        attributes.map(({ name, value }) => [name, value]),
      ),
    };
  });
  add(kmip, 'rekey <uid>', 'replace a key by a new one', async (application, [uid]) => {
    const successor = await application.reKey(uid);
    return { data: { uid, successor }, text: successor };
  });
  add<{ compromised?: boolean }>(
    kmip,
    'revoke <uid>',
    'deactivate a key: it decrypts, and encrypts no more',
    async (application, [uid], options) => {
      await application.revoke(uid, options.compromised === true ? 'KeyCompromise' : 'CessationOfOperation');
      const state = options.compromised === true ? 'Compromised' : 'Deactivated';
      return { data: { uid, state }, text: `${uid} is ${state.toLowerCase()}` };
    },
    (command) => command.option('--compromised', 'because somebody else may have it'),
  );
  add<{ yes?: boolean }>(
    kmip,
    'destroy <uid>',
    'destroy a key for ever',
    async (application, [uid], options) => {
      demandYes(options.yes, `what ${uid} encrypted can never be decrypted again`);
      await application.destroy(uid);
      return { data: { uid }, text: `${uid} is destroyed` };
    },
    (command) => command.option('--yes', 'do it'),
  );
}

function add<O = object>(
  kmip: Command,
  syntax: string,
  description: string,
  run: (application: Application, operands: [string, string], options: O) => Promise<Shown>,
  extend: (command: Command) => Command = (command) => command,
): void {
  const command = extend(kmip.command(syntax).description(description))
    .option('--region <region>', 'which region’s gateway; the first one when left out')
    .option('--tenant <tenant>', 'speak as an application of this tenant')
    .option('--app <name>', 'speak as this application')
    .option('--cert <file>', 'or: speak with this certificate, PEM')
    .option('--key <file>', 'its private key, PEM')
    .option('--ca <file>', 'who signed the gateway’s certificate, PEM')
    .addOption(
      new Option('--https <encoding>', 'speak HTTPS, with messages in this encoding').choices(ENCODINGS),
    );
  command.action(async (...parameters: unknown[]) => {
    const { home, output } = contextOf(command);
    const operands = parameters.slice(0, -2).map((operand) => (typeof operand === 'string' ? operand : ''));
    const options = command.opts<O & AccessOptions>();
    const application = await openApplication(home, options);
    try {
      const shown = await run(application, [operands[0] ?? '', operands[1] ?? ''], options);
      output.result(shown.data, () => shown.text);
    } finally {
      application.close();
    }
  });
}

async function openApplication(home: string, options: AccessOptions): Promise<Application> {
  const { endpoints, paths } = await readEndpoints(home);
  const { name: region, gateway, https } = regionOf(endpoints, options.region);
  const files = filesOf(await knownApplications(paths), options);
  const name = gatewayOf(region);
  const server = { name, log: logFile(paths.logs, name) };
  const { Application: Opened } = await import('../kmip/application.ts');
  return await Opened.open(
    options.https === undefined
      ? { ...gateway, ...files, server }
      : { ...https, ...files, server, encoding: options.https },
  );
}

function regionOf(endpoints: Endpoints, wanted: string | undefined): Endpoints['regions'][number] {
  const region = endpoints.regions.find(({ name }) => wanted === undefined || name === wanted);
  if (region !== undefined) return region;
  throw new CliError('NOT_FOUND', `there is no region "${wanted}"`, {
    hint: `the regions are: ${endpoints.regions.map(({ name }) => name).join(', ')}`,
  });
}

/** Errors: USAGE, NOT_FOUND. */
function filesOf(
  known: readonly KnownApplication[],
  options: AccessOptions,
): { cert: string; key: string; ca: string; tenant?: string | undefined } {
  const { cert, key, ca } = options;
  const fallback = known[0];
  if (cert !== undefined || key !== undefined) {
    const authority = ca ?? fallback?.ca;
    if (cert === undefined || key === undefined || authority === undefined) {
      throw new CliError('USAGE', '--cert, --key and --ca belong together');
    }
    return { cert, key, ca: authority, tenant: options.tenant };
  }
  const found = known.find(
    (application) =>
      (options.tenant === undefined || application.tenant === options.tenant) &&
      (options.app === undefined || application.name === options.app),
  );
  if (found === undefined) {
    throw new CliError('NOT_FOUND', 'no such application has a certificate here', {
      hint: 'issue one with `okcm app issue`, or name files with --cert, --key and --ca',
    });
  }
  return found;
}

/** Ciphertext, IV and tag as one word. */
function tokenOf(ciphertext: Ciphertext): string {
  const parts = [ciphertext.data, ciphertext.iv ?? new Uint8Array(), ciphertext.tag ?? new Uint8Array()];
  return parts.map((part) => Buffer.from(part).toString('base64url')).join('.');
}

function ciphertextOf(token: string): Ciphertext {
  const parts = token.split('.').map((part) => Buffer.from(part, 'base64url'));
  const [data, iv, tag] = parts;
  if (data === undefined || iv === undefined || tag === undefined || parts.length !== 3) {
    throw new CliError('USAGE', 'that is no token that `okcm kmip encrypt` printed');
  }
  return { data, ...(iv.length === 0 ? {} : { iv }), ...(tag.length === 0 ? {} : { tag }) };
}

function fromBase64(what: string, text: string): Buffer {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text)) {
    throw new CliError('USAGE', `${what} must be base64`, { hint: 'or give it as text: --text "…"' });
  }
  return Buffer.from(text, 'base64');
}
