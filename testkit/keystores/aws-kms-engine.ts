// What stands behind the double's protocol: keys, their states, and what each operation does (KMS API reference).
import {
  createCipheriv,
  createDecipheriv,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  randomUUID,
} from 'node:crypto';
import { type ImportAlgorithm, unwrapImport } from '../../platform/key-wrap.ts';

export class KmsException extends Error {
  readonly status: number;
  constructor(name: string, message: string, status = 400) {
    super(message);
    this.name = name;
    this.status = status;
  }
}

type State = 'Enabled' | 'Disabled' | 'PendingDeletion' | 'PendingImport';
type Origin = 'AWS_KMS' | 'EXTERNAL';
type Input = Readonly<Record<string, unknown>>;

interface Key {
  readonly id: string;
  readonly arn: string;
  readonly origin: Origin;
  readonly createdAt: Date;
  state: State;
  material: Buffer | undefined;
  deletionDate: Date | undefined;
  /** Whether the policy allows CMK. */
  allowed: boolean;
  /** Refused to CMK where it may do all else. */
  deniedOperation: string | undefined;
  readonly imports: Map<string, { privateKey: KeyObject; algorithm: ImportAlgorithm; validTo: Date }>;
}

const ACCOUNT = '111122223333';
const IMPORT_HOURS = 24;
const TAG_BYTES = 16;
const NONCE_BYTES = 12;
const ID_BYTES = 36;

export class AwsKmsEngine {
  readonly #keys = new Map<string, Key>();
  readonly #aliases = new Map<string, string>();
  readonly #region: string;
  readonly #guest: string;

  /** `guest` may only use keys whose policy allows it; everybody else is their owner. */
  constructor(region: string, guest: string) {
    this.#region = region;
    this.#guest = guest;
  }

