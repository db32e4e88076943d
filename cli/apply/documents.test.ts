/** Reading declarations: what is told of a mistake, and what bounds a file whose author means no good. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { temporaryDirectory } from '../../testkit/directories.ts';
import { CliError } from '../errors.ts';
import { readDeclarations } from './declared.ts';
import { readDocuments } from './documents.ts';
import { MAX_FILE_BYTES } from './limits.ts';
import { declarationsSchema } from './schema.ts';
import { keyOf } from './things.ts';

const HEAD = 'apiVersion: openkcm.io/v1\n';
const SYSTEM = `${HEAD}kind: System
metadata: { name: erp, tenant: acme }
spec:
  kind: ERP
  externalId: client 100
`;
const mistakesOf = (text: string): string[] =>
  readDocuments({ name: 'a.yaml', path: '/a.yaml', text }).mistakes.map(
    ({ file, line, field, message }) => `${file}:${line} ${field}: ${message}`,
  );

async function folder(files: Readonly<Record<string, string>>): Promise<string> {
  const root = temporaryDirectory('declarations');
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), text);
  }
  return root;
}
async function refusal(root: string): Promise<CliError> {
  try {
    await readDeclarations(root);
  } catch (error) {
    assert.ok(error instanceof CliError, String(error));
    return error;
  }
  return assert.fail('was read');
}

test('several documents of a file, YAML and JSON, in folders below; names with a dot and other files are left out', async () => {
  const json = { apiVersion: 'openkcm.io/v1', kind: 'Tenant', metadata: { name: 'acme' }, spec: {} };
  const root = await folder({
    'acme/tenant.json': JSON.stringify(json),
    'acme/all.yaml': `# a comment\n---\n${SYSTEM}---\n${HEAD}kind: Link\nmetadata: { name: acme }\nspec: { key: main }\n---\n`,
    '.git/config.yaml': 'not: [ours',
    'README.md': '# words',
  });
  const declared = await readDeclarations(root);
  assert.deepEqual(declared.map(({ id }) => keyOf(id)).sort(), [
    'Link acme acme',
    'System acme erp',
    'Tenant acme acme',
  ]);
  const system = declared.find(({ id }) => id.kind === 'System');
  assert.deepEqual(
    [system?.at, system?.fields],
    [
      { file: 'acme/all.yaml', line: 3 },
      { kind: 'ERP', externalId: 'client 100' },
    ],
  );
});

test('a mistake names file, line and field, and the field that may have been meant', () => {
  assert.deepEqual(mistakesOf(SYSTEM.replace('externalId', 'externalld')), [
    'a.yaml:4 spec.externalId: is missing',
    'a.yaml:6 spec.externalld: there is no such field; did you mean externalId?',
  ]);
  assert.deepEqual(
    mistakesOf(`\n\n${SYSTEM}  service: Not A Name\n`).map((each) => each.split(':')[1]?.split(' ')[0]),
    ['9'],
  );
  assert.match(
    mistakesOf(SYSTEM.replace('kind: System', 'kind: Sistem'))[0] ?? '',
    /:2 kind: .*did you mean System\?/,
  );
  assert.match(
    mistakesOf(SYSTEM.replace('kcm.io/v1', 'kcm.io/v2'))[0] ?? '',
    /:1 apiVersion: must be openkcm\.io\/v1/,
  );
  assert.match(
    mistakesOf(`${HEAD}kind: Link\nmetadata: {name: acme, tenant: acme}\nspec: {key: main}\n`)[0] ?? '',
    /:3 metadata\.tenant: there is no such field/,
  );
  assert.match(mistakesOf('- a\n- b\n')[0] ?? '', /:1 : a declaration is a map/);
  assert.match(mistakesOf(`${SYSTEM}  kind: again\n`)[0] ?? '', /:7 : Map keys must be unique/);
});

test('however many fields are unknown, none of them is taken', () => {
  for (const count of [1, 7, 8, 9, 200]) {
    const unknown = Array.from({ length: count }, (_, n) => `x${n}: 1\n`).join('');
    const mistakes = mistakesOf(`${SYSTEM}${unknown}`);
    assert.equal(mistakes[0], 'a.yaml:7 x0: there is no such field');
    assert.ok(
      mistakes.length >= Math.min(count, 7) && mistakes.length <= 20,
      `${mistakes.length} of ${count}`,
    );
    assert.match(mistakesOf(`${SYSTEM.replace('100', '""')}${unknown}`).join('\n'), /no such field/);
  }
});

test('of a keystore only the configuration of its kind is told, and no field takes a secret', () => {
  const keystore = (config: string): string =>
    `${HEAD}kind: Keystore\nmetadata: { name: vault }\nspec:\n  kind: openbao\n  config: ${config}\n`;
  assert.deepEqual(mistakesOf(keystore('{ address: "https://bao", tokenFile: /etc/okcm/token }')), []);
  assert.deepEqual(mistakesOf(keystore('{ address: "https://bao", token: hvs.abc }')), [
    'a.yaml:6 spec.config.tokenFile: is missing',
    'a.yaml:6 spec.config.token: there is no such field',
  ]);
  assert.match(mistakesOf(keystore('{}').replace('openbao', 'opnbao'))[0] ?? '', /:5 spec\.kind: /);
});

test('aliases, anchors and tags are refused: nothing grows when it is read', () => {
  assert.match(mistakesOf(`${SYSTEM}  service: &s db\n`)[0] ?? '', /:7 .*anchors/);
  assert.match(mistakesOf('a: &a [x]\nb: [*a, *a]\n')[0] ?? '', /aliases|anchors/);
  assert.match(mistakesOf(`${SYSTEM}  service: !!binary eA==\n`)[0] ?? '', /:7 .*tags/);
  const bomb = `a: &a [x,x]\n${Array.from({ length: 40 }, (_, n) => `${n}: &n${n} [*a, *a]\n`).join('')}`;
  assert.match(mistakesOf(bomb)[0] ?? '', /not read/);
});

test('what is nested too deep is refused before it is built, however it is written', () => {
  const startedAt = performance.now();
  for (const text of [
    '['.repeat(500_000),
    '{a: '.repeat(200_000),
    '- '.repeat(400_000),
    `x:\n${'? '.repeat(300_000)}`,
  ])
    assert.match(mistakesOf(text)[0] ?? '', /nested more than 24 deep/);
  const indented = Array.from({ length: 200 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n');
  assert.match(mistakesOf(indented)[0] ?? '', /nested more than 24 deep/);
  assert.ok(performance.now() - startedAt < 5_000);
});

/** Of the processor rather than by the clock: others work beside. */
function processorMs(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1000;
}

