/**
 * A token behind PKCS#11: an HSM, or SoftHSM. A reference is a PKCS#11 URI of an AES-256 key; link secrets are encrypted by
 * it with AES-GCM inside the token.
 *
 * The vendor's library blocks whoever calls it and may bring down its process. So it lives in a process of its own
 * (pkcs11-worker.ts), which is started when the token is used, ended when it has been idle, and killed when a call takes
 * too long.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { createPublicKey } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { KeystoreConfig } from './configs.ts';
import type { TokenAnswer, TokenCall, TokenResults } from './pkcs11-calls.ts';
import {
  type DataKey,
  type ImportParameters,
  type ImportTicket,
  KEYSTORE_TIMEOUT_MS,
  type KeyFacts,
  type KeystoreDriver,
  KeystoreError,
  LINK_SECRET_BYTES,
} from './provider.ts';

const WORKER = fileURLToPath(new URL('./pkcs11-worker.ts', import.meta.url));
const IDLE_MS = 30_000;
/** Generating an RSA pair in a token takes its time. */
const CALL_TIMEOUT_MS = { ordinary: KEYSTORE_TIMEOUT_MS, import: 25_000 } as const;
const MAX_WAITING = 256;
const MAX_REFUSED_PINS = 64;
const PREFIX = 'pkcs11.v1.';
const WRAPPED = /^pkcs11\.v1\.[A-Za-z0-9_-]{1,256}$/;
/** Tokens take SHA-1 in OAEP everywhere, and other hashes here and there; OAEP does not rest on its collisions. */
const IMPORT_ALGORITHM = 'RSA_AES_KEY_WRAP_SHA_1';
const IMPORT_MS = 24 * 3_600_000;

interface Waiting {
  readonly resolve: (value: TokenResults[keyof TokenResults]) => void;
  readonly reject: (error: KeystoreError) => void;
  readonly timer: NodeJS.Timeout;
}

export class Pkcs11Keystore implements KeystoreDriver {
  readonly kind = 'pkcs11';
  readonly #config: KeystoreConfig<'pkcs11'>;
  readonly #waiting = new Map<number, Waiting>();
  #worker: ChildProcess | undefined;
  #idle: NodeJS.Timeout | undefined;
  #last = 0;
  /** A token locks after a few wrong PINs, and a prober asks for ever: no PIN is tried twice, whichever process it was. */
  readonly #refusedPins = new Set<string>();

  constructor(config: KeystoreConfig<'pkcs11'>) {
    this.#config = config;
  }

  async inspect(reference: string): Promise<KeyFacts> {
    return await this.#call({ what: 'inspect', reference });
  }

  async generateDataKey(reference: string): Promise<DataKey> {
    const { plaintext, wrapped } = await this.#call({ what: 'generate', reference });
    return { plaintext: secretOf(plaintext), wrapped: PREFIX + bufferOf(wrapped).toString('base64url') };
  }

  async unwrap(reference: string, wrapped: string): Promise<Buffer> {
    if (!WRAPPED.test(wrapped))
      throw new KeystoreError('UNKNOWN', 'the wrapped secret is not of this keystore');
    const bytes = Buffer.from(wrapped.slice(PREFIX.length), 'base64url');
    return secretOf((await this.#call({ what: 'unwrap', reference, wrapped: bytes })).plaintext);
  }

  /** A token lets in whoever knows its PIN; what one key allows is no matter of that. */
  async credentialIsGood(): Promise<boolean> {
    return await this.#call({ what: 'login' }).then(
      () => true,
      () => false,
    );
  }

  async createKey(): Promise<string> {
    return (await this.#call({ what: 'create' })).reference;
  }

  async beginImport(): Promise<ImportParameters> {
    const { reference, ticket, modulus, exponent } = await this.#call({ what: 'begin-import' });
    const jwk = {
      kty: 'RSA',
      n: bufferOf(modulus).toString('base64url'),
      e: bufferOf(exponent).toString('base64url'),
    };
    return {
      reference,
      algorithm: IMPORT_ALGORITHM,
      material: 'AES_256',
      publicKey: createPublicKey({ key: jwk, format: 'jwk' })
        .export({ type: 'spki', format: 'pem' })
        .toString(),
      expiresAt: new Date(Date.now() + IMPORT_MS),
      ticket,
    };
  }

  async finishImport({ reference, ticket }: ImportTicket, wrapped: Buffer): Promise<void> {
    await this.#call({ what: 'finish-import', reference, ticket, wrapped });
  }

  async #call<C extends TokenCall>(call: C): Promise<TokenResults[C['what']]> {
    if (this.#waiting.size >= MAX_WAITING)
      throw new KeystoreError('UNREACHABLE', `${MAX_WAITING} calls wait for the token already`);
    const worker = this.#started();
    this.#last += 1;
    const id = this.#last;
    const ms = call.what.endsWith('import') ? CALL_TIMEOUT_MS.import : CALL_TIMEOUT_MS.ordinary;
    const answer = await new Promise<TokenResults[keyof TokenResults]>((resolve, reject) => {
      const late = new KeystoreError('UNREACHABLE', `the token did not answer within ${ms} ms`);
      const timer = setTimeout(() => this.#end(worker, late), ms);
      this.#waiting.set(id, { resolve, reject, timer });
      worker.ref();
      worker.channel?.ref();
      worker.send({ id, config: this.#config, call, refusedPins: [...this.#refusedPins] }, (error) => {
        if (error !== null)
          this.#end(
            worker,
            new KeystoreError('UNREACHABLE', 'the process with the token has ended', { cause: error }),
          );
      });
    });
    return answer as TokenResults[C['what']];
  }

  #started(): ChildProcess {
    clearTimeout(this.#idle);
    if (this.#worker !== undefined) return this.#worker;
    const worker = fork(WORKER, [], {
      serialization: 'advanced',
      execArgv: [],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    this.#worker = worker;
    worker.on('message', (message: TokenAnswer) => this.#answered(message));
    const gone = (): void =>
      this.#end(worker, new KeystoreError('UNREACHABLE', 'the process with the token has ended'));
    worker.on('error', gone);
    worker.on('exit', gone);
    return worker;
  }

  #answered(message: TokenAnswer): void {
    const waiting = this.#waiting.get(message.id);
    if (waiting === undefined) return;
    this.#waiting.delete(message.id);
    clearTimeout(waiting.timer);
    if ('state' in message && message.refusedPin !== undefined) {
      if (this.#refusedPins.size >= MAX_REFUSED_PINS) this.#refusedPins.clear();
      this.#refusedPins.add(message.refusedPin);
    }
    if ('state' in message) waiting.reject(new KeystoreError(message.state, message.detail));
    else waiting.resolve(message.result);
    if (this.#waiting.size > 0) return;
    // Nothing keeps a process alive that only waits for calls.
    const worker = this.#worker;
    worker?.unref();
    worker?.channel?.unref();
    this.#idle = setTimeout(() => worker?.kill(), IDLE_MS);
    this.#idle.unref();
  }

  /** Whatever waits for this worker learns why; the next call starts another. */
  #end(worker: ChildProcess, error: KeystoreError): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    clearTimeout(this.#idle);
    worker.kill('SIGKILL');
    for (const [id, waiting] of this.#waiting) {
      this.#waiting.delete(id);
      clearTimeout(waiting.timer);
      waiting.reject(error);
    }
  }
}

function secretOf(plaintext: Uint8Array): Buffer {
  if (plaintext.length === LINK_SECRET_BYTES) return bufferOf(plaintext);
  plaintext.fill(0);
  throw new KeystoreError('UNKNOWN', 'what the token opened is no link secret');
}

const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
