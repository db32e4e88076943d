/** The client's certificate, and who vouches for gateways: read, checked, and replaced while connections are open. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext, type SecureContext } from 'node:tls';
import { OpenKcmError } from '../errors.ts';

/** All as PEM. */
export interface TlsMaterial {
  /** The application's certificate, with its intermediates: the only credential there is (D10). */
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
  /** The issuers of the gateways' certificates. */
  readonly ca: string | Buffer | readonly (string | Buffer)[];
}

/** Material, or a function that gives it anew whenever it is asked. */
export type TlsSource = TlsMaterial | (() => TlsMaterial | Promise<TlsMaterial>);

/** Reads PEM files, now and whenever the client looks for new ones: for certificates that something else renews. */
export function tlsFiles(paths: {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}): () => Promise<TlsMaterial> {
  return async () => {
    const [cert, key, ca] = await Promise.all([
      readFile(paths.cert),
      readFile(paths.key),
      readFile(paths.ca),
    ]);
    return { cert, key, ca };
  };
}

export class TlsIdentity {
  readonly #source: TlsSource;
  #context: SecureContext;
  #digest: string;
  #generation = 0;

  private constructor(source: TlsSource, context: SecureContext, digest: string) {
    this.#source = source;
    this.#context = context;
    this.#digest = digest;
  }

  /** @throws OpenKcmError INVALID_OPTION */
  static async load(source: TlsSource): Promise<TlsIdentity> {
    const material = await materialOf(source);
    return new TlsIdentity(source, contextOf(material), digestOf(material));
  }

  get context(): SecureContext {
    return this.#context;
  }

  /** Grows with each replacement. */
  get generation(): number {
    return this.#generation;
  }

  /** Whether there may ever be something new. */
  get isFixed(): boolean {
    return typeof this.#source !== 'function';
  }

  /**
   * Asks the source. True when there is new material, which counts from now on.
   * @throws OpenKcmError INVALID_OPTION when it is of no use, as while files are half replaced; the old one serves on.
   */
  async reload(): Promise<boolean> {
    const material = await materialOf(this.#source);
    const digest = digestOf(material);
    if (digest === this.#digest) return false;
    this.#context = contextOf(material);
    this.#digest = digest;
    this.#generation++;
    return true;
  }
}

async function materialOf(source: TlsSource): Promise<TlsMaterial> {
  let material: TlsMaterial;
  try {
    material = typeof source === 'function' ? await source() : source;
  } catch (cause) {
    // That of a file names it.
    const detail = cause instanceof Error ? cause.message : String(cause);
    throw new OpenKcmError('INVALID_OPTION', `the TLS material cannot be read: ${detail}`, { cause });
  }
  for (const part of ['cert', 'key', 'ca'] as const)
    if (!isPem(material?.[part]))
      throw new OpenKcmError('INVALID_OPTION', `tls.${part}: PEM, as text or bytes`);
  return material;
}

const isPem = (part: TlsMaterial[keyof TlsMaterial] | undefined): boolean => {
  const parts: readonly unknown[] = [part].flat();
  return parts.length > 0 && parts.every((each) => typeof each === 'string' || Buffer.isBuffer(each));
};

function contextOf({ cert, key, ca }: TlsMaterial): SecureContext {
  try {
    return createSecureContext({ cert, key, ca: [ca].flat(), minVersion: 'TLSv1.2' });
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : 'unreadable';
    throw new OpenKcmError('INVALID_OPTION', `the TLS material is of no use: ${detail}`, {
      hint: 'give PEM, and the private key that belongs to the certificate',
      cause,
    });
  }
}

function digestOf({ cert, key, ca }: TlsMaterial): string {
  const hash = createHash('sha256');
  for (const part of [cert, key, ...[ca].flat()]) hash.update(part).update('\0');
  return hash.digest('hex');
}
