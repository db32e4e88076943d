// Who may ask for health and metrics by which name: a page in a browser must not reach them through a name of its own.
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import { type HealthServer, type HealthServerOptions, startHealthServer } from './http-health.ts';
import { createRegistry } from './metrics.ts';

function start(options: Partial<HealthServerOptions> = {}): Promise<HealthServer> {
  const registry = createRegistry({ processMetrics: false });
  return startHealthServer({ port: 0, health: () => ({ ok: true }), registry, ...options });
}

function statusFor(port: number, host: string, path = '/healthz'): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path, headers: { host } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    asked.on('error', reject).end();
  });
}

test('loopback names and addresses are served, any other Host is misdirected', async () => {
  const server = await start();
  try {
    const { port } = server;
    const own = [
      'localhost',
      'LOCALHOST',
      `localhost:${port}`,
      '127.0.0.1',
      `127.0.0.1:${port}`,
      '127.8.9.1',
    ];
    for (const host of [...own, '[::1]', `[::1]:${port}`]) {
      assert.equal(await statusFor(port, host), 200, host);
    }
    const foreign = [
      'evil.example',
      `evil.example:${port}`,
      '127.0.0.1.evil.example',
      'localhost.evil.example',
    ];
    for (const host of [...foreign, '10.0.0.1', '[::2]', 'localhost@evil.example', '127.0.0.1:x', ':80']) {
      assert.equal(await statusFor(port, host), 421, host);
      assert.equal(await statusFor(port, host, '/metrics'), 421, host);
    }
  } finally {
    await server.close();
  }
});

test('the configured host and further names are served; a wildcard is no name', async () => {
  const server = await start({ host: '0.0.0.0', hosts: ['gateway.example'] });
  try {
    assert.equal(await statusFor(server.port, 'gateway.example:9000'), 200);
    assert.equal(await statusFor(server.port, 'other.example'), 421);
    assert.equal(await statusFor(server.port, '0.0.0.0'), 421);
    assert.equal(await statusFor(server.port, `127.0.0.1:${server.port}`), 200);
  } finally {
    await server.close();
  }
});

test('a probe of HTTP/1.0, which names no host, is served', async () => {
  const server = await start();
  try {
    const socket = connect(server.port, '127.0.0.1');
    socket.end('GET /healthz HTTP/1.0\r\n\r\n');
    let answer = '';
    for await (const chunk of socket) answer += String(chunk);
    assert.match(answer, /^HTTP\/1\.1 200 /);
  } finally {
    await server.close();
  }
});

test('whoever cannot do his work is alive and not ready, also when that cannot be found out', async () => {
  let health: () => { ok: boolean; status?: string } = () => ({ ok: false, status: 'sealed' });
  const server = await start({ health: () => health() });
  const ask = async (path: string) => {
    const answer = await fetch(`${server.url}${path}`);
    return [answer.status, await answer.json()] as const;
  };
  try {
    assert.deepEqual(await ask('/livez'), [200, { ok: true }]);
    assert.deepEqual(await ask('/readyz'), [503, { ok: false, status: 'sealed' }]);
    assert.deepEqual(await ask('/healthz'), [503, { ok: false, status: 'sealed' }]);
    health = () => {
      throw new Error('the database is away');
    };
    assert.deepEqual(await ask('/livez'), [200, { ok: true }]);
    assert.deepEqual(await ask('/readyz'), [503, { ok: false, error: 'the database is away' }]);
    health = () => ({ ok: true });
    assert.deepEqual(await ask('/readyz'), [200, { ok: true }]);
  } finally {
    await server.close();
  }
});
