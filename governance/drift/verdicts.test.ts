/**
 * Both sides converge from any state: every pair of what governance wants and what a region holds is mended until nothing is
 * left to mend, on a region that does as real ones do (execution/keychain/links/link-rules.ts). suites/drift.test.ts does the
 * same with real ones.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { KEYS_DAMAGED, keysState, LAST_EPOCH, SERVICE_HELD, tenantWord } from '../../contracts/index.ts';
import { EPOCHS_AHEAD } from '../limits.ts';
import { type FindingKind, findingKinds, findings, mendOf, type Verdict } from './findings.ts';
import * as verdicts from './verdicts.ts';

interface Standing {
  readonly hasKeys: boolean;
  readonly open: number;
  readonly closed: number;
}
interface Pair {
  readonly want: verdicts.TenantWant | undefined;
  readonly region: Standing;
}

const EPOCHS = [0, 1, 2, 3, 4, 5];
/** What only governance put back, or a lie, explains. */
const FAR = [EPOCHS_AHEAD, 2 * EPOCHS_AHEAD, LAST_EPOCH - 1, LAST_EPOCH];
const told = ({ hasKeys, open, closed }: Standing): string | undefined =>
  hasKeys || closed > 0 ? tenantWord({ hasKeys, open, closed }) : undefined;

function* standings(): Generator<Standing> {
  for (const closed of [...EPOCHS, LAST_EPOCH]) {
    yield { hasKeys: false, open: 0, closed };
    yield { hasKeys: true, open: 0, closed };
    for (const open of [...EPOCHS, ...FAR]) if (open > closed) yield { hasKeys: true, open, closed };
  }
}

function* wants(): Generator<verdicts.TenantWant | undefined> {
  yield undefined;
  for (const stage of ['requested', 'served', 'blocked', 'ended'] as const)
    for (const provisioned of [true, false])
      for (const open of [0, 2, 3])
        for (const failed of [0, 1, 4])
          for (const closed of [true, false])
            for (const beyond of [0, 1]) {
              const newest = Math.max(open, failed);
              yield { stage, provisioned, open, failed, closed, newest, taken: newest + beyond };
            }
}

/** As a region does the job, and governance takes its answer in. */
function mended({ want, region }: Pair, verdict: Verdict): Pair {
  switch (mendOf(verdict.kind)) {
    case 'close': {
      const closed = Math.max(region.closed, verdict.epoch ?? 0);
      return { want, region: { ...region, closed, open: region.open > closed ? region.open : 0 } };
    }
    case 'provision':
      return {
        want: want === undefined ? want : { ...want, provisioned: true },
        region: { ...region, hasKeys: true },
      };
    default:
      throw new Error(`${verdict.kind} is not mended`);
  }
}

/** Whether anybody gets the tenant's keys in the region. */
const isServed = ({ hasKeys, open, closed }: Standing): boolean => hasKeys && (open > 0 || closed === 0);

function converge(pair: Pair): { end: Pair; left: FindingKind | undefined; steps: FindingKind[] } {
  const steps: FindingKind[] = [];
  for (let now = pair; ; ) {
    const verdict = verdicts.tenantVerdict(now.want, told(now.region));
    if (verdict === undefined || mendOf(verdict.kind) === 'tell')
      return { end: now, left: verdict?.kind, steps };
    steps.push(verdict.kind);
    assert.ok(steps.length <= 3, `${JSON.stringify(pair)} goes on and on: ${steps.join(', ')}`);
    now = mended(now, verdict);
  }
}

test('every pair of states of a tenant ends after three jobs at most, and is served only as governance wants', () => {
  let pairs = 0;
  const seen = new Set<FindingKind>();
  for (const want of wants())
    for (const region of standings()) {
      const { end, left, steps } = converge({ want, region });
      const about = JSON.stringify({ want, region, end, left, steps });
      for (const kind of steps) seen.add(kind);
      if (left !== undefined) seen.add(left);
      pairs += 1;
      // What governance has forgotten further back than a few epochs a person has to decide.
      const isFar = end.region.open > verdicts.mayCloseUpTo(end.want?.taken ?? 0);
      if (isServed(end.region) && isFar && end.want?.stage !== 'ended')
        assert.equal(left, 'link-ahead', about);
      else if (isServed(end.region)) {
        assert.equal(end.want?.stage, 'served', about);
        const asWanted = end.region.open === end.want.open && (end.region.open > 0 || !end.want.closed);
        assert.ok(asWanted || left === 'link-ahead', about);
      }
      // What was served as it should be goes on being served.
      const isRight = verdicts.tenantVerdict(want, told(region)) === undefined;
      if (isRight) assert.deepEqual(end.region, region, about);
      // Nothing is left undone of what a job could do.
      if (want?.stage === 'served' && want.provisioned && !want.closed && want.open === 0)
        assert.ok(end.region.hasKeys && (end.region.closed === 0 || left !== undefined), about);
    }
  assert.ok(pairs > 5_000, `${pairs} pairs`);
  const ofTenants = findingKinds.filter((kind) => findings[kind].class === 'tenant');
  assert.deepEqual(
    ofTenants.filter((kind) => !seen.has(kind)),
    ['tenant-unclear'],
    'every finding is met',
  );
});

