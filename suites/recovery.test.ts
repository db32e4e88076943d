/**
 * A region is lost with all its machines and comes back from its backup, by the commands of docs/guide/recovering.md: the short
 * form; `npm run recovery` has as many tenants and keys as one likes.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type KmipClient, KmipError, Operation, ResultReason } from '../execution/kmip/index.ts';
import { LostRegion, NEWCOMER } from './recovery/lost-region.ts';
import { create, isDenied, roundTrip } from './support/applications.ts';
import { decoded } from './support/spellings.ts';
import { inPlain } from './support/thief.ts';

const LINKED = 2;
const KEYS_EACH = 3;
const ACME = 'tenant-0';

const isNewcomer = (tenant: string): boolean => tenant === NEWCOMER;

describe('a region that was lost', () => {
  let region: LostRegion;
  let late = '';

  const asked = async <T>(tenant: string, ask: (client: KmipClient) => Promise<T>): Promise<T> => {
    const client = region.client(tenant);
    try {
      return await ask(client);
    } finally {
      client.close();
    }
  };

  before(async () => {
    region = await LostRegion.start(LINKED, KEYS_EACH);
    assert.deepEqual(await region.faults(), []);
  });
  after(() => region?.close());

  test('is backed up by a role of its own: the owner of the tables sees no row of a tenant', async () => {
    await region.prepareBackups();
    assert.match((await region.dumpAsOwner()) ?? 'went well', /row-level security/);
    assert.ok((await region.backUp()) > 0);
  });

  test('has no key in its backup, and no link', async () => {
    const text = await region.dumpAsText();
    assert.match(text, /^COPY keychain\.link_heads /m);
    assert.doesNotMatch(text, /^COPY keychain\.links /m);
    const stolen = { wrapped: [], keys: [], values: [...decoded(Buffer.from(text))] };
    assert.deepEqual(
      inPlain(stolen, region.known).sort(),
      region.known.map(({ name }) => name).sort(),
      'the search finds what is there',
    );
    assert.deepEqual(inPlain(stolen, await region.secrets()), []);
  });

  test('serves no key from its backup as long as it is sealed', async () => {
    late = await asked(ACME, create);
    await region.lose();
    await region.restore();
    assert.deepEqual(await region.health(), { code: 503, status: 'sealed' });
    const all = region.tenants.reduce((sum, { holding }) => sum + holding.size + KEYS_EACH, 0);
    assert.equal((await region.faults()).length, all);
  });

  test('opens at once, unsealed, what needs no link, and nothing of who had linked a master key', async () => {
    await region.unseal();
    assert.deepEqual(await region.faults(isNewcomer), []);
    const refused = region.tenants
      .filter(({ name }) => !isNewcomer(name))
      .reduce((sum, { holding }) => sum + holding.size + KEYS_EACH, 0);
    const faults = await region.faults((tenant) => !isNewcomer(tenant));
    assert.equal(faults.length, refused, faults.join('\n'));
    await assert.rejects(asked(ACME, create), KmipError);
    // Governance finds them served without the link that it knows of.
    await region.closeLinks();
    assert.ok(await isDenied(() => asked(ACME, create)));
  });

  test('opens all that was encrypted before, once its tenants are linked again, and makes new keys', async () => {
    await region.linkAgain();
    assert.deepEqual(await region.faults(), []);
    for (const { name } of region.tenants)
      await asked(name, async (client) => roundTrip(client, await create(client)));
  });

  test('has lost what was made after the backup, and says so', async () => {
    await assert.rejects(
      asked(ACME, (client) => client.request(Operation.Get, { uniqueIdentifier: late })),
      (error) => error instanceof KmipError && error.resultReason === ResultReason.ItemNotFound,
    );
  });
});
