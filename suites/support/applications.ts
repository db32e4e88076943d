/**
 * A region (region.ts) with applications in it, and what tests of it do again and again: `billing` and `shipping` belong
 * to one tenant, to a service each; `rival` belongs to another tenant.
 */
import assert from 'node:assert/strict';
import {
  attribute,
  attributeValue,
  CryptographicAlgorithm,
  CryptographicUsageMask,
  type KmipClient,
  KmipClientError,
  KmipError,
  NameType,
  ObjectType,
  Operation,
  ResultReason,
} from '../../execution/kmip/index.ts';
import { type RegionWorld, startRegion, until } from './region.ts';

const { Encrypt, Decrypt } = CryptographicUsageMask;

export interface Populated {
  readonly world: RegionWorld;
  readonly billing: KmipClient;
  readonly shipping: KmipClient;
  readonly rival: KmipClient;
}

/** For `before` of a suite; `depopulate` is for its `after`. */
export async function populate(): Promise<Populated> {
  const world = await startRegion();
  await world.provision('acme', 'orders', 'parcels');
  await world.provision('rival', 'orders');
  await world.link('acme', 1);
  return {
    world,
    billing: world.client(await world.application('billing', 'acme', ['orders'])),
    shipping: world.client(await world.application('shipping', 'acme', ['parcels'])),
    rival: world.client(await world.application('rival-app', 'rival', ['orders'])),
  };
}

/** `populated` is absent where `populate` has failed: that is the error to be seen, and not one of the cleaning up. */
export async function depopulate(populated: Populated | undefined): Promise<void> {
  if (populated === undefined) return;
  const { world, billing, shipping, rival } = populated;
  for (const client of [billing, shipping, rival]) client.close();
  await world.close();
}

export const nowS = (): number => Math.floor(Date.now() / 1000);

export function keyTemplate(options: { name?: string; mask?: number; active?: boolean } = {}) {
  return {
    objectType: ObjectType.SymmetricKey,
    templateAttribute: {
      attribute: [
        attribute('Cryptographic Algorithm', CryptographicAlgorithm.AES),
        attribute('Cryptographic Length', 256),
        attribute('Cryptographic Usage Mask', options.mask ?? Encrypt | Decrypt),
        ...(options.active === false ? [] : [attribute('Activation Date', nowS())]),
        ...(options.name === undefined
          ? []
          : [attribute('Name', { nameValue: options.name, nameType: NameType.UninterpretedTextString })]),
      ],
    },
  };
}

export async function create(
  client: KmipClient,
  options: Parameters<typeof keyTemplate>[0] = {},
): Promise<string> {
  return (await client.request(Operation.Create, keyTemplate(options))).uniqueIdentifier;
}

export async function roundTrip(client: KmipClient, uniqueIdentifier: string): Promise<void> {
  const data = Buffer.from('a secret of some length');
  const {
    data: sealed,
    ivCounterNonce,
    authenticatedEncryptionTag,
  } = await client.request(Operation.Encrypt, {
    uniqueIdentifier,
    data,
  });
  assert.notDeepEqual(sealed, data);
  const opened = await client.request(Operation.Decrypt, {
    uniqueIdentifier,
    data: sealed,
    ivCounterNonce,
    authenticatedEncryptionTag,
  });
  assert.deepEqual(Buffer.from(opened.data ?? []), data);
}

export async function refused(reason: number, message: RegExp, run: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await assert.rejects(run, (error) => {
    assert.ok(error instanceof KmipError, `${error}`);
    assert.equal(error.resultReason, reason, error.message);
    assert.match(error.message, message);
    return true;
  });
  return performance.now() - startedAt;
}

export async function isDenied(run: () => Promise<unknown>): Promise<boolean> {
  return run().then(
    () => false,
    (error: unknown) => error instanceof KmipError && error.resultReason === ResultReason.PermissionDenied,
  );
}

/** A handshake may end well for the client before the server refuses: the first request tells. */
export async function refusedConnection(
  world: RegionWorld,
  client: KmipClient,
  reason: string,
): Promise<void> {
  const before = world.log.length;
  await assert.rejects(client.request(Operation.Query, { queryFunction: [1] }), KmipClientError);
  client.close();
  await until(`the log names ${reason}`, () =>
    world.log.slice(before).some((line) => line.reason === reason),
  );
}

export async function stateOf(client: KmipClient, uniqueIdentifier: string): Promise<number> {
  const { attribute: list } = await client.request(Operation.GetAttributes, {
    uniqueIdentifier,
    attributeName: ['State'],
  });
  const [state] = list ?? [];
  assert.ok(state !== undefined);
  return attributeValue(state, 'State');
}

export function reasonsSince(world: RegionWorld, position: number): (string | undefined)[] {
  return world.log.slice(position).map(({ reason }) => reason);
}
