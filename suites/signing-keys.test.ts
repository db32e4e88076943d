/**
 * Signing keys of both sides are exchanged between a real CMK and real cores while tenants go on; then a thief comes with the old
 * ones. That what he sends would have been obeyed before shows that it is the retirement that stops him (D11).
 */
import assert from 'node:assert/strict';
import { createPrivateKey, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { sql } from 'kysely';
import { signsBy } from '../cli/doctor/region.ts';
import { connectTransport, type Signer, type Transport, taskChannel } from '../orbital/index.ts';
import { signMessage } from '../orbital/messages.ts';
import { type Planes, startPlanes } from './support/planes.ts';
import { until } from './support/region.ts';
import { bodyOfFrame } from './support/stolen.ts';

const TENANT = 'acme';
const WAIT_MS = 20_000;

describe('keys that sign what crosses the broker', () => {
  let planes: Planes;
  /** With the credentials of governance at the broker, which are not what protects a region. */
  let broker: Transport;
  let stolen: Signer;

  before(async () => {
    planes = await startPlanes();
    const { broker: of, orbital } = planes.world.config;
    broker = await connectTransport(of.url, { plane: 'governance' });
    stolen = { keyId: orbital.keyId, privateKey: createPrivateKey(readFileSync(orbital.signingKey)) };
    await planes.onboard(TENANT, 'payments');
    await planes.link(TENANT);
  });
  after(async () => {
    await broker?.close();
    await planes?.close();
  });

  /** A task that this key has signed, and whether the core of `eu` has done anything about it. */
  async function isObeyed(signer: Signer): Promise<boolean> {
    const taskId = randomUUID();
    const refusedBefore = await refused('UNKNOWN_KEY');
    const frame = signMessage(signer, {
      type: 'task',
      messageId: randomUUID(),
      jobId: randomUUID(),
      taskId,
      kind: 'KEY_INSPECT',
      entity: `inventory:${randomUUID()}`,
      entitySequence: Date.now(),
      target: 'eu',
      lane: 'normal',
      etag: 1,
      attempt: 1,
      payload: { tenant: TENANT },
      correlationId: 'thief',
      issuedAt: new Date().toISOString(),
    });
    await broker.publish(taskChannel('eu', 'normal'), frame);
    let obeyed: boolean | undefined;
    await until(
      'the message is judged',
      async () => {
        const { rows } = await sql`select from orbital_inbox where task_id = ${taskId}`.execute(
          planes.eu.core.db,
        );
        if (rows.length > 0) obeyed = true;
        else if ((await refused('UNKNOWN_KEY')) > refusedBefore) obeyed = false;
        return obeyed !== undefined;
      },
      WAIT_MS,
    );
    return obeyed === true;
  }

  /** How many messages of that kind the trail of `eu` tells of. */
  async function refused(code: string): Promise<number> {
    const events = await planes.eu.core.db
      .selectFrom('core.audit_events')
      .select('reason')
      .where('event', '=', 'MESSAGES_REFUSED')
      .execute();
    return events
      .map(({ reason }) => new RegExp(`^${code}: (\\d+) on`).exec(reason ?? '')?.[1])
      .reduce((sum, count) => sum + Number(count ?? 0), 0);
  }

  const stateOf = async (path: string, keyId: string): Promise<string | undefined> => {
    const { items } = await planes.world.must(200, 'GET', path);
    return items.find((key: { keyId: string }) => key.keyId === keyId)?.state;
  };

  test('governance’s key: a thief who has the old one is obeyed until it is retired, and never again', async () => {
    assert.ok(await isObeyed(stolen));
    await planes.world.must(202, 'POST', '/v1/signing-keys', { keyId: 'cmk-2' });
    await planes.onboard('meanwhile', 'payments');
    await until(
      'every core trusts the new key',
      async () => {
        return (await stateOf('/v1/signing-keys', 'cmk-2')) === 'active';
      },
      WAIT_MS,
    );
    assert.ok(await isObeyed(stolen), 'what it has signed still counts');
    await planes.world.query(`UPDATE signing_keys SET since = since - interval '1 minute'`);
    await planes.world.must(202, 'POST', '/v1/signing-keys/cmk/retire');
    await until('the old key counts for nothing', async () => !(await isObeyed(stolen)), WAIT_MS);
    await planes.onboard('afterwards', 'payments');
    await planes.rotateLink(TENANT);
  });

  test('a region’s key: made there, taken over, and its trail stands', async () => {
    await planes.world.must(202, 'POST', '/v1/regions/eu/keys', { keyId: 'eu-2' });
    await until(
      'the region signs by it',
      async () => {
        const { items } = await planes.world.must(200, 'GET', '/v1/regions/eu/keys');
        return items.some(
          (key: { keyId: string; heardAt: string | null }) => key.keyId === 'eu-2' && key.heardAt,
        );
      },
      WAIT_MS,
    );
    await planes.world.query(`UPDATE region_keys SET heard_at = heard_at - interval '1 minute'`);
    await planes.world.must(200, 'POST', '/v1/regions/eu/keys/region%3Aeu/retire');
    // The configuration still names the first one, which counts for nothing now.
    const { config } = planes.eu;
    const core = { kind: 'core', name: 'core', file: 'core.json', isDevelopment: false, config } as const;
    assert.equal((await signsBy(core))?.keyId, 'eu-2');
    await planes.onboard('with-the-new-key', 'payments');
    await planes.unlink(TENANT);
    const { regions } = await planes.world.must(200, 'GET', '/v1/audit/regions');
    for (const { region, fault } of regions) assert.equal(fault, null, region);
  });

  test('a task that was recorded and comes again is refused as that, and the trail tells', async () => {
    const recorded = planes.recording.frames.findLast((frame) => {
      const { kind, target } = bodyOfFrame(frame);
      return kind === 'UNLINK' && target === 'eu';
    });
    assert.ok(recorded);
    const before = await refused('REPLAYED');
    await broker.publish(taskChannel('eu', 'urgent'), recorded);
    await until('it is in the trail', async () => (await refused('REPLAYED')) > before, WAIT_MS);
  });

  test('each step of both rotations is in the trail', async () => {
    const { steps } = await planes.eu.core.db
      .selectFrom('core.audit_events')
      .select((eb) => eb.fn.countAll<string>().as('steps'))
      .where('event', 'in', ['GOVERNANCE_KEYS_TRUSTED', 'SIGNING_KEY_MADE', 'SIGNING_KEY_USED'])
      .executeTakeFirstOrThrow();
    assert.ok(Number(steps) >= 4);
  });
});
