/**
 * The link's epochs against a model of three numbers: whatever messages arrive, in whatever order and however often, a
 * closed epoch stays closed, keys are served exactly while the model says so, and they are always the same keys.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseTenantId } from '../../../contracts/index.ts';
import { generateHpkeKeyPair } from '../../../contracts/sealing.ts';
import { Governance, HOUR_MS, l3Of, newRegion, provisioned, within } from '../fixture.test.ts';
import { KeychainError } from '../index.ts';

const RUNS = 20;
const MAX_MESSAGES = 14;

type Kind = 'prepare' | 'open' | 'renew' | 'close';
type Outcome = 'done' | 'EPOCH_CLOSED' | 'EPOCH_UNKNOWN';

class Model {
  closed = 0;
  open = 0;
  prepared = 0;

  apply(kind: Kind, epoch: number): Outcome {
    const living = epoch === this.open || epoch === this.prepared;
    if (kind === 'close') {
      this.#close(epoch);
      return 'done';
    }
    if (epoch <= this.closed) return 'EPOCH_CLOSED';
    if (kind === 'renew') {
      if (epoch === this.open) return 'done';
      return epoch < this.open ? 'EPOCH_CLOSED' : 'EPOCH_UNKNOWN';
    }
    if (!living && epoch < Math.max(this.open, this.prepared)) return 'EPOCH_CLOSED';
    if (kind === 'prepare') {
      if (!living) this.prepared = epoch;
      return 'done';
    }
    if (epoch === this.prepared) {
      this.#close(this.open);
      this.open = epoch;
      this.prepared = 0;
    }
    return epoch === this.open ? 'done' : 'EPOCH_UNKNOWN';
  }

  /** Keys are served under an open link, or while no link was ever closed. */
  get serving(): boolean {
    return this.open > 0 || this.closed === 0;
  }

  #close(upTo: number): void {
    this.closed = Math.max(this.closed, upTo);
    if (this.open <= upTo) this.open = 0;
    if (this.prepared <= upTo) this.prepared = 0;
  }
}

test('any sequence of PREPARE, LINK, RENEW and UNLINK agrees with the model', async () => {
  const region = await newRegion();
  const core = await region.core();
  const stranger = await generateHpkeKeyPair();
  const message = fc.record({
    kind: fc.constantFrom<Kind>('prepare', 'prepare', 'open', 'open', 'renew', 'close'),
    epoch: fc.integer({ min: 1, max: 4 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(message, { minLength: 3, maxLength: MAX_MESSAGES }), async (messages) => {
      const tenant = parseTenantId(`t-${randomBytes(8).toString('hex')}`);
      const cmk = new Governance(region, tenant);
      const model = new Model();
      const publicKeys = new Map<number, Uint8Array>();
      const l3 = await provisioned(region, core, tenant);
      let standsOn = 0;

      async function send(kind: Kind, epoch: number): Promise<Outcome> {
        const provedAt = new Date(++region.clock.nowMs);
        const times = { provedAt, expiresAt: new Date(provedAt.getTime() + HOUR_MS) };
        try {
          await within(region, async (tx) => {
            if (kind === 'prepare')
              publicKeys.set(epoch, (await core.prepareLink(tx, tenant, epoch)).publicKey);
            else if (kind === 'renew') await core.renewLink(tx, { tenant, epoch, ...times });
            else if (kind === 'close') await core.closeLink(tx, { tenant, epoch, reason: 'model' });
            else {
              const key = publicKeys.get(epoch) ?? stranger.publicKey;
              await core.openLink(tx, await cmk.message(key, epoch, standsOn || undefined));
            }
          });
        } catch (error) {
          assert.ok(error instanceof KeychainError, String(error));
          return error.code as Outcome;
        }
        if (kind === 'close') core.forget(tenant);
        return 'done';
      }

      for (const { kind, epoch } of messages) {
        const expected = model.apply(kind, epoch);
        assert.equal(await send(kind, epoch), expected, `${kind} ${epoch}`);
        if (model.open > 0) standsOn = model.open;
        if (model.serving) assert.deepEqual(await l3Of(core, tenant), l3);
        else
          await assert.rejects(
            l3Of(core, tenant),
            (error) => error instanceof KeychainError && error.code === 'LINK_CLOSED',
          );
        const status = (await core.links()).find((link) => link.tenant === tenant);
        assert.equal(status?.epoch, model.open || model.prepared || model.closed);
      }
    }),
    { numRuns: RUNS },
  );
});