test('what has more fields than any declaration is refused before each is compared with all others', () => {
  const many = 150_000;
  const keys = Array.from({ length: many }, (_, n) => n.toString(36));
  for (const [text, line] of [
    [keys.map((key) => `${key}:\n`).join(''), 257],
    [`{${keys.join(',')}}`, 1],
    [JSON.stringify(Object.fromEntries(keys.map((key) => [`k${key}`, 1]))), 1],
    [keys.map((key) => `? ${key}\n`).join(''), 257],
    [`${SYSTEM}---\n${keys.map((key) => `${key}:\n`).join('')}`, 264],
  ] as const) {
    const before = process.cpuUsage();
    assert.match(
      mistakesOf(text)[0] ?? '',
      new RegExp(`^a\\.yaml:${line} : a document has more than 256 fields`),
    );
    assert.ok(processorMs(before) < 2_000);
  }
  const before = process.cpuUsage();
  assert.equal(mistakesOf(`${SYSTEM}---\n`.repeat(5_000)).length, 0);
  const list = `${HEAD}kind: Workspace\nmetadata: { name: w, tenant: acme }\nspec: { services: [`;
  assert.deepEqual(
    mistakesOf(
      `${list}${keys
        .slice(0, 1_000)
        .map((key) => `s${key}`)
        .join()}] }\n`,
    ),
    [],
  );
  assert.ok(processorMs(before) < 5_000, `${processorMs(before)} ms`);
});

