/** The bench must see what must not be: somebody who is served after a refusal, and a refusal for another reason. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { CliError } from '../../cli/errors.ts';
import { Load, type Seat } from './load.ts';

const CLOSED = 'Encrypt: the customer has withdrawn the master key of this tenant (PermissionDenied)';
const refusal = (message: string) => new CliError('KMIP_REFUSED', message);

/** An application whose requests take a millisecond and end as `answer` says. */
function seat(region: string, answer: () => void): Seat {
  const encrypt = async () => {
    await sleep(1);
    answer();
    return { data: new Uint8Array() };
  };
  return { region, application: { encrypt, close: () => undefined }, address: 'key' };
}

async function watched(seats: (isClosed: () => boolean) => Seat[]) {
  let closed = false;
  const load = new Load(seats(() => closed));
  load.start();
  await load.serving();
  const { refused } = load.watchRefusals();
  closed = true;
  const closedAt = performance.now();
  const { lastAt, byRegion, violations } = await refused;
  await load.stop();
  return { afterMs: lastAt - closedAt, regions: [...byRegion.keys()], violations };
}

const closing = (isClosed: () => boolean) => (): void => {
  if (isClosed()) throw refusal(CLOSED);
};

test('the last connection counts, and nothing is amiss when all stay refused', async () => {
  const { afterMs, regions, violations } = await watched((isClosed) => {
    let late = 0;
    const lateByFifty = (): void => {
      if (isClosed() && late++ >= 50) throw refusal(CLOSED);
    };
    return [seat('north', closing(isClosed)), seat('south', lateByFifty)];
  });
  assert.deepEqual(violations, []);
  assert.deepEqual(regions, ['north', 'south']);
  assert.ok(afterMs >= 50, `after ${afterMs} ms`);
});

test('a connection that is served after it was refused', async () => {
  let refusals = 0;
  const { violations } = await watched((isClosed) => [
    seat('north', () => {
      if (isClosed() && ++refusals !== 3) throw refusal(CLOSED);
    }),
  ]);
  assert.deepEqual(violations, ['north served key after it had refused']);
});

test('a gateway that has refused one connection and serves another', async () => {
  const { violations } = await watched((isClosed) => {
    let late = 0;
    const lateByFive = (): void => {
      if (isClosed() && late++ >= 5) throw refusal(CLOSED);
    };
    return [seat('north', closing(isClosed)), seat('north', lateByFive)];
  });
  assert.ok(violations.length > 0);
  assert.ok(violations.every((text) => text === 'north served key after it had refused'));
});

test('a refusal for another reason, and a connection that breaks', async () => {
  const { violations } = await watched((isClosed) => [
    seat('north', () => {
      if (isClosed()) throw refusal('Encrypt: too many requests (GeneralFailure)');
    }),
    seat('south', () => {
      if (isClosed()) throw new CliError('KMIP_UNREACHABLE', 'Encrypt got no answer');
    }),
  ]);
  assert.ok(violations.some((text) => text.includes('north refused key: Encrypt: too many requests')));
  assert.ok(violations.some((text) => text.includes('south refused key: no answer')));
});