  handle(operation: string, caller: string, input: Input): object {
    const key = (): Key => this.#find(operation, caller, string(input, 'KeyId'));
    switch (operation) {
      case 'CreateKey':
        return { KeyMetadata: this.#metadata(this.#create(origin(input))) };
      case 'DescribeKey':
        return { KeyMetadata: this.#metadata(key()) };
      case 'ListKeys':
        return {
          Keys: [...this.#keys.values()]
            .slice(0, Number(input['Limit'] ?? 100))
            .map(({ id, arn }) => ({ KeyId: id, KeyArn: arn })),
          Truncated: false,
        };
      case 'CreateAlias':
        this.#aliases.set(
          string(input, 'AliasName'),
          this.#find(operation, caller, string(input, 'TargetKeyId')).id,
        );
        return {};
      case 'GenerateDataKey': {
        const usable = this.#usable(key());
        const bytes = input['KeySpec'] === 'AES_256' ? 32 : Number(input['NumberOfBytes'] ?? 16);
        const plaintext = randomBytes(bytes);
        return {
          KeyId: usable.arn,
          Plaintext: plaintext.toString('base64'),
          CiphertextBlob: encrypt(usable, plaintext, input).toString('base64'),
        };
      }
      case 'Encrypt': {
        const usable = this.#usable(key());
        const blob = encrypt(usable, bytesOf(input, 'Plaintext'), input);
        return {
          KeyId: usable.arn,
          CiphertextBlob: blob.toString('base64'),
          EncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
        };
      }
      case 'Decrypt':
        return this.#decrypt(caller, input);
      case 'EnableKey':
        return this.#move(key(), ['Enabled', 'Disabled'], 'Enabled');
      case 'DisableKey':
        return this.#move(key(), ['Enabled', 'Disabled'], 'Disabled');
      case 'ScheduleKeyDeletion': {
        const { arn, deletionDate } = this.#schedule(key());
        return {
          KeyId: arn,
          DeletionDate: seconds(deletionDate),
          KeyState: 'PendingDeletion',
          PendingWindowInDays: 30,
        };
      }
      case 'CancelKeyDeletion': {
        const found = key();
        this.#move(found, ['PendingDeletion'], 'Disabled');
        found.deletionDate = undefined;
        return { KeyId: found.arn };
      }
      case 'GetParametersForImport':
        return this.#parametersForImport(key(), input);
      case 'ImportKeyMaterial':
        return this.#import(key(), input);
      case 'DeleteImportedKeyMaterial': {
        const found = external(key());
        found.material = undefined;
        found.state = 'PendingImport';
        return {};
      }
      default:
        throw new KmsException('UnknownOperationException', `no operation ${operation}`);
    }
  }

  createKey(wanted: Origin): string {
    return this.#create(wanted).arn;
  }
  setState(reference: string, state: State): void {
    const key = this.#find('', '', reference);
    if (state === 'PendingDeletion') this.#schedule(key);
    else key.state = state;
  }
  setAllowed(reference: string, allowed: boolean): void {
    Object.assign(this.#find('', '', reference), { allowed, deniedOperation: undefined });
  }

  deny(reference: string, operation: string): void {
    this.#find('', '', reference).deniedOperation = operation;
  }
  purge(reference: string): void {
    this.#keys.delete(this.#find('', '', reference).id);
  }
  pointAlias(alias: string, reference: string): void {
    this.#aliases.set(alias, this.#find('', '', reference).id);
  }

  #create(wanted: Origin): Key {
    const id = randomUUID();
    const key: Key = {
      id,
      arn: `arn:aws:kms:${this.#region}:${ACCOUNT}:key/${id}`,
      origin: wanted,
      createdAt: new Date(),
      state: wanted === 'AWS_KMS' ? 'Enabled' : 'PendingImport',
      material: wanted === 'AWS_KMS' ? randomBytes(32) : undefined,
      deletionDate: undefined,
      allowed: true,
      deniedOperation: undefined,
      imports: new Map(),
    };
    this.#keys.set(id, key);
    return key;
  }

  /** By ARN, id, alias or the alias' ARN. */
  #find(operation: string, caller: string, reference: string): Key {
    const prefix = `arn:aws:kms:${this.#region}:${ACCOUNT}:`;
    if (reference.startsWith('arn:') && !reference.startsWith(prefix))
      throw new KmsException('InvalidArnException', `Invalid arn ${reference}`);
    const local = reference.replace(prefix, '').replace(/^key\//, '');
    const key = this.#keys.get(local.startsWith('alias/') ? (this.#aliases.get(local) ?? '') : local);
    if (key === undefined)
      throw new KmsException(
        'NotFoundException',
        `${local.startsWith('alias/') ? 'Alias' : 'Key'} '${prefix}${local}' does not exist`,
      );
    if (caller === this.#guest && (!key.allowed || key.deniedOperation === operation))
      throw new KmsException(
        'AccessDeniedException',
        `User: arn:aws:iam::999999999999:user/cmk is not authorized to perform: kms:${operation} on resource: ${key.arn} because no resource-based policy allows the kms:${operation} action`,
      );
    return key;
  }

  #usable(key: Key): Key & { material: Buffer } {
    const { state, material, arn } = key;
    if (state === 'Disabled') throw new KmsException('DisabledException', `${arn} is disabled.`);
    if (state !== 'Enabled' || material === undefined)
      throw new KmsException(
        'KMSInvalidStateException',
        `${arn} is ${state === 'PendingImport' ? 'pending import' : 'pending deletion'}.`,
      );
    return Object.assign(key, { material });
  }

  #decrypt(caller: string, input: Input): object {
    const blob = bytesOf(input, 'CiphertextBlob');
    const owner = this.#keys.get(blob.subarray(0, ID_BYTES).toString('latin1'));
    const named =
      input['KeyId'] === undefined ? owner : this.#find('Decrypt', caller, string(input, 'KeyId'));
    if (owner === undefined) throw new KmsException('InvalidCiphertextException', '');
    if (named !== owner)
      throw new KmsException(
        'IncorrectKeyException',
        'The key ID in the request does not identify a CMK that can perform this operation.',
      );
    const key = this.#usable(this.#find('Decrypt', caller, owner.arn));
    const sealed = blob.subarray(ID_BYTES);
    try {
      const decipher = createDecipheriv('aes-256-gcm', key.material, sealed.subarray(0, NONCE_BYTES));
      decipher.setAAD(contextOf(key, input)).setAuthTag(sealed.subarray(-TAG_BYTES));
      const plain = Buffer.concat([
        decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES)),
        decipher.final(),
      ]);
      return {
        KeyId: key.arn,
        Plaintext: plain.toString('base64'),
        EncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
      };
    } catch {
      throw new KmsException('InvalidCiphertextException', '');
    }
  }

  #move(key: Key, from: readonly State[], to: State): object {
    if (!from.includes(key.state))
      throw new KmsException('KMSInvalidStateException', `${key.arn} is in state ${key.state}.`);
    key.state = to;
    return {};
  }

  #schedule(key: Key): { arn: string; deletionDate: Date } {
    if (key.state === 'PendingDeletion')
      throw new KmsException('KMSInvalidStateException', `${key.arn} is pending deletion.`);
    key.state = 'PendingDeletion';
    key.deletionDate = new Date(Date.now() + 30 * 86_400_000);
    return { arn: key.arn, deletionDate: key.deletionDate };
  }

  #parametersForImport(key: Key, input: Input): object {
    external(key);
    const algorithm = string(input, 'WrappingAlgorithm');
    if (algorithm !== 'RSAES_OAEP_SHA_256')
      throw new KmsException('UnsupportedOperationException', `${algorithm} does not wrap a symmetric key`);
    const bits = Number(/^RSA_(2048|3072|4096)$/.exec(string(input, 'WrappingKeySpec'))?.[1]);
    const pair = generateKeyPairSync('rsa', { modulusLength: bits });
    const token = randomBytes(512);
    const validTo = new Date(Date.now() + IMPORT_HOURS * 3_600_000);
    key.imports.set(token.toString('base64'), { privateKey: pair.privateKey, algorithm, validTo });
    return {
      KeyId: key.arn,
      ImportToken: token.toString('base64'),
      PublicKey: pair.publicKey.export({ type: 'spki', format: 'der' }).toString('base64'),
      ParametersValidTo: seconds(validTo),
    };
  }

  #import(key: Key, input: Input): object {
    external(key);
    const begun = key.imports.get(string(input, 'ImportToken'));
    if (begun === undefined)
      throw new KmsException('InvalidImportTokenException', 'the token is not of this key');
    if (begun.validTo <= new Date())
      throw new KmsException('ExpiredImportTokenException', 'the token has expired');
    if (!['PendingImport', 'Enabled', 'Disabled'].includes(key.state))
      throw new KmsException('KMSInvalidStateException', `${key.arn} is in state ${key.state}.`);
    let material: Buffer;
    try {
      material = unwrapImport(begun.privateKey, begun.algorithm, bytesOf(input, 'EncryptedKeyMaterial'));
    } catch {
      throw new KmsException('InvalidCiphertextException', '');
    }
    if (material.length !== 32)
      throw new KmsException('IncorrectKeyMaterialException', 'the material is no 256-bit symmetric key');
    key.material = material;
    key.state = 'Enabled';
    return {};
  }

  #metadata(key: Key): object {
    return {
      AWSAccountId: ACCOUNT,
      KeyId: key.id,
      Arn: key.arn,
      CreationDate: seconds(key.createdAt),
      Enabled: key.state === 'Enabled',
      Description: '',
      KeyUsage: 'ENCRYPT_DECRYPT',
      KeyState: key.state,
      ...(key.deletionDate && { DeletionDate: seconds(key.deletionDate) }),
      Origin: key.origin,
      ...(key.origin === 'EXTERNAL' &&
        key.material !== undefined && { ExpirationModel: 'KEY_MATERIAL_DOES_NOT_EXPIRE' }),
      KeyManager: 'CUSTOMER',
      CustomerMasterKeySpec: 'SYMMETRIC_DEFAULT',
      KeySpec: 'SYMMETRIC_DEFAULT',
      EncryptionAlgorithms: ['SYMMETRIC_DEFAULT'],
      MultiRegion: false,
    };
  }
}

