// Where tenants lie in an OpenBao: each layout with the policy that the guide gives for it, and no more than that.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parseTenantId } from '../../../contracts/index.ts';
import { createKeyStore } from './index.ts';
import { change, key, refused } from './key-store.contract.ts';
import { type KeyStore, L2 } from './key-store.ts';
import { AT, db, type OpenBaoOptions, OpenBaoWorld, region } from './test-openbao.test.ts';

const GUIDE = join(import.meta.dirname, '../../../docs/guide/openbao.md');

const world = OpenBaoWorld.started();

describe('OpenBao: layouts', () => {
  const acme = parseTenantId('acme');
  const rival = parseTenantId('rival');
  /** What the guide tells its reader to allow. */
  const policyOf = async (layout: string): Promise<string> => {
    const guide = await readFile(GUIDE, 'utf8');
    const policy = new RegExp(`\`\`\`hcl\\n# ${layout}\\n([^\`]*)\`\`\``).exec(guide)?.[1];
    assert.ok(policy !== undefined, `the guide has a policy for ${layout}`);
    return policy;
  };
  const livesUnder = async (what: Partial<OpenBaoOptions>): Promise<KeyStore> => {
    const policy = await policyOf(what.layout ?? 'shared');
    const tokenFile = await world.tokenFileOf(world.engine.issueToken(policy));
    const bound = world.storeOf({ ...what, tokenFile });
    for (const one of [acme, rival]) {
      assert.equal(await bound.read(db, one, [L2]), null);
      await bound.write(db, one, change(1, { put: [key(L2, 1, one)] }));
      await bound.write(db, one, change(2));
      assert.equal((await bound.read(db, one, [L2]))?.keys[0]?.wrapped.toString(), one);
    }
    return bound;
  };

  test('shared: the policy of the guide is enough, and no more than its own paths', async () => {
    world.engine.mount('okcm');
    const bound = await livesUnder({ layout: 'shared', mount: 'okcm' });
    assert.equal(world.engine.storedTexts('okcm', `${AT}/acme`).length, 1);
    world.engine.admin('DELETE', `okcm/metadata/${AT}/acme`);
    assert.equal(await bound.read(db, acme, []), null);
    const elsewhere = createKeyStore(
      {
        ...world.options,
        mount: 'okcm',
        tokenFile: await world.tokenFileOf(world.engine.issueToken(await policyOf('shared'))),
      },
      { ...region, region: 'us-east-1' },
    );
    await assert.rejects(elsewhere.read(db, acme, []), refused('STORE_UNAVAILABLE', /403/));
  });

  test('a mount for each tenant', async () => {
    for (const one of [acme, rival]) world.engine.mount(`tenants/${one}`);
    const bound = await livesUnder({ layout: 'mount-per-tenant', mount: 'tenants/{tenant}' });
    assert.equal(world.engine.storedTexts('tenants/acme', `${AT}/acme`).length, 1);
    // Nobody made a mount for it: that is not the same as being empty.
    const missing = parseTenantId('unmounted');
    for (const attempt of [() => bound.read(db, missing, []), () => bound.write(db, missing, change(1))])
      await assert.rejects(attempt, refused('STORE_UNAVAILABLE', /no KV engine.*tenants\/unmounted/));
  });

  test('a namespace for each tenant', async () => {
    for (const one of [acme, rival]) world.engine.mount('okcm', { namespace: `openkcm/${one}` });
    await livesUnder({ layout: 'namespace-per-tenant', mount: 'okcm', namespace: 'openkcm/{tenant}' });
    assert.equal(world.engine.storedTexts('okcm', `${AT}/acme`, 'openkcm/acme').length, 1);
    assert.ok(world.engine.requests.some(({ namespace }) => namespace === 'openkcm/rival'));
  });

  test('one namespace, and a prefix of one’s own', async () => {
    world.engine.mount('okcm', { namespace: 'team' });
    await world.store.write(db, acme, change(1));
    const inTeam = world.storeOf({ mount: 'okcm', namespace: 'team', prefix: 'keys/of' });
    assert.equal(await inTeam.read(db, acme, []), null);
    await inTeam.write(db, acme, change(1));
    assert.equal(world.engine.storedTexts('okcm', 'keys/of/eu-west-1/acme', 'team').length, 1);
  });

  test('clusters and regions that share a mount do not meet', async () => {
    const others = [
      { cluster: 'prod', region: 'us-east-1' },
      { cluster: 'test', region: 'eu-west-1' },
    ].map((where) => createKeyStore(world.options, where));
    await world.write(change(1));
    for (const other of others) assert.equal(await world.read(other), null);
  });

  test('a path that would climb is refused before anything is sent', async () => {
    for (const climbing of [{ mount: '..' }, { mount: 'kv/../sys' }, { prefix: '../../sys' }]) {
      await assert.rejects(world.read(world.storeOf(climbing)), refused('STORE_UNAVAILABLE', /no path/));
    }
    assert.deepEqual(world.asked(), []);
  });
});
