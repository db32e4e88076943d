/** What `okcm up --gateway-store` takes, and the configuration that it becomes. */
import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Value } from 'typebox/value';
import { GatewayConfig } from '../../execution/gateway/config.ts';
import { temporaryDirectory } from '../../testkit/directories.ts';
import { CliError } from '../errors.ts';
import { checkGatewayStore, gatewayStoreConfig, writeGatewayStorePassword } from './gateway-store.ts';

describe('the key store of the gateways', () => {
  it('becomes a configuration that a gateway takes', () => {
    for (const [wanted, config] of [
      [undefined, { path: '/d/gateway.sqlite' }],
      ['sqlite', { path: '/d/gateway.sqlite' }],
      ['memory', { kind: 'memory' }],
      [
        'redis://redis.internal',
        { kind: 'redis', path: '/d/gateway.sqlite', host: 'redis.internal', port: 6379 },
      ],
      [
        'rediss://me:p%40ss@[::1]:6380/3?ca=/etc/ca.pem',
        {
          kind: 'redis',
          path: '/d/gateway.sqlite',
          host: '::1',
          port: 6380,
          database: 3,
          username: 'me',
          passwordFile: '/d/redis-password',
          tls: { ca: '/etc/ca.pem' },
        },
      ],
    ] as const) {
      if (wanted !== undefined) checkGatewayStore(wanted);
      const made = gatewayStoreConfig(wanted, '/d');
      assert.deepEqual(made, config);
      assert.ok(Value.Check(GatewayConfig.properties.store, made), JSON.stringify(made));
    }
  });

  it('has its password in a private file', async () => {
    const directory = temporaryDirectory('gateway-store');
    await writeGatewayStorePassword('redis://:p%40ss@localhost', directory);
    const file = join(directory, 'redis-password');
    assert.equal(readFileSync(file, 'utf8'), 'p@ss');
    assert.equal(statSync(file).mode & 0o777, 0o600);
  });

  it('is refused when it is none of them', () => {
    for (const wanted of ['', 'postgres://x', 'redis://', 'redis://h/not-a-number', 'rediss://h:1', 'Memory'])
      assert.throws(() => checkGatewayStore(wanted), CliError, wanted);
  });
});
