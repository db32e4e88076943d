// The image, without an engine that builds it: rules for its file, each of which a spoiled copy breaks.
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { documentsOf } from '../kubernetes/test-build.test.ts';

const ROOT = join(import.meta.dirname, '../..');
const FILE = join(import.meta.dirname, 'Containerfile');
const KNOWN = ['FROM', 'WORKDIR', 'COPY', 'RUN', 'LABEL', 'ENV', 'USER', 'ENTRYPOINT'];
const SECRET = /pass(word|wd)?|secret|token|credential|private|api_?key/i;
const PINNED = /^[a-z0-9.-]+\/[a-z0-9./_-]+(:[A-Za-z0-9._-]+|(:[A-Za-z0-9._-]+)?@sha256:[0-9a-f]{64})$/;
const COMPILER = /\b(g\+\+|gcc|c\+\+|make|python3?|build-essential|apt-get|apk|node[:@]\w)/;

interface Instruction {
  readonly name: string;
  readonly rest: string;
}
interface Stage {
  readonly base: string;
  readonly name: string;
  readonly instructions: readonly Instruction[];
}

function stagesOf(text: string): Stage[] {
  const lines = text
    .split('\n')
    .filter((line) => !/^\s*(#|$)/.test(line))
    .join('\n')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n');
  const stages: { base: string; name: string; instructions: Instruction[] }[] = [];
  /** Arguments before the first stage, which are there for the names of bases alone. */
  const given = new Map<string, string>();
  for (const line of lines) {
    const [, name = '', rest = ''] = /^(\w+)\s+(.*)$/.exec(line) ?? [];
    if (name === 'FROM') {
      const [named = '', as, stage = ''] = rest.split(/\s+/);
      const base = named.replaceAll(/\$\{(\w+)\}/g, (_, argument: string) => given.get(argument) ?? '');
      stages.push({ base, name: as === undefined ? '' : stage, instructions: [] });
    } else if (name === 'ARG' && stages.length === 0) {
      const [argument = '', value = ''] = rest.split('=');
      given.set(argument, value);
    } else stages.at(-1)?.instructions.push({ name, rest });
  }
  return stages;
}

type Scripts = Readonly<Record<string, string>>;

/** What is wrong, one sentence each. */
function problemsOf(text: string, scripts: Scripts, exists: (path: string) => boolean): string[] {
  const stages = stagesOf(text);
  const [first, last] = [stages[0], stages.at(-1)];
  if (first === undefined || last === undefined || first === last) return ['there are not several stages'];
  const problems: string[] = [];
  const names = new Set(stages.map(({ name }) => name));
  const all = stages.flatMap(({ instructions }) => instructions);
  for (const { base } of stages)
    if (!PINNED.test(base) || base.endsWith(':latest'))
      problems.push(`${base} is not pinned by a tag or a digest, with its registry`);
  for (const { name, rest } of all) {
    if (!KNOWN.includes(name)) problems.push(`${name} has no place here`);
    if ((name === 'ENV' || name === 'ARG') && SECRET.test(rest))
      problems.push(`${name} may hold a secret: ${rest}`);
    if (name === 'COPY') {
      const parts = rest.split(/\s+/);
      const from = parts.find((part) => part.startsWith('--from='))?.slice('--from='.length);
      if (from !== undefined && !names.has(from)) problems.push(`there is no stage ${from}`);
      for (const source of parts.filter((part) => !part.startsWith('--')).slice(0, -1))
        if (from === undefined && (source === '.' || !exists(source))) problems.push(`COPY of ${source}`);
    }
    for (const [, script = ''] of name === 'RUN' ? rest.matchAll(/npm run (\S+)/g) : [])
      if (scripts[script] === undefined) problems.push(`package.json has no script ${script}`);
  }
  const user = last.instructions.filter(({ name }) => name === 'USER').at(-1)?.rest;
  if (user === undefined || !/^[1-9]\d*:[1-9]\d*$/.test(user))
    problems.push(`USER ${user} is no number but 0`);
  if (COMPILER.test(last.base) || last.instructions.some(({ name }) => name === 'RUN'))
    problems.push('the last stage may hold a compiler, or has a shell');
  if (!last.instructions.some(({ name, rest }) => name === 'ENTRYPOINT' && rest.startsWith('["/')))
    problems.push('the entry needs a shell, or a path');
  if (!all.some(({ name, rest }) => name === 'RUN' && /rm -rf[^&]* \.npmrc /.test(rest)))
    problems.push('.npmrc goes into the image');
  if (!all.some(({ rest }) => rest.startsWith('npm ci --omit=dev')))
    problems.push('packages are not those of the lock file');
  return problems;
}

let text: string;
let pack: { scripts: Scripts; dependencies: Record<string, string>; version: string; workspaces?: unknown };
const exists = (path: string): boolean => existsSync(join(ROOT, path));
before(async () => {
  text = await readFile(FILE, 'utf8');
  pack = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as typeof pack;
});

test('the image keeps to the rules', () => {
  assert.deepEqual(problemsOf(text, pack.scripts, exists), []);
});

test('each rule can be broken', () => {
  for (const [from, to, problem] of [
    [':24.21.0-bookworm', '', /not pinned/],
    [':24.21.0-bookworm', ':latest', /not pinned/],
    ['USER 65532:65532', 'USER nonroot', /USER nonroot/],
    ['USER 65532:65532', 'USER 0:0', /USER 0:0/],
    ['USER 65532:65532\n', '', /USER undefined/],
    ['WORKDIR /app\nCOPY --from', 'ADD https://example.org/x /x\nCOPY --from', /ADD has no place/],
    ['ENV NODE_ENV=production', 'ENV DB_PASSWORD=x', /may hold a secret/],
    ['COPY cli ./cli', 'COPY client ./cli', /COPY of client/],
    ['COPY cli ./cli', 'COPY . .', /COPY of \./],
    ['--from=build', '--from=builder', /no stage builder/],
    ['npm run build:native', 'npm run build', /no script build/],
    ['npm ci --omit=dev', 'npm install', /lock file/],
    ['scripts .npmrc', 'scripts', /\.npmrc goes/],
    ['ARG RUN_BASE=', 'ARG BASE=', /not pinned/],
    ['WORKDIR /app\nCOPY pack', 'ARG VERSION=1\nCOPY pack', /ARG has no place/],
    ['gcr.io/distroless/cc-debian12:nonroot', 'docker.io/library/node:24.21.0-bookworm', /compiler/],
    ['ENV NODE_ENV=production', 'RUN true', /compiler/],
    ['ENTRYPOINT ["/app', 'ENTRYPOINT ["node', /shell, or a path/],
  ] as const) {
    const spoiled = text.replace(from, to);
    assert.notEqual(spoiled, text, from);
    assert.match(problemsOf(spoiled, pack.scripts, exists).join('\n'), problem, `${from} → ${to}`);
  }
});

test('its Node is the one of the lock file, its version that of the package', () => {
  assert.ok(text.includes(`library/node:${pack.dependencies['node']}-`));
  assert.ok(text.includes(`image.version="${pack.version}"`));
});

test('whatever the programs import is copied, and goes to the builder', async () => {
  const [build] = stagesOf(text);
  const copied = (build?.instructions ?? [])
    .filter(({ name }) => name === 'COPY')
    .flatMap(({ rest }) => rest.split(/\s+/).slice(0, -1));
  const ignore = (await readFile(`${FILE}.dockerignore`, 'utf8'))
    .split('\n')
    .filter((line) => !/^(#|$)/.test(line));
  assert.equal(ignore[0], '*', 'nothing goes there but what is named');
  assert.deepEqual(
    copied.toSorted(),
    ignore
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1))
      .toSorted(),
  );
  const folders = copied.filter((path) => !path.includes('.'));
  for (const folder of folders.filter((each) => exists(each) && each !== 'LICENSE')) {
    for (const path of readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })) {
      if (!path.endsWith('.ts') || /\.(test|contract)\.ts$|(^|\/)test(ing)?[-/]/.test(path)) continue;
      const source = await readFile(join(ROOT, folder, path), 'utf8');
      for (const [, target = ''] of source.matchAll(/from '(\.\.?\/[^']+)'/g)) {
        const [top = ''] = join(folder, path, '..', target).split('/');
        assert.ok(folders.includes(top), `${folder}/${path} imports ${target}`);
      }
    }
  }
});

test('the manifests start the programs as the image is entered', async () => {
  const path = join(ROOT, 'deploy/kustomize/base/core/statefulset.yaml');
  const documents = JSON.stringify(documentsOf(await readFile(path, 'utf8'), path));
  assert.match(documents, /"runAsUser":65532/);
  assert.match(text, /^WORKDIR \/app$/m);
});