test('files that are too large, no UTF-8, links, and folders without a file are refused', async () => {
  const large = await refusal(await folder({ 'a.yaml': '#'.repeat(MAX_FILE_BYTES + 1) }));
  assert.equal(large.code, 'DECLARATIONS_TOO_LARGE');
  const linked = await folder({ 'a.yaml': SYSTEM });
  await symlink(join(linked, 'a.yaml'), join(linked, 'b.yaml'));
  assert.match((await refusal(linked)).message, /b\.yaml is a symbolic link/);
  assert.equal((await refusal(await folder({ 'a.txt': SYSTEM }))).code, 'NOTHING_DECLARED');
  assert.equal((await refusal(await folder({ 'a.yaml': '# nothing\n---\n' }))).code, 'NOTHING_DECLARED');
  const latin = await folder({});
  await writeFile(join(latin, 'a.yaml'), Buffer.from([0x61, 0x3a, 0x20, 0xe4]));
  assert.match((await refusal(latin)).message, /is not UTF-8/);
});

test('the same thing twice, two primary keys of one configuration, a key that is neither there nor made', async () => {
  const key = (name: string, spec: string): string =>
    `${HEAD}kind: Key\nmetadata: { name: ${name}, tenant: acme }\nspec: { keystore: soft, ${spec} }\n`;
  const twice = await refusal(await folder({ 'a.yaml': SYSTEM, 'b.yaml': `# two\n${SYSTEM}` }));
  assert.equal(twice.code, 'DECLARATIONS_INVALID');
  assert.match(
    twice.message,
    /^b\.yaml:2: metadata\.name: System acme\/erp is declared in a\.yaml:1 already$/,
  );
  const both = await refusal(
    await folder({
      'a.yaml': key('k1', 'create: true, primary: true'),
      'b.yaml': key('k2', 'create: true, primary: true'),
    }),
  );
  assert.match(
    both.message,
    /^b\.yaml:1: spec\.primary: Key acme\/k1 is the primary key of that configuration/,
  );
  assert.match(
    (await refusal(await folder({ 'a.yaml': key('k1', 'primary: true') }))).message,
    /a\.yaml:4: spec: give either reference or create/,
  );
});

test('a certificate lies in what is applied, and no file with a private key is taken', async () => {
  const application = (file: string): string =>
    `${HEAD}kind: Application\nmetadata: { name: web, tenant: acme }\nspec:\n  services: [db]\n  certificateFile: ${file}\n`;
  const outside = await refusal(await folder({ 'a.yaml': application('../../../etc/hostname') }));
  assert.match(outside.message, /a\.yaml:6: spec\.certificateFile: .* lies outside of what is applied/);
  const key = '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n';
  const secret = await refusal(await folder({ 'a.yaml': application('web.pem'), 'web.pem': key }));
  assert.match(secret.message, /holds a private key/);
  assert.doesNotMatch(secret.message, /AAAA/);
  assert.match(
    (await refusal(await folder({ 'a.yaml': application('web.pem') }))).message,
    /web\.pem cannot be read \(ENOENT\)/,
  );
});

test('a certificate is not read through links, by whatever name, and no pipe is waited for', async () => {
  const application = (file: string): string =>
    `${HEAD}kind: Application\nmetadata: { name: web, tenant: acme }\nspec:\n  services: [db]\n  certificateFile: ${file}\n`;
  const elsewhere = await folder({ 'secret.pem': 'of another' });
  const root = await folder({ 'a.yaml': application('.hidden/secret.pem') });
  await symlink(elsewhere, join(root, '.hidden'));
  assert.match((await refusal(root)).message, /\.hidden\/secret\.pem lies outside of what is applied/);
  const direct = await folder({ 'a.yaml': application('.web.pem') });
  await symlink(join(elsewhere, 'secret.pem'), join(direct, '.web.pem'));
  assert.match((await refusal(direct)).message, /\.web\.pem is a symbolic link/);
  const piped = await folder({ 'a.yaml': application('web.pem') });
  await promisify(execFile)('mkfifo', [join(piped, 'web.pem')]);
  assert.match((await refusal(piped)).message, /web\.pem is not a file/);
});

test('the schema in the reference is the one that validates', () => {
  const committed = new URL('../../docs/reference/declarations.schema.json', import.meta.url);
  assert.equal(
    readFileSync(committed, 'utf8'),
    declarationsSchema(),
    'npm run --silent okcm -- apply --schema > docs/reference/declarations.schema.json',
  );
});
