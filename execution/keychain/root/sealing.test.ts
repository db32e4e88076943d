/** Races around the seal: first initialisations at once, and unsealing while somebody seals. */
import assert from 'node:assert/strict';
import { readdir, readFile, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { sql } from 'kysely';
import { temporaryDirectory } from '../../../testkit/directories.ts';
import { SecretBytes } from '../../envelope/index.ts';
import {
  acme,
  Governance,
  l3Of,
  newRegion,
  provisioned,
  type Region,
  refused,
  within,
} from '../fixture.test.ts';
import { createDevelopmentSeal, initialiseRegion, type SealProvider } from '../index.ts';

const binding = { cluster: 'test', region: 'eu-west-1' };

describe('making a development seal', () => {
  test('of many at once one wins, and whatever any of them sealed opens ever after', async () => {
    for (let round = 0; round < 30; round++) {
      const path = join(temporaryDirectory('seal'), 'seal.key');
      const blobs = await Promise.all(
        [1, 2, 3].map(async () => {
          using key = SecretBytes.random(32);
          return await (await createDevelopmentSeal(path, { create: true })).sealUnsealKey(key, binding);
        }),
      );
      const seal = await createDevelopmentSeal(path);
      for (const blob of blobs) (await seal.openUnsealKey(blob, binding)).wipe();
      assert.deepEqual(await readdir(dirname(path)), ['seal.key'], 'a key is left behind');
    }
  });

  test('what is there is not replaced, readable or not', async () => {
    const directory = temporaryDirectory('seal');
    const loop = join(directory, 'loop');
    await symlink(loop, loop);
    await assert.rejects(createDevelopmentSeal(loop, { create: true }), refused('SEAL_REJECTED'));
    await assert.rejects(readFile(loop), { code: 'ELOOP' });
    const away = join(directory, 'away');
    await symlink(join(directory, 'not-mounted'), away);
    await assert.rejects(createDevelopmentSeal(away, { create: true }), refused('SEAL_REJECTED'));
  });

  test('a region that exists asks for no new seal', async () => {
    const { db, seal, name } = await newRegion();
    const asked: SealProvider = {
      ...seal,
      sealUnsealKey: () => assert.fail('a seal was asked for'),
    };
    const again = await initialiseRegion(db, { cluster: 'test', region: name, seal: asked });
    assert.deepEqual(again, { created: false });
  });
});

/** A seal that waits for the test before it opens anything. */
function slowSeal({ seal }: Region) {
  const opened: SecretBytes[] = [];
  const waiting: (() => void)[] = [];
  const state = { hold: false };
  const provider: SealProvider = {
    ...seal,
    openUnsealKey: async (blob, at) => {
      if (state.hold) await new Promise<void>((resolve) => waiting.push(resolve));
      const key = await seal.openUnsealKey(blob, at);
      opened.push(key);
      return key;
    },
  };
  return { provider, opened, waiting, state };
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

describe('unsealing', () => {
  test('sealing while it is under way wins', async () => {
    const region = await newRegion();
    const slow = slowSeal(region);
    const core = await region.core({ seal: slow.provider });
    await provisioned(region, core);
    core.seal('first');
    slow.state.hold = true;
    const late = core.unseal();
    await until(() => slow.waiting.length === 1);
    core.seal('an operator said so');
    slow.waiting[0]?.();
    await assert.rejects(late, refused('SEALED'));
    assert.equal(core.sealState, 'sealed');
    assert.equal(core.sealReason, 'an operator said so');
    await assert.rejects(l3Of(core), refused('SEALED'));
  });

  test('an attempt that was overtaken does not hold up, or undo, a newer one', async () => {
    const region = await newRegion();
    const slow = slowSeal(region);
    const core = await region.core({ seal: slow.provider });
    await provisioned(region, core);
    core.seal('first');
    slow.state.hold = true;
    const overtaken = core.unseal();
    await until(() => slow.waiting.length === 1);
    core.seal('second');
    slow.state.hold = false;
    await core.unseal();
    slow.waiting[0]?.();
    await assert.rejects(overtaken, refused('SEALED'));
    assert.equal(core.sealState, 'unsealed');
    assert.equal(core.sealReason, null);
    assert.equal((await l3Of(core)).length, 32);
  });

  test('many at once are one', async () => {
    const region = await newRegion();
    const slow = slowSeal(region);
    const core = await region.core({ seal: slow.provider });
    core.seal('first');
    slow.opened.length = 0;
    await Promise.all([core.unseal(), core.unseal(), core.unseal()]);
    assert.equal(slow.opened.length, 1);
    assert.equal(core.sealState, 'unsealed');
  });

  test('a keychain that was closed stays sealed', async () => {
    const region = await newRegion();
    const slow = slowSeal(region);
    const core = await region.core({ seal: slow.provider });
    core.seal('first');
    slow.state.hold = true;
    const late = core.unseal();
    await until(() => slow.waiting.length === 1);
    core.close();
    slow.waiting[0]?.();
    await assert.rejects(late, refused('SEALED'));
    await assert.rejects(core.unseal(), refused('SEALED'));
    assert.equal(core.sealReason, 'stopped');
  });

  test('what was closed while sealed is in the manifest afterwards: put back, it is refused', async () => {
    const region = await newRegion();
    const core = await region.core();
    const governance = new Governance(region);
    await provisioned(region, core);
    await governance.link(core, 1);
    const links = await region.db.selectFrom('keychain.links').selectAll().execute();
    core.seal('first');
    await governance.unlink(core, 1);
    await core.unseal();
    await sql`alter table keychain.link_heads disable trigger all`.execute(region.db);
    await within(region, async (tx) => {
      await tx.updateTable('keychain.link_heads').set({ closed_epoch: 0, closed_at: null }).execute();
      await tx.deleteFrom('keychain.links').execute();
      await tx.insertInto('keychain.links').values(links).execute();
    });
    await assert.rejects(l3Of(core, acme), refused('RECORD_REJECTED'));
    await assert.rejects(l3Of(await region.core(), acme), refused('RECORD_REJECTED'));
  });

  test('a damaged manifest keeps nobody else sealed', async () => {
    const region = await newRegion();
    const core = await region.core();
    await provisioned(region, core);
    core.seal('first');
    await new Governance(region).unlink(core, 1);
    await region.db
      .updateTable('keychain.tenants')
      .set({ manifest: Buffer.from('damaged') })
      .execute();
    await core.unseal();
    assert.equal(core.sealState, 'unsealed');
  });
});
