/** The client against the API that it was made from: it is up to date, and does what its types say. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import Schema from 'typebox/schema';
import { type ApiDocument, generateClient } from '../../testkit/api-client.ts';
import { testWorld } from '../../testkit/governance.ts';
import { cmkErrors } from '../errors.ts';
import { TOKEN, type World } from '../test-world.ts';
import { type Client, createClient, everyItem } from './client.ts';
import { ApiProblem, ApiUnreachable } from './problem.ts';

let world: World;
let cmk: Client;

before(async () => {
  world = await testWorld({ regions: ['north'] });
  cmk = createClient({ url: world.url(), token: TOKEN });
});
after(() => world.close());

test('the generated files are those of the API as it is', async () => {
  const document: ApiDocument = await world.must(200, 'GET', '/v1/openapi.json');
  for (const [name, text] of await generateClient(document)) {
    const file = new URL(name, import.meta.url);
    if (process.env['OKCM_UPDATE_CLIENT'] === '1') await writeFile(file, text);
    assert.ok(
      (await readFile(file, 'utf8')) === text,
      `${name} is not what the OpenAPI document says: npm run client writes it anew`,
    );
  }
});

test('a request is typed, sent and answered; lists go on page by page', async () => {
  const { tenant } = await cmk.createTenant({ body: { id: 'acme', displayName: 'Acme' } });
  assert.equal(tenant.displayName, 'Acme');
  for (const id of ['bolt', 'crux']) await cmk.createTenant({ body: { id } });
  const names: string[] = [];
  for await (const { id } of everyItem(cmk.listTenants, { query: { limit: 1 } })) names.push(id);
  assert.deepEqual(names, ['acme', 'bolt', 'crux']);
  const { items } = await cmk.listTenants({ query: { search: 'BO' } });
  assert.deepEqual(
    items.map(({ id }) => id),
    ['bolt'],
  );
});

test('a refusal is thrown with its code, and what to do next', async () => {
  await assert.rejects(cmk.getTenant({ path: { tenant: 'nobody' } }), (error) => {
    assert.ok(error instanceof ApiProblem);
    assert.deepEqual([error.status, error.code], [404, 'TENANT_UNKNOWN']);
    assert.match(error.hint ?? '', /GET \/v1\/tenants/);
    return true;
  });
});

test('a change whose answer is lost is sent again, and carried out once', async () => {
  let lost = 0;
  const unlucky = createClient({
    url: world.url(),
    token: TOKEN,
    fetch: async (...request) => {
      const response = await fetch(...request);
      if (lost > 0) return response;
      lost++;
      throw new TypeError('the connection broke');
    },
  });
  const { service } = await unlucky.createTenantService({
    path: { tenant: 'acme' },
    body: { name: 'payments' },
  });
  assert.deepEqual([service.name, lost], ['payments', 1]);
  const { items } = await cmk.listAudit({ query: { tenant: 'acme' } });
  assert.equal(items.filter(({ action }) => action === 'service.add').length, 1);
});

test('where nobody answers, that is said', async () => {
  const nowhere = createClient({ url: 'http://127.0.0.1:9', token: TOKEN, timeoutMs: 2_000 });
  await assert.rejects(nowhere.listTenants(), ApiUnreachable);
});

/** OpenAPI 3.1: what other tools rely on beyond the shape of the document. */
test('the document is whole: references, parameters, names, answers, schemas', async () => {
  const document = await world.must(200, 'GET', '/v1/openapi.json');
  for (const [name, schema] of Object.entries(document.components.schemas))
    assert.ok(dialect.Check(schema), name);
  for (const reference of referencesIn(document)) {
    const [, , , name] = reference.split('/');
    assert.ok(reference.startsWith('#/components/schemas/') && name !== undefined, reference);
    assert.ok(name in document.components.schemas, reference);
  }
  const names = new Set<string>();
  for (const [path, methods] of Object.entries<Record<string, Operation>>(document.paths))
    for (const [method, operation] of Object.entries(methods)) {
      const where = `${method.toUpperCase()} ${path}`;
      assert.ok(!names.has(operation.operationId), `${where}: ${operation.operationId} is named twice`);
      names.add(operation.operationId);
      const inPath = [...path.matchAll(/\{([^}]+)\}/g)].map(([, name]) => name).sort();
      const declared = (operation.parameters ?? []).filter((parameter) => parameter.in === 'path');
      assert.deepEqual(declared.map(({ name }) => name).sort(), inPath, where);
      assert.ok(
        declared.every(({ required }) => required === true),
        where,
      );
      const answers = Object.entries(operation.responses);
      assert.ok(
        answers.some(([status]) => status.startsWith('2')),
        where,
      );
      assert.ok('4XX' in operation.responses && '5XX' in operation.responses, where);
      for (const [status, answer] of answers)
        assert.equal(typeof answer.description, 'string', `${where} ${status}`);
    }
  assert.ok(names.size > 30);
});

test('whatever a hint tells people to call is there', async () => {
  const document: ApiDocument = await world.must(200, 'GET', '/v1/openapi.json');
  const bare = (path: string): string => path.replaceAll(/\{[^}]*\}/g, '{}');
  const known = new Set(
    Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${bare(path)}`),
    ),
  );
  known.add('GET /v1/openapi.json');
  for (const [code, { hint }] of Object.entries(cmkErrors)) {
    assert.notEqual(hint, '', code);
    for (const [, method, path] of hint.matchAll(/\b(GET|POST|PUT|PATCH|DELETE) (\/v1\/[^\s,;:]*[^\s,;:.])/g))
      assert.ok(known.has(`${method} ${bare(path ?? '')}`), `${code}: there is no ${method} ${path}`);
  }
});

interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly required?: boolean;
  }[];
  readonly responses: Readonly<Record<string, { readonly description?: unknown }>>;
}

/** JSON Schema 2020-12, on which OpenAPI 3.1 stands. */
const dialect = Schema.Compile(Schema.Meta['https://json-schema.org/draft/2020-12/schema']);

function referencesIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) =>
    name === '$ref' && typeof inner === 'string' ? [inner] : referencesIn(inner),
  );
}
