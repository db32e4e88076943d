/** The audit log over REST, what is sent to an OTLP endpoint, and what regions say of their trails. */
import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { isSignedBy } from '../../platform/chain-checkpoints.ts';
import { withClient } from '../../platform/postgres-admin.ts';
import { waitedMs } from '../../testkit/clocks.ts';
import { temporaryDirectory } from '../../testkit/directories.ts';
import { testWorld } from '../../testkit/governance.ts';
import type { TestRegion } from '../test-region.ts';
import { type Answer, TOKEN, until, type World } from '../test-world.ts';
import { checkpointFile, readCheckpoint } from './keep.ts';

const CREDENTIAL = 'the-credential-of-the-collector';
const directory = temporaryDirectory('audit-checkpoints');
const collector = new (class {
  readonly seen: { chain: string; sequence: number; action: string }[] = [];
  readonly failures: [number, Record<string, string>][] = [];
  refusals = 0;
  rejected = 0;
  authorized = true;
  server: Server | undefined;

  /** Keeps what it takes; answers with `failures` first. */
  async start(): Promise<string> {
    this.server = createServer((request, response) => {
      this.#take(request, response).catch(() => response.destroy());
    });
    await new Promise<void>((resolve) => this.server?.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/v1/logs`;
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = JSON.parse(await text(request));
    this.authorized &&= request.headers['x-api-key'] === CREDENTIAL;
    const failure = this.failures.shift();
    if (failure !== undefined) {
      this.refusals++;
      response.writeHead(...failure).end();
      return;
    }
    for (const { attributes } of body.resourceLogs[0].scopeLogs[0].logRecords) {
      const value = (key: string) =>
        Object.values(attributes.find((a: { key: string }) => a.key === key).value)[0];
      this.seen.push({
        chain: String(value('okcm.audit.chain')),
        sequence: Number(value('okcm.audit.sequence')),
        action: String(value('okcm.audit.action')),
      });
    }
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ partialSuccess: { rejectedLogRecords: String(this.rejected) } }));
  }
})();

let world: World;
let region: TestRegion;

before(async () => {
  collector.failures.push([503, { 'retry-after': '1' }]);
  const url = await collector.start();
  world = await testWorld({
    regions: ['north'],
    audit: {
      checkpointEveryMs: 100,
      checkpointDirectory: directory,
      otlp: { url, headers: { 'x-api-key': CREDENTIAL }, everyMs: 50 },
    },
  });
  const [north] = world.regions;
  assert.ok(north);
  region = north;
  await world.onboard('acme');
  for (const name of ['payments', 'mail', 'search'])
    await world.must(202, 'POST', '/v1/tenants/acme/services', { name });
  await world.call('POST', '/v1/tenants/acme/unlink', { reason: 'x' }, { 'x-correlation-id': 'case-7' });
  // What a region answers is an event, too: none is to come while the chain is read.
  await until('the services are there', async () => {
    const { items } = await world.must(200, 'GET', '/v1/tenants/acme/services');
    return items.every(({ state }: { state: string }) => state === 'active');
  });
});
after(async () => {
  await world.close();
  collector.server?.close();
});

const newest = async (query: string) => (await world.must(200, 'GET', `/v1/audit?${query}`)).items;
async function exported(query: string): Promise<{ text: string; headers: Headers }> {
  const response = await fetch(`${world.url()}/v1/audit/export?${query}`, {
    headers: { authorization: `Bearer ${TOKEN}` },
  });
  assert.equal(response.status, 200, query);
  return { text: await response.text(), headers: response.headers };
}

describe('reading', () => {
  test('says from where it was asked for, and which region has answered', async () => {
    const [refused] = await newest('tenant=acme&outcome=refused');
    assert.deepEqual([refused.actor, refused.origin], ['ada', '127.0.0.1']);
    const events = await newest('tenant=acme&limit=200');
    const own = events.filter(({ actor }: { actor: string }) => actor.startsWith('region:'));
    assert.ok(own.length > 0);
    for (const { origin } of own) assert.equal(origin, 'region:north');
  });

  test('filters, and goes on within what is filtered', async () => {
    const [only, ...others] = await newest('tenant=acme&correlationId=case-7');
    assert.deepEqual([only.action, others], ['unlink.propose', []]);
    const page = await world.must(200, 'GET', '/v1/audit?tenant=acme&action=service.add&limit=2');
    const next = await world.must(
      200,
      'GET',
      `/v1/audit?tenant=acme&action=service.add&limit=2&cursor=${page.next}`,
    );
    assert.deepEqual([page.items.length, next.items.length, next.next], [2, 1, undefined]);
    const at = page.items[1].at;
    assert.equal((await newest(`tenant=acme&action=service.add&since=${at}`)).length, 2);
    assert.equal((await newest(`tenant=acme&action=service.add&until=${at}`)).length, 1);
    assert.equal((await newest(`tenant=acme&actor=bob`)).length, 0);
    for (const query of ['since=yesterday', 'since=2031-13-01T00:00:00Z', 'outcome=perhaps'])
      assert.equal((await world.call('GET', `/v1/audit?${query}`)).body.code, 'INVALID_REQUEST', query);
  });
});

describe('exporting', () => {
  test('goes on behind the last event, and ends', async () => {
    const all = (await exported('tenant=acme&format=jsonl')).text;
    let parts = '';
    let after = '0';
    for (let more = true; more; ) {
      const part = await exported(`tenant=acme&format=jsonl&limit=3&after=${after}`);
      parts += part.text;
      after = part.headers.get('x-okcm-audit-last') ?? '';
      more = part.headers.get('x-okcm-audit-more') === 'true';
    }
    assert.equal(parts, all);
    const lines = all.trim().split('\n');
    const last = JSON.parse(lines.at(-1) ?? '');
    assert.equal(last.sequence, lines.length);
    const { headers, text: none } = await exported(`tenant=acme&format=jsonl&after=${lines.length}`);
    assert.deepEqual([none, headers.get('x-okcm-audit-head')], ['', `${last.sequence} ${last.hash}`]);
  });

  test('answers each format as what it is; a head is written once', async () => {
    for (const [format, type, beginning] of [
      ['jsonl', 'application/x-ndjson; charset=utf-8', '{"chain":"acme","sequence":1,'],
      ['csv', 'text/csv; charset=utf-8', 'chain,sequence,at,'],
      ['ocsf', 'application/x-ndjson; charset=utf-8', '{"category_uid":6,'],
      ['cef', 'text/plain; charset=utf-8', 'CEF:0|OpenKCM|CMK|1|tenant.provision|'],
    ] as const) {
      const { text: first, headers } = await exported(`tenant=acme&format=${format}&limit=1`);
      assert.equal(headers.get('content-type'), type);
      assert.ok(first.startsWith(beginning), first);
      const { text: second } = await exported(`tenant=acme&format=${format}&limit=1&after=1`);
      assert.equal(second.split('\n').length, 2);
    }
    const unknown = await world.call('GET', '/v1/audit/export?format=pdf');
    assert.equal(unknown.body.code, 'INVALID_REQUEST');
  });
});

describe('checkpoints', () => {
  test('are signed by themselves, kept as files, and verify with the key that is told', async () => {
    const { keyId } = world.config.orbital;
    const { items } = await world.must(200, 'GET', '/v1/audit/keys');
    const key = items.find((each: { keyId: string }) => each.keyId === keyId);
    const checkpoint = await until('acme is signed', async () => {
      const page = await world.must(200, 'GET', '/v1/audit/checkpoints?tenant=acme&limit=1');
      return page.items[0];
    });
    assert.ok(isSignedBy(checkpoint, createPublicKey(key.publicKey)));
    assert.equal(checkpoint.log, 'cmk/test');
    await until('the file is there', () => readCheckpoint(checkpointFile(directory, 'acme')));
  });

  test('are signed when asked for, over the event that tells who asked', async () => {
    const checkpoint = await world.must(201, 'POST', '/v1/audit/checkpoints?tenant=acme');
    const [asked] = await newest('tenant=acme&limit=1');
    assert.deepEqual([asked.action, asked.sequence], ['audit.checkpoint', checkpoint.sequence]);
    assert.equal(asked.hash, checkpoint.hash);
    const { ok, complete, events, head } = await world.must(200, 'GET', '/v1/audit/verify?tenant=acme');
    assert.deepEqual(
      { ok, complete, events, head },
      {
        ok: true,
        complete: true,
        events: checkpoint.sequence,
        head: checkpoint.hash,
      },
    );
    const nobody = await world.call('POST', '/v1/audit/checkpoints?tenant=nobody');
    assert.equal(nobody.body.code, 'TENANT_UNKNOWN');
    const half = await world.call('GET', '/v1/audit/verify?tenant=acme&after=3');
    assert.equal(half.body.code, 'INVALID_REQUEST');
  });
});

describe('an OTLP endpoint', () => {
  test('gets every event of every chain in order, also what it refused at first', async () => {
    const chains = ['_platform', 'acme'];
    const heads = new Map<string, number>();
    for (const chain of chains) {
      const query = chain === '_platform' ? '' : `tenant=${chain}&`;
      heads.set(chain, (await newest(`${query}limit=1`))[0].sequence);
    }
    const sequences = (chain: string) =>
      collector.seen.filter((each) => each.chain === chain).map(({ sequence }) => sequence);
    await until('all is there', async () =>
      chains.every((chain) => (sequences(chain).at(-1) ?? 0) >= (heads.get(chain) ?? 0)),
    );
    assert.ok(collector.refusals > 0, 'it has refused');
    assert.ok(collector.authorized);
    for (const chain of chains)
      assert.deepEqual(
        sequences(chain),
        sequences(chain).map((_, index) => index + 1),
      );
  });

  test('is gone on with after a restart, where it was', async () => {
    const before = collector.seen.length;
    await world.restart();
    await world.must(202, 'POST', '/v1/tenants/acme/services', { name: 'after-restart' });
    await until('the new event is there', async () =>
      collector.seen.slice(before).some(({ action }) => action === 'service.add'),
    );
    const keys = collector.seen.map(({ chain, sequence }) => `${chain}/${sequence}`);
    assert.equal(new Set(keys).size, keys.length, 'nothing came twice');
  });

  test('that rejects events for good does not hold up the others', async () => {
    collector.rejected = 1;
    await world.must(202, 'POST', '/v1/tenants/acme/services', { name: 'rejected' });
    await world.must(202, 'POST', '/v1/tenants/acme/services', { name: 'taken' });
    const { sequence } = (await newest('tenant=acme&limit=1'))[0];
    await until('it has gone on', async () =>
      collector.seen.some((each) => each.chain === 'acme' && each.sequence >= sequence),
    );
  });
});

describe('regions', () => {
  const trails = async (query = '') => await world.must(200, 'GET', `/v1/audit/regions${query}`);
  const hash = (digit: string): string => digit.repeat(64);
  const lastAt = '2031-01-01T00:00:00.000Z';

  test('tell how many events there were, of whom, and nothing of what they say', async () => {
    const count = { class: 'operation', outcome: 'refused', lastAt } as const;
    await region.report({
      audit: region.signTrail(10, hash('a')),
      auditCounts: [
        { ...count, events: 4 },
        { ...count, tenant: 'acme', events: 3 },
        { ...count, tenant: 'stranger', events: 2 },
      ],
    });
    await until('it is heard', async () => (await trails('?tenant=acme')).counts.length === 1);
    const told = { region: 'north', ...count };
    assert.deepEqual((await trails('?tenant=acme')).counts, [{ ...told, events: 3 }]);
    assert.deepEqual((await trails()).counts, [{ ...told, events: 4 }]);
    assert.deepEqual((await trails('?tenant=stranger')).counts, []);
    const [trail] = (await trails()).regions;
    assert.deepEqual([trail.region, trail.instance, trail.fault], ['north', 'core-1', null]);
    assert.ok(isSignedBy(trail.checkpoint, createPublicKey(region.publicKeyPem)));
    assert.equal(trail.checkpoint.sequence, 10);
  });

  test('whose trail goes back, is written anew or is signed by somebody else are told, once', async () => {
    const faults = async () =>
      (await newest('action=region.trail&limit=200')).map(
        ({ detail }: { detail: { fault: string } }) => detail.fault,
      );
    const report = async (head: ReturnType<TestRegion['signTrail']>, wanted: string[]) => {
      await region.report({ audit: head });
      await until(`faults are ${wanted}`, async () => {
        const told = await faults();
        return told.length === wanted.length && told[0] === wanted[0];
      });
    };
    await report(region.signTrail(9, hash('b')), ['REWOUND']);
    await region.report({ audit: region.signTrail(9, hash('b')) });
    await report(region.signTrail(10, hash('b')), ['REWRITTEN', 'REWOUND']);
    const forged = { ...region.signTrail(11, hash('c')), sequence: 12 };
    await report(forged, ['CHECKPOINT_FORGED', 'REWRITTEN', 'REWOUND']);
    const [trail] = (await trails()).regions;
    assert.deepEqual([trail.fault, trail.checkpoint.hash], ['CHECKPOINT_FORGED', hash('a')]);
    const heads = async () =>
      (await world.query(`SELECT sequence, hash FROM region_audit_heads ORDER BY sequence`)).map(
        ({ sequence, hash: signed }) => `${String(sequence)} ${String(signed).slice(0, 1)}`,
      );
    await region.report({ audit: region.signTrail(11, hash('d')) });
    await until('it has gone on', async () => (await trails()).regions[0].checkpoint.sequence === 11);
    assert.equal((await trails()).regions[0].fault, 'CHECKPOINT_FORGED', 'what was seen stays');
    // What was signed before the last one is not forgotten.
    await report(region.signTrail(10, hash('e')), ['REWRITTEN', 'CHECKPOINT_FORGED', 'REWRITTEN', 'REWOUND']);
    assert.deepEqual(await heads(), ['10 a', '11 d']);
    // A region that has found by itself what is wrong signs nothing more, and says so.
    await region.report({ audit: region.signTrail(11, hash('d')), auditFault: 'REWOUND' });
    await until('it is told', async () => (await faults())[0] === 'REWOUND');
    await world.query(
      `INSERT INTO region_audit_heads SELECT region, instance, n, hash, at, key_id, signature
         FROM region_audit_heads, generate_series(12, 1020) n WHERE sequence = 11`,
    );
    await region.report({ audit: region.signTrail(1021, hash('f')) });
    await until('it has gone on', async () => (await trails()).regions[0].checkpoint.sequence === 1021);
    const kept = await heads();
    assert.deepEqual([kept.length, kept[0], kept.at(-1)], [1000, '22 d', '1021 f']);
    const metrics = await (await fetch(`${world.healthUrl()}/metrics`)).text();
    for (const name of ['checkpoints_total', 'chains_broken', 'exported_total', 'export_failures_total'])
      assert.match(metrics, new RegExp(`^okcm_cmk_audit_${name}`, 'm'));
  });
});

test('walks along a chain leave room for others, and too many of them are told to wait', async () => {
  await world.must(202, 'POST', '/v1/tenants', { id: 'rival' });
  const verify = (tenant: string): Promise<Answer> => world.call('GET', `/v1/audit/verify?tenant=${tenant}`);
  const { asked, other } = await withClient({ url: world.config.database.ownerUrl }, async (client) => {
    await client.query('BEGIN');
    await client.query('LOCK TABLE audit_checkpoints');
    const asked = Array.from({ length: 24 }, () => verify('acme'));
    const tookMs = await waitedMs(() => world.must(200, 'GET', '/v1/tenants'));
    assert.ok(tookMs < 1_500, 'others wait for the walks');
    const other = verify('rival');
    await Promise.race([other, ...asked].map((one) => one.then(() => undefined)));
    await client.query('COMMIT');
    return { asked, other };
  });
  const answers = await Promise.all(asked);
  const refused = answers.filter(({ status }) => status !== 200);
  assert.ok(refused.length > 0 && answers.length - refused.length >= 2);
  for (const { status, body, headers } of refused) {
    assert.deepEqual([status, body.code], [429, 'AUDIT_BUSY']);
    assert.match(headers.get('retry-after') ?? '', /^[1-9]\d*$/);
  }
  assert.equal((await other).status, 200);
});
