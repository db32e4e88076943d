/** What holds for the library as a whole: what it imports, what it does when imported, and what it promises. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, it } from 'node:test';
import ts from 'typescript';
import * as kmip from './index.ts';

const ROOT = import.meta.dirname;
const files = globSync('**/*.ts', { cwd: ROOT })
  .filter((file) => !file.endsWith('.test.ts'))
  .toSorted();

const sourceOf = (file: string): ts.SourceFile =>
  ts.createSourceFile(file, readFileSync(join(ROOT, file), 'utf8'), ts.ScriptTarget.Latest);

/** What a file imports when it runs: types alone are gone by then. */
function imports(file: string, withTypes = false): string[] {
  const found: string[] = [];
  for (const statement of sourceOf(file).statements) {
    const isImport = ts.isImportDeclaration(statement);
    if (!isImport && !ts.isExportDeclaration(statement)) continue;
    const typesOnly = isImport ? isTypeOnly(statement) : statement.isTypeOnly;
    const { moduleSpecifier } = statement;
    if (moduleSpecifier === undefined || !ts.isStringLiteral(moduleSpecifier)) continue;
    if (withTypes || !typesOnly) found.push(moduleSpecifier.text);
  }
  return found;
}
const isTypeOnly = ({ importClause }: ts.ImportDeclaration): boolean =>
  importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword;

/** Every module that a file loads, built-in ones by their name. */
function reached(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  for (const specifier of imports(file)) {
    if (specifier.startsWith('.')) reached(relative(ROOT, resolve(ROOT, dirname(file), specifier)), seen);
    else seen.add(specifier);
  }
  return seen;
}

