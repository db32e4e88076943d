/** The order in which a plan is carried out, and what a failure takes along. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CliError } from '../errors.ts';
import type { Entry } from './entries.ts';
import { execute } from './execute.ts';
import { type Kind, keyOf } from './things.ts';

const entry = (kind: Kind, tenant: string | null, name: string, more: Partial<Entry> = {}): Entry => ({
  id: { kind, tenant, name },
  action: 'create',
  changes: [],
  needs: [],
  ...more,
});
const nothing = { proposals: [], notes: [] };
const states = (results: readonly { id: Entry['id']; state: string }[]): Record<string, string> =>
  Object.fromEntries(results.map(({ id, state }) => [keyOf(id), state]));

test('first the installation’s, then tenants at the same time, each in the order of kinds', async () => {
  const seen: string[] = [];
  await execute(
    [
      entry('System', 'a', 'x', { action: 'remove' }),
      entry('KeyConfiguration', 'a', 'x', { action: 'remove' }),
      entry('Application', 'a', 'x'),
      entry('Tenant', 'a', 'a'),
      entry('Tenant', 'b', 'b'),
      entry('Keystore', null, 'k'),
    ],
    async ({ id, action }) => {
      seen.push(`${action} ${id.kind} ${id.tenant ?? ''}`);
      return nothing;
    },
    () => undefined,
  );
  assert.equal(seen[0], 'create Keystore ');
  const ofA = seen.filter((each) => each.endsWith(' a'));
  assert.deepEqual(ofA, [
    'remove System a',
    'create Tenant a',
    'create Application a',
    'remove KeyConfiguration a',
  ]);
  assert.ok(seen.includes('create Tenant b'));
});

test('a failure takes along what needs it, and nothing else', async () => {
  const key = keyOf({ kind: 'Service', tenant: 'a', name: 's' });
  const { results } = await execute(
    [
      entry('Service', 'a', 's'),
      entry('Workspace', 'a', 'w'),
      entry('Application', 'a', 'p', { needs: [key] }),
      entry('Tenant', 'b', 'b'),
    ],
    async ({ id }) => {
      if (id.kind === 'Service') throw new CliError('CMK_REFUSED', 'no more services', { hint: 'fewer' });
      return nothing;
    },
    () => undefined,
  );
  assert.deepEqual(states(results), {
    'Service a s': 'failed',
    'Workspace a w': 'done',
    'Application a p': 'skipped',
    'Tenant b b': 'done',
  });
  const failed = results.find(({ state }) => state === 'failed');
  assert.deepEqual(failed?.problem, { code: 'CMK_REFUSED', message: 'no more services', hint: 'fewer' });
});

test('what needs something that waits for approval waits, too; a change that is refused hinders nobody', async () => {
  const group = keyOf({ kind: 'ApproverGroup', tenant: 'a', name: 'g' });
  const service = keyOf({ kind: 'Service', tenant: 'a', name: 's' });
  const from = [{ field: 'rotateAfterSeconds', from: 1, to: 2 }];
  const { results } = await execute(
    [
      entry('ApproverGroup', 'a', 'g', { action: 'wait', waits: 'p1' }),
      entry('ApprovalRule', 'a', 'any', { needs: [group] }),
      entry('Service', 'a', 's', { action: 'refused', changes: from }),
      entry('System', 'a', 'x', { needs: [service] }),
    ],
    async () => nothing,
    () => undefined,
  );
  assert.deepEqual(states(results), { 'ApprovalRule a any': 'waiting', 'System a x': 'done' });
});

test('when CMK is away the run ends, and says what was not begun', async () => {
  let asked = 0;
  const plan = Array.from({ length: 50 }, (_, index) => entry('Tenant', `t${index}`, `t${index}`));
  const { results, ended } = await execute(
    plan,
    async () => {
      asked++;
      throw new CliError('CMK_UNREACHABLE', 'CMK does not answer');
    },
    () => undefined,
  );
  assert.ok(ended instanceof CliError);
  assert.ok(asked <= 6, `${asked} requests`);
  assert.equal(results.filter(({ state }) => state === 'skipped').length, 50 - asked);
});
