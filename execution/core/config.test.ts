// Where a configuration says that keys lie: what is filled in, and what is no place for them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Value } from 'typebox/value';
import { createKeyStore } from '../keychain/stores/index.ts';
import { CoreConfig } from './config.ts';

const { keyStore } = CoreConfig.properties;
const openbao = { kind: 'openbao', url: 'https://openbao.internal:8200', mount: 'okcm', tokenFile: '/token' };
const perMount = { ...openbao, layout: 'mount-per-tenant', mount: 'tenants/{tenant}' };
const perNamespace = { ...openbao, layout: 'namespace-per-tenant', namespace: 'openkcm/{tenant}' };

test('keys lie in PostgreSQL unless another home is named, with its defaults filled in', () => {
  const region = { cluster: 'prod', region: 'eu-west-1' };
  for (const [given, kind] of [
    [undefined, 'postgresql'],
    [{ kind: 'postgresql' }, 'postgresql'],
    [openbao, 'openbao'],
    [{ ...openbao, prefix: 'a/b', namespace: 'team/one', ca: '/ca.pem', timeoutMs: 100 }, 'openbao'],
    [perMount, 'openbao'],
    [{ ...perMount, mount: 't-{tenant}.kv/x', namespace: 'team' }, 'openbao'],
    [perNamespace, 'openbao'],
  ] as const) {
    const value: unknown = Value.Default(keyStore, structuredClone(given));
    assert.ok(Value.Check(keyStore, value), JSON.stringify(value));
    assert.equal(createKeyStore(value, region).kind, kind);
  }
  assert.deepEqual(Value.Default(keyStore, { ...openbao }), {
    ...openbao,
    layout: 'shared',
    timeoutMs: 5_000,
  });
});

test('templates stand where the layout has them and nowhere else, and no path climbs', () => {
  for (const refused of [
    { ...openbao, mount: 'tenants/{tenant}' },
    { ...openbao, namespace: '{tenant}' },
    { ...openbao, mount: '../sys' },
    { ...openbao, mount: 'okcm/' },
    { ...openbao, mount: '/okcm' },
    { ...openbao, mount: 'a//b' },
    { ...openbao, mount: 'a?b' },
    { ...openbao, prefix: '.' },
    { ...openbao, prefix: '' },
    { ...openbao, namespace: 'a\r\nx-vault-token: b' },
    { ...openbao, timeoutMs: 60_000 },
    { ...openbao, token: 's.in-the-configuration' },
    { ...perMount, mount: 'okcm' },
    { ...perMount, mount: '.{tenant}' },
    { ...perMount, mount: '{tenant}/{tenant}' },
    { ...perMount, mount: '{service}' },
    { ...perNamespace, namespace: undefined },
    { ...perNamespace, namespace: 'openkcm' },
    { ...perNamespace, mount: '{tenant}' },
    { kind: 'memory' },
  ]) {
    const value: unknown = Value.Default(keyStore, structuredClone(refused));
    assert.ok(!Value.Check(keyStore, value), JSON.stringify(refused));
  }
});
