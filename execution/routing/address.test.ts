import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isL3Address, l3Address, serviceOfL3Address } from './index.ts';

describe('L3 addresses', () => {
  it('name a service', () => {
    assert.equal(l3Address('orders'), 'l3:orders');
    assert.equal(serviceOfL3Address('l3:orders'), 'orders');
    assert.equal(isL3Address('l3:orders'), true);
  });

  it('are not UIDs, even when no such service can exist', () => {
    for (const uid of ['l3:', 'l3:Orders', 'l3:a/b', 'l3:-a', `l3:${'a'.repeat(64)}`, 'l3:orders\n']) {
      assert.equal(isL3Address(uid), true, JSON.stringify(uid));
      assert.equal(serviceOfL3Address(uid), undefined, JSON.stringify(uid));
    }
  });

  it('are told from UIDs', () => {
    for (const uid of ['', 'orders', '0190a3c1-0000-7000-8000-000000000000', 'L3:orders', ' l3:orders']) {
      assert.equal(isL3Address(uid), false, JSON.stringify(uid));
      assert.equal(serviceOfL3Address(uid), undefined, JSON.stringify(uid));
    }
  });
});
