/**
 * What is asked of a server: messages encoded once, for keys that were made for it, and what their answers look like, seen
 * once. PyKMIP's server wants the algorithm in every Encrypt and a key that is activated by a request of its own.
 */
import { SERVICE } from '../../cli/job/names.ts';
import {
  attribute,
  BatchErrorContinuationOption,
  BlockCipherMode,
  CryptographicAlgorithm,
  CryptographicUsageMask,
  decodeResponse,
  encodeRequest,
  FrameReader,
  type KnownOperation,
  ObjectType,
  Operation,
  operationSchemas,
  type RequestItem,
  type RequestOf,
  ResultStatus,
  schemasOf,
  type Ttlv,
  V1_4,
} from '../../execution/kmip/index.ts';
import { type Access, open, type Step } from './connections.ts';
import type { EchoStep } from './echo.ts';
import type { Server } from './servers.ts';

/** The last two are Encrypt and Decrypt of a data key under the service's own key, `l3:SERVICE`. */
export const verbs = ['Encrypt', 'Decrypt', 'Get', 'Create', 'Wrap', 'Unwrap'] as const;
export type Verb = (typeof verbs)[number];

/** One message: an item for each verb in the list. */
export interface Wanted {
  readonly items: readonly Verb[];
  /** Plaintext of the ciphers. */
  readonly payloadBytes: number;
}

const { Encrypt, Decrypt } = CryptographicUsageMask;
const GCM = {
  cryptographicAlgorithm: CryptographicAlgorithm.AES,
  blockCipherMode: BlockCipherMode.GCM,
  tagLength: 16,
};
const L3 = `l3:${SERVICE}`;

type Item = Pick<RequestItem, 'operation' | 'payload'>;

/** A server with a key of its own on it. */
export class Requests {
  readonly #access: Access;
  readonly #uid: string;
  readonly #isPyKmip: boolean;

  private constructor(access: Access, uid: string, isPyKmip: boolean) {
    this.#access = access;
    this.#uid = uid;
    this.#isPyKmip = isPyKmip;
  }

  static async prepare({ access, name }: Server): Promise<Requests> {
    const isPyKmip = name === 'pykmip';
    const [made] = await ask(access, message([createItem(!isPyKmip)]));
    const { uniqueIdentifier } = operationSchemas[Operation.Create].response.read(made, V1_4);
    if (isPyKmip) await ask(access, message([item(Operation.Activate, { uniqueIdentifier })]));
    return new Requests(access, uniqueIdentifier, isPyKmip);
  }

  /** So many of the same message in one write. */
  async step(wanted: Wanted, depth: number): Promise<Step & { readonly echo: EchoStep }> {
    const request = message(
      await Promise.all(wanted.items.map((verb) => this.#item(verb, wanted.payloadBytes))),
    );
    const { length: responseBytes } = await exchange(this.#access, request);
    return {
      bytes: Buffer.concat(new Array<Buffer>(depth).fill(request)),
      responseBytes: depth * responseBytes,
      items: depth * wanted.items.length,
      echo: { requestBytes: request.length, responseBytes },
    };
  }

  async #item(verb: Verb, payloadBytes: number): Promise<Item> {
    const data = new Uint8Array(payloadBytes);
    switch (verb) {
      case 'Encrypt':
        return this.#encrypt(this.#uid, data);
      case 'Wrap':
        return this.#encrypt(L3, data);
      case 'Decrypt':
        return await this.#decrypt(this.#uid, data);
      case 'Unwrap':
        return await this.#decrypt(L3, data);
      case 'Get':
        return item(Operation.Get, { uniqueIdentifier: this.#uid });
      case 'Create':
        return createItem(!this.#isPyKmip);
    }
  }

  #encrypt(uniqueIdentifier: string, data: Uint8Array): Item {
    const parameters = this.#isPyKmip ? { cryptographicParameters: GCM } : {};
    return item(Operation.Encrypt, { uniqueIdentifier, data, ...parameters });
  }

  async #decrypt(uniqueIdentifier: string, data: Uint8Array): Promise<Item> {
    const [payload] = await ask(this.#access, message([this.#encrypt(uniqueIdentifier, data)]));
    const sealed = operationSchemas[Operation.Encrypt].response.read(payload, V1_4);
    return item(Operation.Decrypt, {
      uniqueIdentifier,
      data: sealed.data,
      ivCounterNonce: sealed.ivCounterNonce,
      authenticatedEncryptionTag: sealed.authenticatedEncryptionTag,
    });
  }
}

function createItem(isActive: boolean): Item {
  const activation = isActive ? [attribute('Activation Date', Math.floor(Date.now() / 1_000))] : [];
  return item(Operation.Create, {
    objectType: ObjectType.SymmetricKey,
    templateAttribute: {
      attribute: [
        attribute('Cryptographic Algorithm', CryptographicAlgorithm.AES),
        attribute('Cryptographic Length', 256),
        attribute('Cryptographic Usage Mask', Encrypt | Decrypt),
        ...activation,
      ],
    },
  });
}

function item<O extends KnownOperation>(operation: O, payload: RequestOf<O>): Item {
  return { operation, payload: schemasOf(operation).request.write(payload, V1_4) };
}

function message(items: readonly Item[]): Buffer {
  const [only] = items;
  return Buffer.from(
    encodeRequest({
      header: {
        protocolVersion: V1_4,
        batchErrorContinuationOption: BatchErrorContinuationOption.Stop,
        batchCount: items.length,
      },
      items:
        items.length === 1 && only !== undefined
          ? [only]
          : items.map((one, index) => ({
              ...one,
              uniqueBatchItemId: Buffer.from([index >> 8, index & 0xff]),
            })),
    }),
  );
}

/** The payloads of an answer all of whose items have worked. */
async function ask(access: Access, request: Buffer): Promise<[Ttlv, ...Ttlv[]]> {
  const [first, ...others] = payloadsOf(await exchange(access, request));
  if (first === undefined) throw new Error('the answer has no item');
  return [first, ...others];
}

function payloadsOf(answer: Uint8Array): Ttlv[] {
  return decodeResponse(answer).items.map(({ resultStatus, resultMessage, payload }) => {
    if (resultStatus !== ResultStatus.Success || payload === undefined)
      throw new Error(`the server refuses: ${resultMessage}`);
    return payload;
  });
}

/** One message over a connection of its own, which must work. */
async function exchange(access: Access, request: Buffer): Promise<Uint8Array> {
  const socket = await open(access);
  try {
    const reader = new FrameReader();
    socket.write(request);
    for await (const chunk of socket) {
      for (const frame of reader.push(chunk as Buffer)) {
        payloadsOf(frame);
        return frame;
      }
    }
    throw new Error('the server closed the connection');
  } finally {
    socket.destroy();
  }
}
