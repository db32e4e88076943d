/** One message on its way: bytes in, bytes out, as they come. What streams and buffers have in common. */
import { OpenKcmError } from '../errors.ts';
import { ChunkOpener, type ChunkSealer } from './chunks.ts';
import { type ReadHeader, readHeader } from './header.ts';
import { SealedDataError } from './sealed-data-error.ts';
import type { SecretKey } from './secret-key.ts';

export interface Message {
  push(bytes: Uint8Array): Promise<readonly Uint8Array[]>;
  /** What is left; nothing is pushed after it. */
  finish(): Promise<readonly Uint8Array[]>;
  /** Zeroises; for messages that are given up. */
  wipe(): void;
}

export interface Started {
  readonly header: Uint8Array;
  readonly sealer: ChunkSealer;
  charge(bytes: number): void;
}

/** Seals. `start` gets a data key, when the first bytes come. */
export class SealingMessage implements Message {
  readonly #start: () => Promise<Started>;
  #started: Started | undefined;
  #wiped = false;

  constructor(start: () => Promise<Started>) {
    this.#start = start;
  }

  async push(plain: Uint8Array): Promise<readonly Uint8Array[]> {
    requireBytes(plain);
    const before = await this.#ready();
    this.#started?.charge(plain.length);
    return [...before, ...(this.#started?.sealer.push(plain) ?? [])];
  }

  async finish(): Promise<readonly Uint8Array[]> {
    const before = await this.#ready();
    return this.#started === undefined ? before : [...before, this.#started.sealer.finish()];
  }

  wipe(): void {
    this.#wiped = true;
    this.#started?.sealer.wipe();
  }

  /** The header, the first time. */
  async #ready(): Promise<readonly Uint8Array[]> {
    if (this.#started !== undefined) return [];
    const started = await this.#start();
    this.#started = started;
    if (this.#wiped) started.sealer.wipe();
    return [started.header];
  }
}

/** Opens. `keyFor` gets the message's key, once the header has come. */
export class OpeningMessage implements Message {
  readonly #keyFor: (header: ReadHeader) => Promise<SecretKey>;
  /** While the header is incomplete: it has a few hundred bytes. */
  #head: Buffer = Buffer.alloc(0);
  #opener: ChunkOpener | undefined;
  #wiped = false;

  constructor(keyFor: (header: ReadHeader) => Promise<SecretKey>) {
    this.#keyFor = keyFor;
  }

  async push(sealed: Uint8Array): Promise<readonly Uint8Array[]> {
    requireBytes(sealed);
    if (this.#opener !== undefined) return this.#opener.push(sealed);
    this.#head = Buffer.concat([this.#head, sealed]);
    const header = readHeader(this.#head);
    if (header === undefined) return [];
    const opener = new ChunkOpener(await this.#keyFor(header), 2 ** header.chunkExponent);
    if (this.#wiped) opener.wipe();
    this.#opener = opener;
    const rest = this.#head.subarray(header.sizeBytes);
    this.#head = Buffer.alloc(0);
    return opener.push(rest);
  }

  async finish(): Promise<readonly Uint8Array[]> {
    if (this.#opener === undefined) throw new SealedDataError('TRUNCATED', 'in the header');
    return [this.#opener.finish()];
  }

  wipe(): void {
    this.#wiped = true;
    this.#opener?.wipe();
  }
}

/** Programs without types may hand over what has another length, or none: data that would be left out without a word. */
function requireBytes(bytes: unknown): void {
  if (!(bytes instanceof Uint8Array))
    throw new OpenKcmError('INVALID_REQUEST', 'data to seal or to open is a Uint8Array');
}

/** The whole of a message that lies in memory. */
export async function throughMessage(message: Message, bytes: Uint8Array): Promise<Buffer> {
  try {
    return Buffer.concat([...(await message.push(bytes)), ...(await message.finish())]);
  } catch (error) {
    message.wipe();
    throw error;
  }
}
