/**
 * KMIP as an application speaks it: one method per operation that the command line offers, over one mTLS connection to
 * a gateway. Failures are CliErrors with the server's own reason and message.
 */
import { readFile } from 'node:fs/promises';
import { refusals } from '../../execution/gateway/refusals.ts';
import {
  type Attribute,
  attribute,
  attributeValue,
  CryptographicAlgorithm,
  CryptographicUsageMask,
  encodeJson,
  enumName,
  ItemType,
  isStandardAttribute,
  KmipClient,
  KmipClientError,
  KmipError,
  type KnownOperation,
  type MessageEncoding,
  NameType,
  ObjectType,
  Operation,
  operationName,
  QueryFunction,
  type RequestOf,
  type ResponseOf,
  RevocationReasonCode,
  resultReasonName,
  State,
  type Ttlv,
} from '../../execution/kmip/index.ts';
import { readPrivate } from '../../platform/config-file.ts';
import { CliError } from '../errors.ts';

const TIMEOUT_MS = 10_000;

export interface ApplicationAccess {
  readonly host: string;
  readonly port: number;
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
  /** Over HTTPS, in this encoding; absent: TTLV over TLS. */
  readonly encoding?: MessageEncoding;
  /** Whose application it is, where that is known: hints name it. */
  readonly tenant?: string | undefined;
  /** What serves there, as `okcm start` calls it, and its log: hints name them. */
  readonly server?: { readonly name: string; readonly log: string } | undefined;
}

export interface Ciphertext {
  readonly data: Uint8Array;
  readonly iv?: Uint8Array;
  readonly tag?: Uint8Array;
}

export interface CreateOptions {
  readonly name?: string;
  readonly lengthBits?: number;
  /** With an Activation Date that has come: the key is Active at once. */
  readonly active?: boolean;
}

/** Of a closed link KMIP's own reason says no more than that permission was denied. */
export const hintOf = (error: KmipError, tenant: string): string | undefined =>
  error.message.includes(refusals.LINK_CLOSED.message) ? `okcm link ${tenant}` : error.hint;

export class Application {
  readonly #client: KmipClient;
  readonly #tenant: string;
  readonly #server: ApplicationAccess['server'];
  private constructor(client: KmipClient, { tenant = 'TENANT', server }: ApplicationAccess) {
    this.#client = client;
    this.#tenant = tenant;
    this.#server = server;
  }

  /** Reads the files; connects with the first request. Errors: FILE_UNREADABLE. */
  static async open(access: ApplicationAccess): Promise<Application> {
    const [cert, key, ca] = await Promise.all([
      readText(access.cert),
      readPrivate(access.key),
      readText(access.ca),
    ]);
    const { host, port, encoding: https } = access;
    return new Application(
      new KmipClient({ host, port, cert, key, ca, https, timeoutMs: TIMEOUT_MS, poolSize: 1 }),
      access,
    );
  }

  close(): void {
    this.#client.close();
  }

  async discoverVersions(): Promise<string[]> {
    const answer = await this.#ask(Operation.DiscoverVersions, { protocolVersion: [] });
    return (answer.protocolVersion ?? []).map(({ major, minor }) => `${major}.${minor}`);
  }