test('what is mended never opens anything: epochs only close, and keys are made only where none were wanted gone', () => {
  for (const want of wants())
    for (const region of standings()) {
      const verdict = verdicts.tenantVerdict(want, told(region));
      if (verdict === undefined || mendOf(verdict.kind) === 'tell') continue;
      const { region: after } = mended({ want, region }, verdict);
      const about = JSON.stringify({ want, region, verdict });
      assert.ok(after.closed >= region.closed && after.open <= region.open, about);
      if (!isServed(region) && isServed(after))
        assert.ok(want?.stage === 'served' && want.open === 0 && !want.closed, about);
      // A link that governance holds to be active is closed by nothing but its own absence.
      if (want?.stage === 'served' && region.open > 0 && region.open === want.open)
        assert.equal(mendOf(verdict.kind) === 'close', false, about);
    }
});

test('a region’s word ends no tenant: only what governance has given out is closed, and a few epochs more', () => {
  const words = ['none', 'closed', 'bare', 'ended', undefined, ...FAR.map((epoch) => `open:${epoch}`)];
  for (const want of wants())
    for (const word of words) {
      const verdict = verdicts.tenantVerdict(want, word);
      if (verdict === undefined || mendOf(verdict.kind) !== 'close') continue;
      const about = JSON.stringify({ want, word, verdict });
      if (want?.stage === 'ended') assert.equal(verdict.epoch, LAST_EPOCH, about);
      else assert.ok((verdict.epoch ?? LAST_EPOCH) <= (want?.taken ?? 0) + EPOCHS_AHEAD, about);
    }
  const blocked = { stage: 'blocked', provisioned: true, open: 0, failed: 0, closed: true } as const;
  for (const want of [undefined, { ...blocked, newest: 2, taken: 3 }])
    assert.deepEqual(verdicts.tenantVerdict(want, `open:${LAST_EPOCH}`), { kind: 'link-ahead' });
});

test('what governance expects is no finding, so that pages that agree are not read', () => {
  for (const want of wants()) {
    if (want === undefined) continue;
    assert.equal(
      verdicts.tenantVerdict(want, verdicts.expectedTenant(want)),
      undefined,
      JSON.stringify(want),
    );
  }
  for (const served of [true, false])
    for (const provisioned of [true, false]) {
      const want = { served, provisioned };
      assert.equal(verdicts.serviceVerdict(want, verdicts.expectedService(want)), undefined);
    }
  for (const row of ['active', 'failed'] as const) {
    const want = { state: 'as-registered', row };
    assert.equal(verdicts.identityVerdict(want, verdicts.expectedRegistered(want)), undefined);
    assert.equal(verdicts.issuerVerdict(want, verdicts.expectedRegistered(want)), undefined);
  }
});

test('registrations end as they are registered, from any state on either side', () => {
  for (const row of ['active', 'failed', 'removing', undefined] as const)
    for (const held of ['as-registered', 'otherwise', undefined]) {
      let want = row === undefined ? undefined : { state: 'as-registered', row };
      let region: string | undefined = held;
      const steps: FindingKind[] = [];
      for (;;) {
        const verdict = verdicts.identityVerdict(want, region);
        if (verdict === undefined) break;
        steps.push(verdict.kind);
        assert.ok(steps.length <= 2, `${row} ${held}: ${steps.join(', ')}`);
        if (mendOf(verdict.kind) === 'revoke') [want, region] = [undefined, undefined];
        else [want, region] = [{ state: 'as-registered', row: 'active' }, 'as-registered'];
      }
      if (row === 'active') assert.equal(region, 'as-registered');
      if (row === 'removing' || row === undefined) assert.equal(region, undefined);
    }
});

test('services and issuers: what is missing is made, what nobody knows is told', () => {
  const served = { served: true, provisioned: true };
  assert.deepEqual(verdicts.serviceVerdict(served, undefined), { kind: 'service-missing' });
  assert.equal(verdicts.serviceVerdict({ ...served, served: false }, undefined), undefined);
  assert.deepEqual(verdicts.serviceVerdict(undefined, SERVICE_HELD), { kind: 'service-unknown' });
  assert.deepEqual(verdicts.issuerVerdict(undefined, 'x'), { kind: 'issuer-unknown' });
  assert.deepEqual(verdicts.issuerVerdict({ state: 'a', row: 'active' }, 'b'), { kind: 'issuer-missing' });
});

test('keys only go on: whatever is older than what was told before is a finding until it has gone beyond', () => {
  const step = fc.record({ counter: fc.integer({ min: 1, max: 6 }), made: fc.constantFrom('one', 'other') });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      let anchor: verdicts.KeyAnchor | undefined;
      for (const { counter, made } of steps) {
        const state = keysState(counter, made);
        const verdict = verdicts.keyVerdict(anchor, state);
        const goesBack =
          anchor !== undefined &&
          (counter < anchor.counter || (counter === anchor.counter && !state.endsWith(anchor.versions)));
        assert.equal(verdict?.kind, goesBack ? 'keys-rewound' : undefined);
        anchor = verdicts.raisesAnchor(anchor, state) ?? anchor;
        assert.ok(anchor !== undefined && anchor.counter >= counter);
      }
    }),
  );
  assert.deepEqual(verdicts.keyVerdict(undefined, KEYS_DAMAGED), { kind: 'keys-damaged' });
});

test('a word that nobody understands is told, and leads to nothing', () => {
  for (const want of wants())
    assert.deepEqual(verdicts.tenantVerdict(want, 'open:0'), { kind: 'tenant-unclear' });
});