describe('the modules', () => {
  it('import Node.js and each other, nothing else, and not even in types', () => {
    assert.ok(files.length > 60);
    for (const file of files) {
      for (const specifier of imports(file, true)) {
        const inside = specifier.startsWith('.')
          ? !relative(ROOT, resolve(ROOT, dirname(file), specifier)).startsWith('..')
          : specifier.startsWith('node:') && builtinModules.includes(specifier.slice('node:'.length));
        assert.ok(inside, `${file} imports ${specifier}`);
      }
      assert.doesNotMatch(readFileSync(join(ROOT, file), 'utf8'), /\b(?:import|require)\(/, file);
    }
  });

  it('know no sockets outside of transport and examples', () => {
    const withSockets =
      /^(?:transport|examples)\/|^node:(?:net|tls|http|https|http2|dgram|dns|child_process|fs)\b/;
    const entries = files.filter((file) => file !== 'index.ts' && !/^(?:transport|examples)\//.test(file));
    assert.ok(entries.includes('ttlv/decode.ts') && entries.includes('encodings/xml.ts'));
    for (const entry of entries) {
      const bad = [...reached(entry)].filter((module) => withSockets.test(module));
      assert.deepEqual(bad, [], entry);
    }
    assert.ok(reached('index.ts').has('node:tls'), 'the graph is really walked');
  });

  it('decode without operations, objects or messages', () => {
    const codec = reached('ttlv/decode.ts');
    assert.ok(
      ![...codec].some((module) => /^(?:operations|objects|messages|schema|encodings)\//.test(module)),
    );
  });

  it('do nothing when imported', () => {
    // Declarations, and nothing that runs for its effect: a bundler may leave out whatever is not used.
    for (const file of files) {
      for (const statement of sourceOf(file).statements) {
        const declares =
          ts.isImportDeclaration(statement) ||
          ts.isExportDeclaration(statement) ||
          ts.isVariableStatement(statement) ||
          ts.isFunctionDeclaration(statement) ||
          ts.isClassDeclaration(statement) ||
          ts.isInterfaceDeclaration(statement) ||
          ts.isTypeAliasDeclaration(statement);
        const text = `${file}: ${ts.SyntaxKind[statement.kind]}`;
        assert.ok(declares, text);
        if (ts.isImportDeclaration(statement)) {
          assert.ok(statement.importClause !== undefined, `${text} for its effect`);
        }
      }
    }
  });
});

describe('the README', () => {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');

  it('names every error code', () => {
    for (const table of [kmip.ttlvErrors, kmip.encodingErrors, kmip.schemaErrors, kmip.clientErrors]) {
      for (const code of Object.keys(table)) assert.ok(readme.includes(`\`${code}\``), code);
    }
  });

  it('names every room', () => {
    for (const room of new Set(files.map((file) => dirname(file)).filter((name) => name !== '.'))) {
      assert.ok(readme.includes(`| \`${room}/\``), room);
    }
  });

  it('names what there is', () => {
    const table = /## Main functions(.*?)## Errors/s.exec(readme)?.[1] ?? '';
    const first = table.split('\n').map((line) => line.split('|')[1] ?? '');
    const named = first.flatMap((cell) => [...cell.matchAll(/`([A-Za-z]+)/g)].map(([, name]) => name ?? ''));
    assert.ok(named.length > 20);
    const members = new Set(['request', 'batch', 'send']);
    for (const name of named) assert.ok(members.has(name) || name in kmip, name);
  });

  it('gives the limits that hold', () => {
    const {
      DEFAULT_TTLV_LIMITS: ttlv,
      DEFAULT_HTTPS_SERVER_LIMITS: https,
      DEFAULT_SERVER_LIMITS: server,
    } = kmip;
    for (const [row, value] of [
      [/nesting of structures\s*\| (\d+)/, ttlv.maxDepth],
      [/items in a message\s*\| ([\d,]+)/, ttlv.maxItems],
      [/codec itself takes or makes\s*\| (\d+) MiB/, ttlv.maxBytes / 2 ** 20],
      [/Big Integer\s*\| ([\d,]+)/, ttlv.maxBigIntegerBytes],
      [/items in a batch\s*\| (\d+)/, kmip.MAX_BATCH_ITEMS],
      [/requests in flight[^|]*\| (\d+)/, server.maxInFlight],
      [/requests in flight[^|]*\|[^|]*HTTPS (\d+)/, https.maxInFlight],
      [/arrive whole[^|]*\| (\d+) s/, server.frameTimeoutMs / 1000],
      [/arrive whole[^|]*\| (\d+) s/, https.requestTimeoutMs / 1000],
      [/HTTP headers (\d+) s/, https.headersTimeoutMs / 1000],
      [/HTTP body[^|]*\| (\d+) MiB/, https.maxBodyBytes / 2 ** 20],
      [/HTTP body[^|]*\|[^|]* (\d+) KiB/, https.maxHeaderBytes / 2 ** 10],
      [/idle served[^|]*\| (\d+) min/, server.idleTimeoutMs / 60_000],
      [/idle served[^|]*\|[^|]*HTTPS (\d+) s/, https.idleTimeoutMs / 1000],
    ] as const) {
      const stated = row.exec(readme)?.[1]?.replace(',', '');
      assert.equal(Number(stated), value, String(row));
    }
  });
});

/** Compile-time: an assignment of `true` fails where two types are not the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
type Limits = Partial<kmip.TtlvLimits>;

describe('the public types', () => {
  it('are those that are documented', () => {
    const codecs: readonly true[] = [
      true satisfies Same<typeof kmip.decodeTtlv, (bytes: Uint8Array, limits?: Limits) => kmip.Ttlv>,
      true satisfies Same<typeof kmip.encodeTtlv, (item: kmip.Ttlv, limits?: Limits) => Uint8Array>,
      true satisfies Same<typeof kmip.decodeXml, (source: string | Uint8Array, limits?: Limits) => kmip.Ttlv>,
      true satisfies Same<typeof kmip.encodeXml, (item: kmip.Ttlv, limits?: Limits) => string>,
      true satisfies Same<
        typeof kmip.parseXml,
        (source: string | Uint8Array, limits?: Limits) => kmip.XmlElement
      >,
      true satisfies Same<typeof kmip.ttlvOfXml, (element: kmip.XmlElement, limits?: Limits) => kmip.Ttlv>,
      true satisfies Same<
        typeof kmip.decodeJson,
        (source: string | Uint8Array, limits?: Limits) => kmip.Ttlv
      >,
      true satisfies Same<typeof kmip.encodeJson, (item: kmip.Ttlv, limits?: Limits) => string>,
    ];
    const messages: readonly true[] = [
      true satisfies Same<typeof kmip.readRequest, (tree: kmip.Ttlv) => kmip.RequestMessage>,
      true satisfies Same<typeof kmip.writeResponse, (message: kmip.ResponseMessage) => kmip.TtlvStructure>,
      true satisfies Same<
        typeof kmip.decodeRequest,
        (bytes: Uint8Array, limits?: Limits) => kmip.RequestMessage
      >,
      true satisfies Same<
        typeof kmip.encodeResponse,
        (message: kmip.ResponseMessage, limits?: Limits) => Uint8Array
      >,
      true satisfies Same<
        kmip.RequestHeader['protocolVersion'],
        { readonly major: number; readonly minor: number }
      >,
    ];
    const payloads: readonly true[] = [
      true satisfies Same<
        kmip.RequestOf<typeof kmip.Operation.Activate>,
        { readonly uniqueIdentifier?: string | undefined }
      >,
      true satisfies Same<kmip.ResponseOf<typeof kmip.Operation.Create>['uniqueIdentifier'], string>,
      true satisfies Same<kmip.RequestOf<typeof kmip.Operation.Encrypt>['data'], Uint8Array | undefined>,
      true satisfies Same<kmip.AttributeValueOf<'Cryptographic Length'>, number>,
      true satisfies Same<kmip.AttributeValueOf<'Contact Information'>, string>,
      true satisfies Same<kmip.AttributeValueOf<'Sensitive'>, boolean>,
    ];
    const transport: readonly true[] = [
      true satisfies Same<kmip.KmipClientOptions['https'], 'ttlv' | 'xml' | 'json' | undefined>,
      true satisfies Same<
        kmip.ServeOptions['handle'],
        (request: Uint8Array) => Uint8Array | Promise<Uint8Array>
      >,
      true satisfies Same<ReturnType<kmip.KmipClient['send']>, Promise<Uint8Array>>,
    ];
    for (const group of [codecs, messages, payloads, transport]) assert.ok(group.length > 0);
    // A batch knows the type of each of its answers.
    const typed = async (client: kmip.KmipClient): Promise<string | undefined> => {
      const [created, random] = await client.batch([
        kmip.call(kmip.Operation.Activate, {}),
        kmip.call(kmip.Operation.RNGRetrieve, { dataLength: 1 }),
      ]);
      if (random.ok) random.payload.data satisfies Uint8Array;
      return created.ok ? created.payload.uniqueIdentifier : undefined;
    };
    assert.equal(typeof typed, 'function');
  });
});
