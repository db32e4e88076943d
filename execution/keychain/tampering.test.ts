/** What somebody who can write to the database, steal it, or bring the wrong seal, gets: a refusal. */
import assert from 'node:assert/strict';
import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { sql } from 'kysely';
import { parseRegionId } from '../../contracts/index.ts';
import { temporaryDirectory } from '../../testkit/directories.ts';
import { SecretBytes } from '../envelope/index.ts';
import {
  acme,
  Governance,
  HOUR_MS,
  l3Of,
  newRegion,
  orders,
  payments,
  provisioned,
  type Region,
  refused,
  rival,
  settled,
  within,
} from './fixture.test.ts';
import { createDevelopmentSeal, createKeychain, initialiseRegion } from './index.ts';

const run = (region: Region, statement: string) => sql.raw(statement).execute(region.db);
const rejected = refused('RECORD_REJECTED');

async function fullRegion() {
  const region = await newRegion();
  const core = await region.core();
  const secrets = [await provisioned(region, core), await provisioned(region, core, rival)];
  await within(region, (tx) => core.provisionService(tx, acme, orders));
  secrets.push(await l3Of(core, acme, orders));
  const cmk = new Governance(region);
  return { region, core, cmk, secrets };
}

/** Puts the value of one row into the place of another. */
async function replace(region: Region, table: string, column: string, into: string, from: string) {
  const { numAffectedRows } = await run(
    region,
    `update keychain.${table} set ${column} = (select ${column} from keychain.${table} where ${from}) where ${into}`,
  );
  assert.equal(numAffectedRows, 1n);
}

describe('swapped records', () => {
  const mine = "tenant = 'acme'";
  const theirs = "tenant = 'rival'";
  const swaps = [
    {
      what: 'an L3 of another service',
      table: 'keys',
      column: 'wrapped',
      into: `${mine} and service = 'payments'`,
      from: `${mine} and service = 'orders'`,
    },
    {
      what: 'an L3 of another tenant',
      table: 'keys',
      column: 'wrapped',
      into: `${mine} and service = 'payments'`,
      from: `${theirs} and service = 'payments'`,
    },
    {
      what: 'an L2 of another tenant',
      table: 'keys',
      column: 'wrapped',
      into: `${mine} and service = ''`,
      from: `${theirs} and service = ''`,
    },
    {
      what: 'another tenant’s regional secret',
      table: 'tenants',
      column: 'regional_secret',
      into: mine,
      from: theirs,
    },
    { what: 'another tenant’s manifest', table: 'tenants', column: 'manifest', into: mine, from: theirs },
  ];
  for (const { what, table, column, into, from } of swaps) {
    test(what, async () => {
      const { region, core } = await fullRegion();
      await replace(region, table, column, into, from);
      core.forget(acme);
      await assert.rejects(l3Of(core), rejected);
      assert.equal((await l3Of(core, rival)).length, 32, 'the other tenant is not harmed');
    });
  }

  test('any record of another region', async () => {
    const other = await newRegion('us-east-1');
    await provisioned(other, await other.core());
    for (const { table, column, where } of [
      { table: 'keys', column: 'wrapped', where: "service = 'payments'" },
      { table: 'keys', column: 'wrapped', where: "service = ''" },
      { table: 'tenants', column: 'regional_secret', where: 'true' },
      { table: 'tenants', column: 'manifest', where: 'true' },
    ]) {
      const region = await newRegion();
      const core = await region.core();
      await provisioned(region, core);
      const { rows } = await sql
        .raw<{ bytes: Buffer }>(`select ${column} as bytes from keychain.${table} where ${where}`)
        .execute(other.db);
      const target = sql.raw(`keychain.${table}`);
      await sql`update ${target} set ${sql.raw(column)} = ${rows[0]?.bytes} where ${sql.raw(where)}`.execute(
        region.db,
      );
      core.forget(acme);
      await assert.rejects(l3Of(core), rejected, `${table}.${column}`);
    }
  });
});

