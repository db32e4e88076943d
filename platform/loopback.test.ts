import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isLoopback } from './loopback.ts';

test('what stays on this machine, and what may leave it', () => {
  for (const host of ['localhost', 'LOCALHOST', '127.0.0.1', '127.9.9.9', '::1', '[::1]'])
    assert.ok(isLoopback(host), host);
  for (const host of [
    '',
    'redis',
    '10.0.0.1',
    '0.0.0.0',
    '::',
    '[fe80::1]',
    'localhost.example',
    '127.0.0.1.example',
  ])
    assert.ok(!isLoopback(host), host);
});