function encrypt(key: Key & { material: Buffer }, plaintext: Buffer, input: Input): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key.material, nonce).setAAD(contextOf(key, input));
  return Buffer.concat([
    Buffer.from(key.id, 'latin1'),
    nonce,
    cipher.update(plaintext),
    cipher.final(),
    cipher.getAuthTag(),
  ]);
}

function contextOf(key: Key, input: Input): Buffer {
  const context = Object.entries(Object(input['EncryptionContext'] ?? {})).sort(([a], [b]) =>
    a < b ? -1 : 1,
  );
  return Buffer.from(JSON.stringify([key.id, context]));
}

function external(key: Key): Key {
  if (key.origin !== 'EXTERNAL')
    throw new KmsException(
      'UnsupportedOperationException',
      `${key.arn} origin is AWS_KMS which is not valid here.`,
    );
  return key;
}

const origin = (input: Input): Origin => (input['Origin'] === 'EXTERNAL' ? 'EXTERNAL' : 'AWS_KMS');
const seconds = (date: Date): number => date.getTime() / 1000;

function string(input: Input, member: string): string {
  const value = input[member];
  if (typeof value === 'string' && value !== '') return value;
  throw new KmsException(
    'ValidationException',
    `1 validation error detected: Value at '${member}' must not be null`,
  );
}
const bytesOf = (input: Input, member: string): Buffer => Buffer.from(string(input, member), 'base64');