describe('rolled-back records', () => {
  test('an L2 wrapping from before the link was opened', async () => {
    const { region, core, cmk } = await fullRegion();
    await run(region, "create table old as select * from keychain.keys where service = ''");
    await cmk.link(core, 1);
    await run(
      region,
      `update keychain.keys k set wrapped = o.wrapped from old o
       where o.tenant = k.tenant and o.service = k.service and o.version = k.version`,
    );
    await assert.rejects(l3Of(await region.core()), rejected);
  });

  test('an L3 wrapping from before L2 was rotated', async () => {
    const { region, core } = await fullRegion();
    await run(region, "create table old as select * from keychain.keys where service <> ''");
    await within(region, (tx) => core.rotate(tx, acme, null));
    await settled(region, core);
    await run(
      region,
      `update keychain.keys k set wrapped = o.wrapped from old o
       where o.tenant = k.tenant and o.service = k.service and o.version = k.version`,
    );
    await assert.rejects(l3Of(await region.core()), rejected);
  });

  test('the link row of a closed epoch, with its lease; and the head of the link with it', async () => {
    const { region, core, cmk } = await fullRegion();
    await cmk.link(core, 1);
    await run(region, 'create table old as select * from keychain.links');
    await cmk.unlink(core, 1);
    await run(region, "delete from keychain.links where tenant = 'acme'");
    await run(region, 'insert into keychain.links select * from old');
    const restarted = await region.core();
    await assert.rejects(l3Of(restarted), refused('LINK_CLOSED'));

    await assert.rejects(run(region, 'update keychain.link_heads set closed_epoch = 0'), /never opens again/);
    await run(region, 'alter table keychain.link_heads disable trigger all');
    await run(region, 'update keychain.link_heads set closed_epoch = 0, closed_at = null');
    await assert.rejects(l3Of(restarted), rejected);
    await assert.rejects(
      within(region, (tx) => restarted.prepareLink(tx, acme, 2)),
      rejected,
    );
  });

  test('all rows of a tenant’s keys together, without the head of its link', async () => {
    const { region, core } = await fullRegion();
    await run(region, 'create table old_tenants as select * from keychain.tenants');
    await run(region, 'create table old_keys as select * from keychain.keys');
    await within(region, (tx) => core.rotate(tx, acme, payments));
    await run(region, "delete from keychain.keys where tenant = 'acme'");
    await run(
      region,
      `update keychain.tenants t set manifest = o.manifest, manifest_counter = o.manifest_counter,
         regional_secret = o.regional_secret from old_tenants o where o.tenant = t.tenant and t.tenant = 'acme'`,
    );
    await run(region, "insert into keychain.keys select * from old_keys where tenant = 'acme'");
    await assert.rejects(l3Of(await region.core()), rejected);
  });

  test('an expiry moved in the database makes the lease useless', async () => {
    const { region, core, cmk } = await fullRegion();
    await cmk.link(core, 1, undefined, HOUR_MS);
    await l3Of(core);
    await run(region, "update keychain.links set expires_at = expires_at + interval '1 day'");
    await assert.rejects(l3Of(core), rejected);
    region.clock.nowMs += 2 * HOUR_MS;
    await assert.rejects(l3Of(await region.core()), rejected);
  });
});

test('a stolen database holds no key in plain: not as bytes, hex or base64', async () => {
  const { region, core, cmk, secrets } = await fullRegion();
  await cmk.link(core, 1);
  await cmk.unlink(core, 1);
  await cmk.link(core, 2, 1);
  secrets.push(...cmk.secrets.values());
  const sealKey = Buffer.from(String(JSON.parse(await readFile(region.sealPath, 'utf8')).key), 'base64');
  assert.equal(sealKey.length, 32);
  secrets.push(sealKey);
  const dump: Buffer[] = [];
  const { rows: tables } = await sql<{ name: string }>`
    select quote_ident(schemaname) || '.' || quote_ident(tablename) as name from pg_tables
    where schemaname not in ('pg_catalog', 'information_schema')`.execute(region.db);
  assert.ok(tables.length >= 7);
  for (const { name } of tables) {
    const { rows } = await sql.raw<Record<string, unknown>>(`select * from ${name}`).execute(region.db);
    for (const value of rows.flatMap((row) => Object.values(row))) {
      dump.push(value instanceof Buffer ? value : Buffer.from(String(value)), Buffer.from('\n'));
    }
  }
  const all = Buffer.concat(dump);
  assert.ok(all.includes('OKE'), 'the scan sees the envelopes');
  for (const secret of secrets) {
    assert.equal(secret.length, 32);
    for (const form of [
      secret,
      secret.toString('hex'),
      secret.toString('base64'),
      secret.toString('base64url'),
    ]) {
      assert.equal(all.includes(form), false);
    }
  }
});

