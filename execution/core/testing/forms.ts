/** A region with one application, for tests of what objects are and the forms in which they enter and leave. */
import assert from 'node:assert/strict';
import {
  type Attribute,
  attribute,
  CryptographicAlgorithm,
  CryptographicUsageMask,
  type KeyBlock,
  KeyFormatType,
  KmipError,
  type KmipObject,
  ObjectType,
  Operation,
  type RequestOf,
} from '../../kmip/index.ts';
import type { Caller } from '../../mesh/index.ts';
import type { GatewayClient } from './gateway-client.ts';
import { populate } from './keys.ts';
import type { TestRegion } from './region.ts';

/** An Activation Date that has come. */
export const past = attribute('Activation Date', 1_000);

export function isKmip(reason: number) {
  return (error: unknown) => error instanceof KmipError && error.resultReason === reason;
}

export function mask(bits: number): Attribute {
  return attribute('Cryptographic Usage Mask', bits);
}

export function blockOf(object: KmipObject): KeyBlock {
  assert.ok('keyBlock' in object);
  return object.keyBlock;
}

/** Key Material in the clear. */
export function materialIn(object: KmipObject): Buffer {
  const { keyValue } = blockOf(object);
  assert.ok(keyValue !== undefined && !(keyValue instanceof Uint8Array));
  assert.ok(keyValue.keyMaterial instanceof Uint8Array);
  return Buffer.from(keyValue.keyMaterial);
}

/** The wrapped Key Value. */
export function wrappedIn(object: KmipObject): Buffer {
  const { keyValue } = blockOf(object);
  assert.ok(keyValue instanceof Uint8Array);
  return Buffer.from(keyValue);
}

/** An AES key of these bytes, not wrapped. */
export function symmetric(material: Uint8Array, more: Partial<KeyBlock> = {}): KmipObject {
  return {
    objectType: ObjectType.SymmetricKey,
    keyBlock: {
      keyFormatType: KeyFormatType.Raw,
      keyValue: { keyMaterial: material },
      cryptographicAlgorithm: CryptographicAlgorithm.AES,
      cryptographicLength: material.length * 8,
      ...more,
    },
  };
}

/** What the application of a region does with objects, through a gateway's tunnel. */
export class Forms {
  readonly gateway: GatewayClient;
  readonly app: Caller;
  /** An application of another tenant. */
  readonly other: Caller;
  readonly #region: TestRegion;

  private constructor(region: TestRegion, gateway: GatewayClient, callers: { app: Caller; other: Caller }) {
    this.#region = region;
    this.gateway = gateway;
    this.app = callers.app;
    this.other = callers.other;
  }

  /** Takes the region over: starts it, and `close` stops it. */
  static async open(region: TestRegion): Promise<Forms> {
    await region.start();
    const populated = await populate(region);
    return new Forms(region, region.connect(populated.gatewayIdentity), populated);
  }

  close(): Promise<void> {
    return this.#region.stop();
  }

  async register(object: KmipObject, ...attributes: Attribute[]): Promise<string> {
    const { uniqueIdentifier } = await this.gateway.run(this.app, Operation.Register, {
      objectType: object.objectType,
      templateAttribute: { attribute: attributes },
      object,
    });
    return uniqueIdentifier;
  }

  async get(
    uid: string,
    more: Omit<RequestOf<typeof Operation.Get>, 'uniqueIdentifier'> = {},
  ): Promise<KmipObject> {
    const { object } = await this.gateway.run(this.app, Operation.Get, { uniqueIdentifier: uid, ...more });
    return object;
  }

  async attributesOf(uid: string, ...names: string[]): Promise<unknown[]> {
    const answer = await this.gateway.run(this.app, Operation.GetAttributes, {
      uniqueIdentifier: uid,
      attributeName: names,
    });
    return (answer.attribute ?? []).map((a) => a.attributeValue.value);
  }

  /** A key that wraps and unwraps. */
  kek(material: Uint8Array, ...attributes: Attribute[]): Promise<string> {
    return this.register(
      symmetric(material),
      mask(CryptographicUsageMask.WrapKey | CryptographicUsageMask.UnwrapKey),
      past,
      ...attributes,
    );
  }
}
