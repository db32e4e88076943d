/**
 * What is known of the objects of a case: who made their material, and how they are to be used. It decides whether
 * bytes in an answer can be foretold, and holds the server to what it has said before.
 */
import { createHash } from 'node:crypto';
import {
  CryptographicAlgorithm,
  HashingAlgorithm,
  KeyFormatType,
  ObjectType,
  Operation,
  Tag,
  type Ttlv,
} from '../../execution/kmip/index.ts';
import {
  type Answered,
  attributesNamed,
  bytesAt,
  childrenOf,
  itemAt,
  itemsWith,
  numberAt,
  textAt,
} from './items.ts';

export interface Known {
  /** The server chose the material, so that nobody can foretell it. */
  readonly serverMade: boolean;
  readonly objectType: number | undefined;
  readonly algorithm: number | undefined;
  /** The first Cryptographic Parameters that it was made with. */
  readonly parameters: Ttlv | undefined;
  /** The object of which it is a part. */
  readonly partOf?: string | undefined;
}

export class Ledger {
  readonly #objects = new Map<string, Known>();
  /** Names of attributes that requests have given values for. */
  readonly #given = new Set<string>();
  readonly #said = new Map<string, Buffer>();
  readonly #material = new Map<string, Buffer>();

  of(uid: string | undefined): Known | undefined {
    return uid === undefined ? undefined : this.#objects.get(uid);
  }

  isServerMade(uid: string | undefined): boolean {
    return this.of(uid)?.serverMade === true;
  }

  /** Called for every answered item, before it is compared: what it makes is known when its bytes are looked at. */
  note(item: Answered): void {
    const { operation, request, response, succeeded } = item;
    for (const attribute of itemsWith(request, Tag.Attribute)) {
      const name = textAt(attribute, Tag.AttributeName);
      if (name !== undefined) this.#given.add(name);
    }
    // Revoke gives this one as a field.
    if (itemAt(request, Tag.CompromiseOccurrenceDate) !== undefined)
      this.#given.add('Compromise Occurrence Date');
    if (!succeeded || operation === undefined) return;
    // A successor is what its predecessor was, unless the request says otherwise.
    const before = this.of(
      textAt(request, Tag.UniqueIdentifier) ?? textAt(request, Tag.PrivateKeyUniqueIdentifier),
    );
    const common = {
      algorithm:
        firstNumber(attributesNamed(request, 'Cryptographic Algorithm')) ??
        firstNumber([...itemsWith(request, Tag.CryptographicAlgorithm)]) ??
        before?.algorithm,
      parameters: attributesNamed(request, 'Cryptographic Parameters')[0] ?? before?.parameters,
    };
    const uid = textAt(response, Tag.UniqueIdentifier);
    if (operation === Operation.CreateKeyPair || operation === Operation.ReKeyKeyPair) {
      for (const [tag, objectType] of [
        [Tag.PrivateKeyUniqueIdentifier, ObjectType.PrivateKey],
        [Tag.PublicKeyUniqueIdentifier, ObjectType.PublicKey],
      ] as const)
        this.#put(textAt(response, tag), { ...common, serverMade: true, objectType });
    } else if (operation === Operation.Certify || operation === Operation.ReCertify) {
      this.#put(uid, { ...common, serverMade: true, objectType: ObjectType.Certificate });
    } else if (operation === Operation.Create || operation === Operation.ReKey) {
      const objectType = numberAt(request, Tag.ObjectType) ?? before?.objectType;
      this.#put(uid, { ...common, serverMade: true, objectType });
    } else if (operation === Operation.CreateSplitKey) {
      const partOf = textAt(request, Tag.UniqueIdentifier);
      for (const part of childrenOf(response, Tag.UniqueIdentifier))
        this.#put(String(part.value), {
          ...common,
          serverMade: true,
          objectType: ObjectType.SplitKey,
          partOf,
        });
    } else if (operation === Operation.DeriveKey || operation === Operation.JoinSplitKey) {
      const named = childrenOf(request, Tag.UniqueIdentifier).map(({ value }) => String(value));
      // Joined parts are what was split.
      const bases =
        operation === Operation.JoinSplitKey ? named.map((part) => this.of(part)?.partOf ?? part) : named;
      const serverMade = bases.some((base) => this.isServerMade(base));
      this.#put(uid, { ...common, serverMade, objectType: numberAt(request, Tag.ObjectType) });
    } else if (operation === Operation.Register || operation === Operation.Import) {
      this.#put(uid, { ...common, serverMade: false, objectType: numberAt(request, Tag.ObjectType) });
    } else if (operation === Operation.Get) {
      this.#noteMaterial(uid, request, response);
    }
  }

  /** False when the same question about the object has been answered with other bytes before. */
  isAsBefore(uid: string, question: string, answer: Uint8Array): boolean {
    const key = `${uid} ${question}`;
    const before = this.#said.get(key);
    if (before !== undefined) return before.equals(answer);
    this.#said.set(key, Buffer.from(answer));
    return true;
  }

  /** False when the server has shown the raw material, and this is not its SHA-256. */
  mayBeDigest(uid: string, digest: Ttlv | undefined, value: Uint8Array): boolean {
    const material = this.#material.get(uid);
    const isOfRaw =
      numberAt(digest, Tag.HashingAlgorithm) === HashingAlgorithm.SHA_256 &&
      numberAt(digest, Tag.KeyFormatType) === KeyFormatType.Raw;
    if (material === undefined || !isOfRaw) return true;
    return createHash('sha256').update(material).digest().equals(value);
  }

  wasGiven(attribute: string): boolean {
    return this.#given.has(attribute);
  }

  /** Signatures of DSA and ECDSA are random, and not all of one length. */
  isDsa(uid: string | undefined): boolean {
    const algorithm = this.of(uid)?.algorithm;
    return (
      algorithm === CryptographicAlgorithm.DSA ||
      algorithm === CryptographicAlgorithm.ECDSA ||
      algorithm === CryptographicAlgorithm.EC
    );
  }

  #put(uid: string | undefined, known: Known): void {
    if (uid !== undefined) this.#objects.set(uid, known);
  }

  #noteMaterial(uid: string | undefined, request: Ttlv | undefined, response: Ttlv | undefined): void {
    if (uid === undefined || itemAt(request, Tag.KeyWrappingSpecification) !== undefined) return;
    const block = itemAt(response, Tag.SymmetricKey, Tag.KeyBlock);
    const material = bytesAt(block, Tag.KeyValue, Tag.KeyMaterial);
    if (material !== undefined && numberAt(block, Tag.KeyFormatType) === KeyFormatType.Raw)
      this.#material.set(uid, Buffer.from(material));
  }
}

function firstNumber(items: readonly Ttlv[]): number | undefined {
  const value = items[0]?.value;
  return typeof value === 'number' ? value : undefined;
}