describe('the seal', () => {
  const newSeal = async (create = true) =>
    createDevelopmentSeal(join(temporaryDirectory('seal'), 'seal.key'), { create });

  test('the file is private, and says loudly what it is', async () => {
    const path = join(temporaryDirectory('seal'), 'seal.key');
    await createDevelopmentSeal(path, { create: true });
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    const text = await readFile(path, 'utf8');
    assert.match(text, /DEVELOPMENT SEAL\. NOT FOR PRODUCTION/);
    await createDevelopmentSeal(path, { create: true });
    assert.equal(await readFile(path, 'utf8'), text, 'an existing key is never replaced');

    await chmod(path, 0o644);
    await assert.rejects(createDevelopmentSeal(path), refused('SEAL_REJECTED'));
  });

  test('missing and malformed files are refused, and nothing of them is quoted', async () => {
    await assert.rejects(newSeal(false), refused('SEAL_REJECTED'));
    const path = join(temporaryDirectory('seal'), 'seal.key');
    const secret = 'c2VjcmV0c2VjcmV0';
    for (const text of [
      secret,
      `{"kind":"development-key-file","keyId":"${secret}","key":"${secret}"}`,
      '[]',
      '',
    ]) {
      await writeFile(path, text, { mode: 0o600 });
      await assert.rejects(createDevelopmentSeal(path), (error) => {
        assert.doesNotMatch(String(error), new RegExp(secret));
        return refused('SEAL_REJECTED')(error);
      });
    }
  });

  test('another seal leaves the region sealed, and says why', async () => {
    const region = await newRegion();
    const core = await region.core({ seal: await newSeal() });
    assert.equal(core.sealState, 'sealed');
    assert.equal(core.sealReason, 'SEAL_REJECTED');
    await assert.rejects(core.unseal(), refused('SEAL_REJECTED'));
    await assert.rejects(
      within(region, (tx) => core.provisionTenant(tx, acme)),
      refused('SEALED'),
    );
  });

  test('a blob sealed for another region or cluster does not open', async () => {
    const seal = await newSeal();
    const key = SecretBytes.random(32);
    const blob = await seal.sealUnsealKey(key, { cluster: 'a', region: 'eu-west-1' });
    assert.ok((await seal.openUnsealKey(blob, { cluster: 'a', region: 'eu-west-1' })).equals(key));
    for (const binding of [
      { cluster: 'a', region: 'us-east-1' },
      { cluster: 'b', region: 'eu-west-1' },
    ]) {
      await assert.rejects(seal.openUnsealKey(blob, binding), refused('SEAL_REJECTED'));
    }
  });

  test('a region is initialised once; a database of another region is refused', async () => {
    const region = await newRegion();
    const { db, seal } = region;
    const l3 = await provisioned(region, await region.core());
    assert.deepEqual(await initialiseRegion(db, { cluster: 'test', region: region.name, seal }), {
      created: false,
    });
    assert.deepEqual(await l3Of(await region.core()), l3);
    const elsewhere = { db, cluster: 'test', region: parseRegionId('us-east-1'), seal };
    await assert.rejects(initialiseRegion(db, elsewhere), refused('WRONG_REGION'));
    const core = await createKeychain({ ...elsewhere, logger: { info: () => {}, warn: () => {} } });
    assert.equal(core.sealReason, 'WRONG_REGION');
    core.close();
    await run(region, 'delete from keychain.root');
    assert.equal((await region.core()).sealReason, 'NOT_INITIALISED');
    assert.equal((await region.core()).sealState, 'sealed');
  });

  test('a root record that was altered is refused', async () => {
    const region = await newRegion();
    await run(region, "update keychain.root set wrapped_master_key = wrapped_master_key || '\\x00'");
    assert.equal((await region.core()).sealReason, 'RECORD_REJECTED');
  });
});

test('keys of one service are asked for by name only', async () => {
  const { core } = await fullRegion();
  const [mine, other] = [await l3Of(core, acme, payments), await l3Of(core, acme, orders)];
  assert.notDeepEqual(mine, other);
  assert.notDeepEqual(mine, await l3Of(core, rival, payments));
});
