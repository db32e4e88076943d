/** For the tests of leases: a book over a core made of the mesh's own codecs, and what both hold. */
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type EnvelopeContext,
  generateKeyPair,
  type KeyPair,
  l3Parent,
  SecretBytes,
  seal,
} from '../../envelope/index.ts';
import { type LeaseRequest, MeshOperation } from '../../mesh/index.ts';
import {
  FakeCore,
  freshStore,
  granted,
  REGION,
  SERVICE,
  silent,
  TENANT,
  type Terms,
} from '../fixture.test.ts';
import { CoreLink } from '../link/core-link.ts';
import { GatewayRefusal, type RefusalCode } from '../refusals.ts';
import { Tenants } from '../tenants.ts';
import type { Lease } from './held-lease.ts';
import { LeaseBook } from './lease-book.ts';
import { LeasedMemory } from './leased-memory.ts';

let keyPair: KeyPair;
let former: LeaseBook | undefined;
export let core: FakeCore;
export let link: CoreLink;
export let tenants: Tenants;
export let book: LeaseBook;
export let ended: string[];
export let keys: Map<number, SecretBytes>;
export let times: Terms;
/** What the core was asked, in order. */
export let asked: LeaseRequest[];
export const currency = { isCurrent: true, appliedHead: 0, syncs: 0 };

/** For `beforeEach`. */
export async function freshLeases(): Promise<void> {
  former?.close();
  keyPair = await generateKeyPair();
  core = new FakeCore();
  link = new CoreLink({ open: core.open, logger: silent });
  link.markUp();
  tenants = new Tenants(freshStore().registry);
  keys = new Map([[1, SecretBytes.random(32)]]);
  times = { ttlMs: 60_000, graceMs: 60_000 };
  ended = [];
  Object.assign(currency, { isCurrent: true, appliedHead: 0, syncs: 0 });
  asked = [];
  core.answers[MeshOperation.Lease] = (request) => {
    asked.push(request);
    return granted(request, keys, times);
  };
  book = newBook();
  former = book;
}

/** What the core grants from now on. */
export function setTerms(terms: Terms): void {
  times = terms;
}

/** A book with a limit of memory of its own. */
export async function renewBook(memory: LeasedMemory): Promise<void> {
  book.close();
  keyPair = await generateKeyPair();
  book = newBook(memory);
}

function newBook(memory = new LeasedMemory()): LeaseBook {
  return new LeaseBook({
    region: REGION,
    link,
    tenants,
    keyPair,
    logger: silent,
    memory,
    onEnded: (tenant, service) => ended.push(`${tenant}/${service}`),
    currency: {
      get isCurrent() {
        return currency.isCurrent;
      },
      get appliedHead() {
        return currency.appliedHead;
      },
      sync: async () => {
        currency.syncs += 1;
        currency.appliedHead = 7;
      },
      observeHead: () => undefined,
    },
  });
}

export const place = { tenant: TENANT, service: SERVICE };
export const context: EnvelopeContext = {
  region: REGION,
  ...place,
  level: 'test',
  objectId: 'x',
  version: 1,
  revision: 1,
};
export const data = Buffer.from('what applications keep');

/** Data that somebody wrapped under this version. */
export function under(version: number): Uint8Array {
  const key = keys.get(version);
  assert.ok(key);
  return seal(l3Parent(TENANT, SERVICE, version, key), data, context);
}

export async function opens(version: number, envelope = under(version)): Promise<void> {
  const opened = await book.open(place, version, (session) => session.unwrapData(envelope, context));
  assert.deepEqual(opened, data);
}

export function makeVersions(...versions: number[]): void {
  for (const version of versions) keys.set(version, SecretBytes.random(32));
}

export function upTo(version: number): number[] {
  return Array.from({ length: version }, (_, i) => i + 1);
}

/** The version under which the lease wraps. */
export function wraps(lease: Lease): number {
  const envelope = lease.wrap(data, context);
  const key = keys.get(lease.activeVersion);
  assert.ok(key);
  assert.equal(Buffer.from(envelope).readUInt32BE(6), lease.activeVersion);
  return lease.activeVersion;
}

export async function until(what: string, look: () => boolean): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if (look()) return;
    await delay(5);
  }
  assert.fail(`it never came to pass: ${what}`);
}

export const renewal = (etag: string, ttlMs = 60_000) => [{ ...place, ttlMs, etag }];

export async function refusedAs(refusal: RefusalCode, run: () => Promise<unknown>): Promise<void> {
  await assert.rejects(run, (error) => {
    assert.ok(error instanceof GatewayRefusal, `${error}`);
    assert.equal(error.refusal, refusal);
    return true;
  });
}
