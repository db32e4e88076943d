/** Names of operations and models, as the OpenAPI document and the client have them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nameModels, operationIdOf } from './openapi.ts';

test('operations are named by method and path', () => {
  for (const [method, url, isList, name] of [
    ['GET', '/v1/tenants', true, 'listTenants'],
    ['POST', '/v1/tenants', false, 'createTenant'],
    ['GET', '/v1/tenants/:tenant', false, 'getTenant'],
    ['PATCH', '/v1/tenants/:tenant', false, 'updateTenant'],
    ['POST', '/v1/tenants/:tenant/link', false, 'linkTenant'],
    ['POST', '/v1/tenants/:tenant/link/rotate', false, 'rotateTenantLink'],
    ['PUT', '/v1/tenants/:tenant/link/rotation-policy', false, 'setTenantLinkRotationPolicy'],
    ['POST', '/v1/tenants/:tenant/systems/:name/unlink', false, 'unlinkTenantSystem'],
    ['DELETE', '/v1/regions/:region/gateways/:name', false, 'removeRegionGateway'],
    ['POST', '/v1/tenants/:tenant/key-configurations', false, 'createTenantKeyConfiguration'],
    ['POST', '/v1/tenants/:tenant/inventories', false, 'createTenantInventory'],
    ['GET', '/v1/status', false, 'getStatus'],
    ['GET', '/v1/audit', true, 'listAudit'],
    ['GET', '/v1/tenants/:tenant/keys/:key/aliases', true, 'listTenantKeyAliases'],
    ['DELETE', '/v1/tenants/:tenant/keys/:key/aliases/:alias', false, 'removeTenantKeyAlias'],
  ] as const)
    assert.equal(operationIdOf(method, url, isList), name);
});

test('a schema with a title is told once, and two that differ cannot share one', () => {
  const tree = { type: 'object', title: 'Tree', properties: { title: { type: 'string' } } };
  const forest = { type: 'object', title: 'Forest', properties: { trees: { type: 'array', items: tree } } };
  const named = nameModels({ one: forest, two: [tree] });
  assert.deepEqual(named, {
    one: { $ref: '#/components/schemas/Forest' },
    two: [{ $ref: '#/components/schemas/Tree' }],
    components: {
      schemas: {
        Forest: {
          ...forest,
          properties: { trees: { type: 'array', items: { $ref: '#/components/schemas/Tree' } } },
        },
        Tree: tree,
      },
    },
  });
  assert.throws(() => nameModels({ one: tree, two: { ...tree, properties: {} } }), /called Tree/);
});
