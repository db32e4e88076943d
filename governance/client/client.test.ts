/** The client against the API that it was made from: it is up to date, and does what its types say. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { type ApiDocument, generateClient } from '../../testkit/api-client.ts';
import { testWorld } from '../test-setup.test.ts';
import { TOKEN, type World } from '../test-world.ts';
import { ApiProblem, ApiUnreachable, type Client, createClient, everyItem } from './client.ts';

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