  async query(): Promise<{ vendor: string | null; operations: string[]; objectTypes: string[] }> {
    const answer = await this.#ask(Operation.Query, {
      queryFunction: [
        QueryFunction.QueryOperations,
        QueryFunction.QueryObjects,
        QueryFunction.QueryServerInformation,
      ],
    });
    return {
      vendor: answer.vendorIdentification ?? null,
      operations: (answer.operation ?? []).map(operationName),
      objectTypes: (answer.objectType ?? []).map((type) => enumName(ObjectType, type)),
    };
  }

  /** An AES key for encryption and decryption. Returns its unique identifier. */
  async create(options: CreateOptions = {}): Promise<string> {
    const attributes: Attribute[] = [
      attribute('Cryptographic Algorithm', CryptographicAlgorithm.AES),
      attribute('Cryptographic Length', options.lengthBits ?? 256),
      attribute('Cryptographic Usage Mask', CryptographicUsageMask.Encrypt | CryptographicUsageMask.Decrypt),
    ];
    if (options.name !== undefined) attributes.push(nameAttribute(options.name));
    if (options.active === true) attributes.push(attribute('Activation Date', Math.floor(Date.now() / 1000)));
    const answer = await this.#ask(Operation.Create, {
      objectType: ObjectType.SymmetricKey,
      templateAttribute: { name: [], attribute: attributes },
    });
    return answer.uniqueIdentifier;
  }

  async activate(uniqueIdentifier: string): Promise<void> {
    await this.#ask(Operation.Activate, { uniqueIdentifier });
  }

  /** The key in the clear. Wipe it when done. */
  async get(
    uniqueIdentifier: string,
  ): Promise<{ algorithm: string; lengthBits: number; material: Uint8Array }> {
    const { object } = await this.#ask(Operation.Get, { uniqueIdentifier });
    if (object.objectType !== ObjectType.SymmetricKey)
      throw new CliError('KMIP_REFUSED', 'not a symmetric key');
    const { keyValue, cryptographicAlgorithm } = object.keyBlock;
    const material = keyValue instanceof Uint8Array ? undefined : keyValue?.keyMaterial;
    if (!(material instanceof Uint8Array))
      throw new CliError('KMIP_REFUSED', 'the key did not come in the clear');
    return {
      algorithm: enumName(CryptographicAlgorithm, cryptographicAlgorithm ?? 0),
      lengthBits: material.length * 8,
      material,
    };
  }

  async encrypt(uniqueIdentifier: string, data: Uint8Array): Promise<Ciphertext> {
    const answer = await this.#ask(Operation.Encrypt, { uniqueIdentifier, data });
    return {
      data: answer.data ?? new Uint8Array(),
      ...(answer.ivCounterNonce === undefined ? {} : { iv: answer.ivCounterNonce }),
      ...(answer.authenticatedEncryptionTag === undefined ? {} : { tag: answer.authenticatedEncryptionTag }),
    };
  }

  async decrypt(uniqueIdentifier: string, ciphertext: Ciphertext): Promise<Uint8Array> {
    const answer = await this.#ask(Operation.Decrypt, {
      uniqueIdentifier,
      data: ciphertext.data,
      ...(ciphertext.iv === undefined ? {} : { ivCounterNonce: ciphertext.iv }),
      ...(ciphertext.tag === undefined ? {} : { authenticatedEncryptionTag: ciphertext.tag }),
    });
    return answer.data ?? new Uint8Array();
  }

  async locate(filter: { name?: string; maximumItems?: number }): Promise<string[]> {
    const answer = await this.#ask(Operation.Locate, {
      ...(filter.maximumItems === undefined ? {} : { maximumItems: filter.maximumItems }),
      attribute: [
        attribute('Object Type', ObjectType.SymmetricKey),
        ...(filter.name === undefined ? [] : [nameAttribute(filter.name)]),
      ],
    });
    return [...(answer.uniqueIdentifier ?? [])];
  }

  /** By attribute name, as text. */
  async getAttributes(uniqueIdentifier: string): Promise<{ name: string; value: string }[]> {
    const answer = await this.#ask(Operation.GetAttributes, { uniqueIdentifier, attributeName: [] });
    return (answer.attribute ?? []).map((item) => ({ name: item.attributeName, value: attributeText(item) }));
  }

  /** Returns the identifier of the key that replaces this one. */
  async reKey(uniqueIdentifier: string): Promise<string> {
    return (await this.#ask(Operation.ReKey, { uniqueIdentifier })).uniqueIdentifier;
  }

  async revoke(
    uniqueIdentifier: string,
    reason: keyof typeof RevocationReasonCode,
    message?: string,
  ): Promise<void> {
    await this.#ask(Operation.Revoke, {
      uniqueIdentifier,
      revocationReason: {
        revocationReasonCode: RevocationReasonCode[reason],
        ...(message === undefined ? {} : { revocationMessage: message }),
      },
    });
  }

  async destroy(uniqueIdentifier: string): Promise<void> {
    await this.#ask(Operation.Destroy, { uniqueIdentifier });
  }

  async #ask<O extends KnownOperation>(operation: O, payload: RequestOf<O>): Promise<ResponseOf<O>> {
    try {
      return await this.#client.request(operation, payload);
    } catch (error) {
      if (error instanceof KmipError) {
        const reason = resultReasonName(error.resultReason);
        const hint = hintOf(error, this.#tenant);
        throw new CliError('KMIP_REFUSED', `${operationName(operation)}: ${error.message} (${reason})`, {
          cause: undefined,
          ...(hint === undefined ? {} : { hint }),
        });
      }
      throw new CliError('KMIP_UNREACHABLE', `${operationName(operation)} got no answer`, {
        cause: error,
        ...(error instanceof KmipClientError ? { hint: unansweredHint(error, this.#server) } : {}),
      });
    }
  }
}

function unansweredHint({ code, hint }: KmipClientError, server: ApplicationAccess['server']): string {
  if (server === undefined) return hint;
  if (code === 'KMIP_CONNECT_FAILED')
    return `see \`okcm status\`; \`okcm start ${server.name}\` starts it again`;
  return code === 'KMIP_CONNECTION_LOST' ? `${hint}; that log is ${server.log}` : hint;
}

const nameAttribute = (name: string): Attribute =>
  attribute('Name', { nameValue: name, nameType: NameType.UninterpretedTextString });

const enumAttributes: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  State,
  'Object Type': ObjectType,
  'Cryptographic Algorithm': CryptographicAlgorithm,
};

function attributeText(item: Attribute): string {
  if (!isStandardAttribute(item.attributeName)) return plain(item.attributeValue.value);
  const value = attributeValue(item);
  const names = enumAttributes[item.attributeName];
  if (names !== undefined && typeof value === 'number') return enumName(names, value);
  if (item.attributeName === 'Cryptographic Usage Mask' && typeof value === 'number') return maskText(value);
  if (item.attributeName.endsWith(' Date') && typeof value === 'number')
    return new Date(value * 1000).toISOString();
  return item.attributeValue.type === ItemType.Structure ? structureText(item.attributeValue) : plain(value);
}

/** One field after the other, with the names that KMIP's JSON has for tags and enumerations. */
function structureText(item: Ttlv): string {
  const { value } = JSON.parse(encodeJson(item)) as JsonItem;
  return fieldsText(value);
}

interface JsonItem {
  readonly tag: string;
  readonly value: string | number | boolean | readonly JsonItem[];
}

function fieldsText(value: JsonItem['value']): string {
  if (typeof value !== 'object') return String(value);
  return value
    .map(({ tag, value: inner }) => {
      const text = fieldsText(inner);
      return typeof inner === 'object' ? `${tag} (${text})` : `${tag} ${text}`;
    })
    .join(', ');
}

function maskText(mask: number): string {
  const names = Object.entries(CryptographicUsageMask).filter(([, bit]) => (mask & bit) !== 0);
  return names.map(([name]) => name).join(' ');
}

function plain(value: unknown): string {
  if (typeof value === 'string') return value;
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (inner instanceof Uint8Array) return Buffer.from(inner).toString('hex');
    return typeof inner === 'bigint' ? inner.toString() : inner;
  });
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new CliError('FILE_UNREADABLE', `${path} cannot be read`, { cause });
  }
}
