/** Rotating links through the public doors: by operators, by switching keys and by schedule; and what wins over it. */
import assert from 'node:assert/strict';
import { rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { JobKind, TaskErrorCode } from '../../contracts/index.ts';
import type { HandlerOutcome } from '../../orbital/index.ts';
import { testWorld } from '../../testkit/governance.ts';
import { createKeystoreRegistry, type KeystoreRegistry } from '../keystores/registry.ts';
import type { TestRegion } from '../test-region.ts';
import { SECOND_TOKEN, until, type World } from '../test-world.ts';

const HOUR_S = 3_600;

/** These tests wait for what comes of a probe, and for what is looked for as often. */
const PROMPT = { probeEveryMs: 1_000 };
let world: World;
let north: TestRegion;

/** The keystore as CMK sees it; a test can make it hang where it makes a secret. */
const real = createKeystoreRegistry();
let beforeDataKey: (() => Promise<void>) | undefined;
const keystores: KeystoreRegistry = (record) => {
  const provider = real(record);
  return {
    ...provider,
    generateDataKey: async (reference) => {
      await beforeDataKey?.();
      return await provider.generateDataKey(reference);
    },
  };
};

before(async () => {
  world = await testWorld({ regions: ['north', 'south'], link: PROMPT, deps: { keystores } });
  const [first] = world.regions;
  assert.ok(first);
  north = first;
});
after(() => world.close());

const stands = (region: TestRegion, tenant: string) => region.tenants.get(tenant)?.standsOn;
const linksOf = (tenant: string) => world.must(200, 'GET', `/v1/tenants/${tenant}/links`);
const rotate = (tenant: string) => world.call('POST', `/v1/tenants/${tenant}/link/rotate`, {});
const asBob = { authorization: `Bearer ${SECOND_TOKEN}` };

async function linked(tenant: string, policy?: string): Promise<void> {
  await world.onboard(tenant, policy);
  const { proposal } = await world.must(202, 'POST', `/v1/tenants/${tenant}/link`, { key: 'main' });
  if (proposal.state === 'pending')
    await world.call('POST', `/v1/tenants/${tenant}/proposals/${proposal.id}/approve`, undefined, asBob);
  await world.linked(tenant, 'active');
}

/** Answers such jobs of one tenant with a refusal instead of, or after, doing them. */
const refusing =
  (tenant: string, wanted: JobKind, code: TaskErrorCode, retryable: boolean) =>
  (kind: JobKind, payload: unknown): HandlerOutcome | undefined =>
    kind === wanted && (payload as { tenant?: string }).tenant === tenant
      ? { failed: { code, message: code, retryable } }
      : undefined;

const events = async (tenant: string, action: string) => {
  const { items } = await world.must(200, 'GET', `/v1/audit?tenant=${tenant}&limit=200`);
  return items.filter((each: { action: string }) => each.action === action);
};

test('a rotation opens the next epoch under the same key with a fresh secret, and the older one lives until then', async () => {
  await linked('acme');
  const [first, { expiresAt }] = [stands(north, 'acme')?.secret, (await linksOf('acme')).regions[0]];
  north.interfere = refusing('acme', 'ROTATE_LINK', 'UNAVAILABLE', true);
  const answer = await world.call(
    'POST',
    '/v1/tenants/acme/link/rotate',
    { reason: 'yearly' },
    { 'x-correlation-id': 'yearly-7' },
  );
  assert.equal(answer.status, 202);
  assert.deepEqual(
    [answer.body.proposal.action, answer.body.proposal.state, answer.body.proposal.parameters],
    ['rotate-link', 'executed', { reason: 'yearly' }],
  );
  assert.deepEqual(
    answer.body.proposal.jobs.map(({ region }: { region: string }) => region),
    ['north', 'south'],
  );
  const during = await until('north is asked to rotate', async () => {
    const links = await linksOf('acme');
    return links.regions[0].rotation?.state === 'linking' ? links : undefined;
  });
  assert.equal(during.state, 'rotating');
  const [there] = during.regions;
  assert.deepEqual([there.epoch, there.state, there.expiresAt], [1, 'rotating', expiresAt]);
  assert.deepEqual([there.rotation.epoch, there.rotation.key], [2, 'main']);
  assert.match(there.rotation.waitsFor, /north to open epoch 2/);
  assert.equal((await rotate('acme')).body.code, 'LINK_BUSY');
  const cancelled = await world.call('POST', `/v1/jobs/${there.rotation.job}/cancel`);
  assert.equal(cancelled.body.code, 'JOB_NOT_CANCELLABLE');
  // A renewal would stand behind the rotation, and come too late for its epoch: none is made.
  await world.query(`UPDATE links SET renew_at = now() WHERE tenant = 'acme' AND region = 'north'`);
  await delay(300);

  north.interfere = undefined;
  const links = await world.linked('acme', 'active');
  for (const link of links.regions)
    assert.deepEqual(
      [link.epoch, link.openedBy, link.key, link.rotation, link.correlationId],
      [2, 'rotate', 'main', null, 'yearly-7'],
    );
  assert.equal(stands(north, 'acme')?.epoch, 2);
  assert.notEqual(stands(north, 'acme')?.secret, first);
  const rows = await world.query(`SELECT state, reason FROM links WHERE tenant = 'acme' AND epoch = 1`);
  for (const row of rows) assert.deepEqual(row, { state: 'closed', reason: 'epoch 2 took its place' });

  // The older secret went nowhere, and nobody unlinked.
  const jobs = await world.query(
    `SELECT t.kind, t.payload::jsonb ? 'previous' AS carried, t.correlation_id AS id FROM orbital_tasks t
      WHERE entity = 'link:acme@north' ORDER BY entity_sequence`,
  );
  assert.deepEqual(
    jobs.map(({ kind }) => kind),
    ['LINK_PREPARE', 'LINK', 'LINK_PREPARE', 'ROTATE_LINK'],
  );
  assert.deepEqual([jobs[3]?.['carried'], jobs[3]?.['id']], [false, 'yearly-7']);
  const [started] = await events('acme', 'link.rotate');
  assert.deepEqual(
    [started.actor, started.correlationId, started.detail.reason],
    ['ada', 'yearly-7', 'yearly'],
  );
});

test('a rotation is refused where nothing lives that could be rotated', async () => {
  await world.onboard('unlinked');
  assert.deepEqual(
    [(await rotate('unlinked')).status, (await rotate('unlinked')).body.code],
    [409, 'NOT_LINKED'],
  );
  assert.equal((await rotate('nobody')).body.code, 'TENANT_UNKNOWN');
  await linked('late');
  await world.query(`UPDATE links SET expires_at = now() WHERE tenant = 'late'`);
  assert.equal((await linksOf('late')).state, 'expired');
  assert.equal((await rotate('late')).body.code, 'NOT_LINKED');
  await world.must(202, 'POST', '/v1/tenants/late/unlink', { reason: 'over' });
  await world.linked('late', 'closed');
  assert.equal((await rotate('late')).body.code, 'NOT_LINKED');
});

for (const [when, code] of [
  ['the region makes the key pair', 'LINK_PREPARE'],
  ['the keystore makes the secret', undefined],
  ['the region opens the epoch', 'ROTATE_LINK'],
] as const)
  test(`UNLINK wins over a rotation while ${when}`, async () => {
    const tenant = `beaten-${code?.toLowerCase().replaceAll('_', '-') ?? 'sealing'}`;
    await linked(tenant);
    const held = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    for (const region of world.regions)
      if (code !== undefined) region.interfere = refusing(tenant, code, 'UNAVAILABLE', true);
    if (code === undefined)
      beforeDataKey = async () => {
        reached.resolve();
        await held.promise;
      };
    await world.must(202, 'POST', `/v1/tenants/${tenant}/link/rotate`, {});
    if (code === undefined) await reached.promise;
    else
      await until('the region was asked', async () => {
        const rows = await world.query(
          `SELECT state FROM orbital_tasks WHERE kind = $1 AND entity = $2 AND failures > 0`,
          [code, `link:${tenant}@north`],
        );
        return rows.length > 0;
      });
    await world.must(202, 'POST', `/v1/tenants/${tenant}/unlink`, { reason: 'now' });
    beforeDataKey = undefined;
    held.resolve();
    for (const region of world.regions) region.interfere = undefined;
    const closed = await world.linked(tenant, 'closed');
    assert.deepEqual([closed.regions[0].epoch, closed.regions[0].rotation], [2, null]);
    await until('nothing is left to do', async () => {
      const live = await world.query(
        `SELECT id FROM orbital_tasks WHERE entity LIKE $1 AND state IN ('pending', 'processing')`,
        [`link:${tenant}@%`],
      );
      return live.length === 0;
    });
    for (const region of world.regions) assert.equal(region.tenants.get(tenant)?.open, 0);
    const rows = await world.query(`SELECT DISTINCT state FROM links WHERE tenant = $1`, [tenant]);
    assert.deepEqual(rows, [{ state: 'closed' }]);
    const sent = await world.query(`SELECT id FROM orbital_jobs WHERE kind = 'ROTATE_LINK' AND entity = $1`, [
      `link:${tenant}@north`,
    ]);
    assert.equal(sent.length, code === 'ROTATE_LINK' ? 1 : 0);
  });

test('UNLINK wins over a rotation that the region has done and whose answer is lost', async () => {
  await linked('lost');
  for (const region of world.regions)
    region.answerInstead = refusing('lost', 'ROTATE_LINK', 'UNAVAILABLE', true);
  await world.must(202, 'POST', '/v1/tenants/lost/link/rotate', {});
  await until('both have gone on', async () =>
    world.regions.every((region) => region.tenants.get('lost')?.open === 2),
  );
  await world.must(202, 'POST', '/v1/tenants/lost/unlink', { reason: 'now' });
  await world.linked('lost', 'closed');
  for (const region of world.regions) {
    region.answerInstead = undefined;
    assert.deepEqual([region.tenants.get('lost')?.open, region.tenants.get('lost')?.closed], [0, 2]);
  }
  // Linking again finds the secret that the region went on to.
  await world.must(202, 'POST', '/v1/tenants/lost/link', { key: 'main' });
  await world.linked('lost', 'active');
});

for (const code of ['SECRET_REJECTED', 'LINK_EXPIRED'] as const)
  test(`a rotation that ends in ${code} leaves the older epoch active, and it goes on being renewed`, async () => {
    const tenant = `refused-${code.toLowerCase().replaceAll('_', '-')}`;
    await linked(tenant);
    north.interfere = refusing(tenant, 'ROTATE_LINK', code, false);
    await world.must(202, 'POST', `/v1/tenants/${tenant}/link/rotate`, {});
    const [before] = (await linksOf(tenant)).regions;
    const failed = await until('it has failed in north', async () => {
      const links = await linksOf(tenant);
      return links.regions[0].rotation?.state === 'failed' && links.state === 'active' ? links : undefined;
    });
    const [there, elsewhere] = failed.regions;
    assert.deepEqual([there.epoch, there.state, there.rotation.error], [1, 'active', code]);
    assert.deepEqual([elsewhere.epoch, elsewhere.state], [2, 'active']);
    assert.equal(stands(north, tenant)?.epoch, 1);
    // What was held back by the rotation comes at once.
    await until(
      'north is renewed',
      async () => (await linksOf(tenant)).regions[0].expiresAt > before.expiresAt,
    );
    const [event] = await events(tenant, 'link.failed');
    assert.deepEqual([event.outcome, event.detail.error], ['failed', code]);
    north.interfere = undefined;
    const again = await world.call('POST', `/v1/tenants/${tenant}/link`, { key: 'main' });
    assert.equal(again.body.code, 'ALREADY_LINKED');
    await world.must(202, 'POST', `/v1/tenants/${tenant}/link/rotate`, {});
    await until('north has gone on', async () => {
      const seen = await linksOf(tenant);
      return seen.state === 'active' && seen.regions[0].epoch === 3;
    });
    assert.equal(stands(north, tenant)?.epoch, 3);
  });

for (const [how, code] of [
  ['finally', 'LINK_CLOSED'],
  ['until the deadline', 'DEADLINE'],
] as const)
  test(`a region that has lost the link and says so ${how} cannot rotate it, and may be linked again alone`, async () => {
    const tenant = `restored-${code.toLowerCase().replaceAll('_', '-')}`;
    await linked(tenant);
    const there = north.tenants.get(tenant);
    assert.ok(there);
    [there.open, there.closed] = [0, 1];
    if (code === 'LINK_CLOSED') north.interfere = refusing(tenant, 'ROTATE_LINK', code, false);
    await world.must(202, 'POST', `/v1/tenants/${tenant}/link/rotate`, {});
    if (code === 'DEADLINE')
      await until('north has said LINK_CLOSED', async () => {
        const rows = await world.query(
          `UPDATE orbital_tasks SET deadline_at = now()
            WHERE entity = $1 AND kind = 'ROTATE_LINK' AND error::jsonb->>'code' = 'LINK_CLOSED' RETURNING id`,
          [`link:${tenant}@north`],
        );
        return rows.length > 0;
      });
    await until('north has said that it has nothing', async () => {
      const [link] = (await linksOf(tenant)).regions;
      return link.rotation?.error === code && link.error === 'EPOCH_CLOSED';
    });
    north.interfere = undefined;
    assert.equal((await linksOf(tenant)).regions[0].rotation.epoch, 2);
    await until('south is done', async () => (await linksOf(tenant)).regions[1].epoch === 2);
    await world.must(202, 'POST', `/v1/tenants/${tenant}/link`, { key: 'main' });
    const links = await until('north is linked', async () => {
      const seen = await linksOf(tenant);
      return seen.state === 'active' && seen.regions[0].epoch === 3 ? seen : undefined;
    });
    assert.deepEqual(
      links.regions.map(({ epoch, openedBy }: { epoch: number; openedBy: string }) => [epoch, openedBy]),
      [
        [3, 'link'],
        [2, 'rotate'],
      ],
    );
    assert.equal(there.open, 3);
  });

test('a rotation that was done too late to be heard of is asked for once more when its older epoch turns out closed', async () => {
  await linked('unheard');
  north.answerInstead = refusing('unheard', 'ROTATE_LINK', 'UNAVAILABLE', true);
  await world.must(202, 'POST', '/v1/tenants/unheard/link/rotate', {});
  await until('north has gone on', async () => north.tenants.get('unheard')?.open === 2);
  await until('CMK has heard a refusal', async () => {
    const rows = await world.query(
      `UPDATE orbital_tasks SET deadline_at = now()
        WHERE entity = 'link:unheard@north' AND kind = 'ROTATE_LINK' AND failures > 0 RETURNING id`,
    );
    return rows.length > 0;
  });
  await until('it has failed', async () => (await events('unheard', 'link.failed')).length > 0);
  north.answerInstead = undefined;
  const links = await until('CMK has caught up', async () => {
    const seen = await linksOf('unheard');
    return seen.state === 'active' && seen.regions[0].epoch === 2 ? seen : undefined;
  });
  assert.equal(links.regions[0].rotation, null);
  const [event] = (await events('unheard', 'link.renewed')).filter(
    (each: { outcome: string }) => each.outcome === 'failed',
  );
  assert.deepEqual(event.detail, { error: 'EPOCH_CLOSED', askedAgain: 2 });
});

test('a rotation that a region cannot do is over long before the older epoch expires', async () => {
  const deadlines = await world.query(
    `SELECT kind, deadline_ms::int / 1000 AS seconds FROM orbital_jobs
      WHERE entity = 'link:unheard@north' AND kind <> 'RENEW' ORDER BY position`,
  );
  assert.deepEqual(
    deadlines.map(({ kind, seconds }) => [kind, Number(seconds) / HOUR_S]),
    [
      ['LINK_PREPARE', 24],
      ['LINK', 24],
      ['LINK_PREPARE', 1],
      ['ROTATE_LINK', 1],
    ],
  );
});

test('switching a living link to another key asks nothing of the old one', async () => {
  await linked('switcher');
  await world.must(201, 'POST', '/v1/keystores', {
    name: 'other',
    kind: 'software',
    config: { path: join(dirname(world.keystorePath), 'other.json') },
  });
  await world.must(201, 'POST', '/v1/tenants/switcher/keys', {
    keystore: 'other',
    alias: 'second',
    create: true,
  });
  await rename(world.keystorePath, `${world.keystorePath}.away`);
  try {
    await world.must(202, 'POST', '/v1/tenants/switcher/link', { key: 'second' });
    const links = await until('both are switched', async () => {
      const seen = await linksOf('switcher');
      return seen.state === 'active' && seen.regions.every(({ epoch }: { epoch: number }) => epoch === 2)
        ? seen
        : undefined;
    });
    assert.deepEqual([links.regions[0].key, links.regions[0].openedBy], ['second', 'rotate']);
  } finally {
    await rename(`${world.keystorePath}.away`, world.keystorePath);
  }
});

test('a link that has expired is switched by LINK, which brings it back', async () => {
  await linked('sleeper');
  await world.must(201, 'POST', '/v1/tenants/sleeper/keys', {
    keystore: 'soft',
    alias: 'second',
    create: true,
  });
  await world.query(`UPDATE links SET expires_at = now() WHERE tenant = 'sleeper'`);
  await world.must(202, 'POST', '/v1/tenants/sleeper/link', { key: 'second' });
  await until('both are open again', async () => {
    const links = await linksOf('sleeper');
    return links.state === 'active' && links.regions.every(({ epoch }: { epoch: number }) => epoch === 2);
  });
  assert.equal((await linksOf('sleeper')).regions[0].openedBy, 'link');
});

test('a schedule rotates by itself, early by chance and never late, but not under a key that cannot be used', async () => {
  await world.must(202, 'POST', '/v1/tenants', { id: 'weekly', rotateLinkAfterSeconds: 7 * 24 * HOUR_S });
  await until(
    'weekly is there',
    async () => (await world.must(200, 'GET', '/v1/tenants/weekly')).state === 'active',
  );
  assert.equal((await world.must(200, 'GET', '/v1/tenants/weekly')).rotateLinkAfterSeconds, 7 * 24 * HOUR_S);
  await world.must(201, 'POST', '/v1/tenants/weekly/keys', { keystore: 'soft', alias: 'main', create: true });
  await world.must(202, 'POST', '/v1/tenants/weekly/link', { key: 'main' });
  const links = await world.linked('weekly', 'active');
  const dueAfterS = links.regions.map(
    (link: { rotateAt: string; activatedAt: string }) =>
      (Date.parse(link.rotateAt) - Date.parse(link.activatedAt)) / 1000,
  );
  for (const seconds of dueAfterS)
    assert.ok(seconds > 6.2 * 24 * HOUR_S && seconds <= 7 * 24 * HOUR_S, `${seconds}`);
  assert.notEqual(dueAfterS[0], dueAfterS[1]);

  await rename(world.keystorePath, `${world.keystorePath}.away`);
  try {
    const due = new Date(Date.now() - 1000).toISOString();
    await world.query(`UPDATE links SET rotate_at = $1 WHERE tenant = 'weekly' AND region = 'north'`, [due]);
    await until('it has been put off', async () => (await linksOf('weekly')).regions[0].rotateAt !== due);
    await delay(300);
    const [there] = (await linksOf('weekly')).regions;
    assert.deepEqual([there.epoch, there.state], [1, 'active']);
  } finally {
    await rename(`${world.keystorePath}.away`, world.keystorePath);
  }
  const rotated = await until('north is rotated', async () => {
    const seen = await linksOf('weekly');
    return seen.state === 'active' && seen.regions[0].epoch === 2 ? seen : undefined;
  });
  assert.equal(rotated.regions[1].epoch, 1);
  assert.ok(Date.parse(rotated.regions[0].rotateAt) > Date.now() + 6 * 24 * HOUR_S * 1000);
  assert.equal((await events('weekly', 'link.rotate'))[0].actor, 'system:link-upkeep');
});

test('a scheduled rotation that fails is tried again later, not at once', async () => {
  north.interfere = refusing('weekly', 'ROTATE_LINK', 'SECRET_REJECTED', false);
  await world.query(
    `UPDATE links SET rotate_at = now() WHERE tenant = 'weekly' AND region = 'north' AND state = 'active'`,
  );
  const links = await until('it has failed', async () => {
    const seen = await linksOf('weekly');
    return seen.regions[0].rotation?.state === 'failed' ? seen : undefined;
  });
  north.interfere = undefined;
  const waitS = (Date.parse(links.regions[0].rotateAt) - Date.now()) / 1000;
  assert.ok(waitS > 0.9 * HOUR_S && waitS < 1.2 * HOUR_S, `${waitS}`);
});

test('the schedule can be changed for links that live; under four eyes a longer one takes two', async () => {
  await linked('careful', 'four-eyes');
  const put = (rotateAfterSeconds: number | null) =>
    world.must(202, 'PUT', '/v1/tenants/careful/link/rotation-policy', { rotateAfterSeconds });
  const shown = async () => [
    (await world.must(200, 'GET', '/v1/tenants/careful/rotation-policy')).link.rotateAfterSeconds,
    (await linksOf('careful')).regions[0].rotateAt !== null,
  ];
  assert.deepEqual(await shown(), [null, false]);
  const first = await put(48 * HOUR_S);
  assert.deepEqual([first.proposal.state, first.proposal.policy], ['executed', 'protects-no-less']);
  assert.deepEqual(await shown(), [48 * HOUR_S, true]);
  assert.equal((await put(24 * HOUR_S)).proposal.state, 'executed');
  for (const longer of [25 * HOUR_S, null]) {
    const { proposal } = await put(longer);
    assert.deepEqual([proposal.state, proposal.policy, proposal.quorum], ['pending', 'four-eyes', 2]);
    assert.deepEqual(await shown(), [24 * HOUR_S, true]);
    if (longer !== null) continue;
    const path = `/v1/tenants/careful/proposals/${proposal.id}/approve`;
    assert.equal((await world.call('POST', path)).body.code, 'FOUR_EYES');
    assert.equal((await world.call('POST', path, undefined, asBob)).body.proposal.state, 'executed');
  }
  assert.deepEqual(await shown(), [null, false]);
  const short = await world.call('PUT', '/v1/tenants/careful/link/rotation-policy', {
    rotateAfterSeconds: HOUR_S - 1,
  });
  assert.equal(short.body.code, 'INVALID_REQUEST');
});

test('under four eyes a rotation waits for a second operator, and is not put before them in vain', async () => {
  const { proposal } = await world.must(202, 'POST', '/v1/tenants/careful/link/rotate', {});
  assert.equal(proposal.state, 'pending');
  assert.equal((await linksOf('careful')).state, 'active');
  const path = `/v1/tenants/careful/proposals/${proposal.id}/approve`;
  const approved = await world.call('POST', path, undefined, asBob);
  assert.equal(approved.body.proposal.jobs.length, 2);
  await until('it is rotated', async () => {
    const links = await linksOf('careful');
    return links.state === 'active' && links.regions[0].epoch === 2;
  });
  await world.onboard('vain', 'four-eyes');
  assert.equal((await rotate('vain')).body.code, 'NOT_LINKED');
  assert.deepEqual((await world.must(200, 'GET', '/v1/tenants/vain/proposals')).items, []);
});

test('a key that its provider has disabled is not rotated under', async () => {
  await linked('disabled');
  const { items } = await world.must(200, 'GET', '/v1/tenants/disabled/keys');
  await world.keystore.setState(items[0].reference, 'disabled');
  const answer = await rotate('disabled');
  // The kill switch may have been faster: then there is no link left.
  assert.ok(['KEY_NOT_USABLE', 'NOT_LINKED'].includes(answer.body.code), answer.body.code);
  await world.linked('disabled', 'closed');
});

test('every audit chain verifies', async () => {
  for (const tenant of ['acme', 'lost', 'unheard', 'weekly', 'careful'])
    assert.equal((await world.must(200, 'GET', `/v1/audit/verify?tenant=${tenant}`)).ok, true, tenant);
});
