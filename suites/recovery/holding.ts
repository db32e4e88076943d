/** What an application has encrypted under its region's keys, to be opened again whatever happened meanwhile. */
import { randomBytes } from 'node:crypto';
import { type KmipClient, Operation } from '../../execution/kmip/index.ts';
import { errorMessage } from '../../platform/errors.ts';
import { materialOf } from '../crashes/material.ts';
import { create } from '../support/applications.ts';
import type { Pattern } from '../support/memory-scan.ts';

const KEY_BYTES = 32;

interface Sealed {
  /** A data key's identifier, or a service's address. */
  readonly under: string;
  readonly plain: Buffer;
  readonly data: Uint8Array;
  readonly iv: Uint8Array | undefined;
  readonly tag: Uint8Array | undefined;
}

async function sealed(client: KmipClient, under: string, plain: Buffer): Promise<Sealed> {
  const answer = await client.request(Operation.Encrypt, { uniqueIdentifier: under, data: plain });
  if (answer.data === undefined) throw new Error('Encrypt gave no data');
  return {
    under,
    plain,
    data: answer.data,
    iv: answer.ivCounterNonce,
    tag: answer.authenticatedEncryptionTag,
  };
}

export class Holding {
  readonly #sealed: readonly Sealed[];
  readonly #keys: ReadonlyMap<string, Buffer>;

  private constructor(all: readonly Sealed[], keys: ReadonlyMap<string, Buffer>) {
    this.#sealed = all;
    this.#keys = keys;
  }

  /** Data keys with a record under each, and an application's own key that is wrapped by the service's. */
  static async make(client: KmipClient, service: string, keys: number): Promise<Holding> {
    const all = [await sealed(client, `l3:${service}`, randomBytes(KEY_BYTES))];
    const material = new Map<string, Buffer>();
    for (let n = 0; n < keys; n++) {
      const uid = await create(client);
      const got = await client.request(Operation.Get, { uniqueIdentifier: uid });
      material.set(uid, Buffer.from(materialOf(got)));
      all.push(await sealed(client, uid, Buffer.from(`record ${n} under ${uid}`)));
    }
    return new Holding(all, material);
  }

  get size(): number {
    return this.#sealed.length;
  }

  /** The bytes of its keys, to be looked for where they must not be. */
  get secrets(): Pattern[] {
    const wrapped = this.#sealed.filter(({ under }) => !this.#keys.has(under));
    return [
      ...[...this.#keys].map(([name, bytes]) => ({ name, bytes })),
      ...wrapped.map(({ under, plain }) => ({ name: `wrapped under ${under}`, bytes: plain })),
    ];
  }

  /** What does not open to what it was, and why; and what key is given out with other bytes. */
  async faults(client: KmipClient): Promise<string[]> {
    const faults: string[] = [];
    for (const { under, plain, data, iv, tag } of this.#sealed) {
      const fault = await client
        .request(Operation.Decrypt, {
          uniqueIdentifier: under,
          data,
          ...(iv === undefined ? {} : { ivCounterNonce: iv }),
          ...(tag === undefined ? {} : { authenticatedEncryptionTag: tag }),
        })
        .then(
          ({ data: opened }) => (plain.equals(Buffer.from(opened ?? [])) ? undefined : 'other bytes'),
          errorMessage,
        );
      if (fault !== undefined) faults.push(`${under}: ${fault}`);
    }
    for (const [uid, bytes] of this.#keys) {
      const fault = await client
        .request(Operation.Get, { uniqueIdentifier: uid })
        .then(
          (got) => (bytes.equals(Buffer.from(materialOf(got))) ? undefined : 'another key'),
          errorMessage,
        );
      if (fault !== undefined) faults.push(`Get ${uid}: ${fault}`);
    }
    return faults;
  }
}
