/**
 * The PKCS#11 library, loaded only when a region is sealed by a token: `graphene-pk11` is optional, since its native
 * part is compiled at installation (scripts/build-native.ts). What we use of it is declared here, so that the type check
 * needs no token either.
 *
 * Every call into a token blocks the process for as long as the token takes. It is called when the region is unsealed,
 * initialised or moved to another seal, and never while a request waits.
 */
import { errorCode, errorMessage } from '../../../../platform/errors.ts';
import { KeychainError } from '../../errors.ts';

export interface TokenKey {
  getAttribute(wanted: Record<string, null>): Record<string, unknown>;
}
interface Operation {
  once(data: Buffer, output: Buffer): Buffer;
}
export interface TokenSession {
  login(pin: string): void;
  logout(): void;
  close(): void;
  find(template: Record<string, unknown>): { length: number; items(index: number): TokenKey };
  generateKey(mechanism: number, template: Record<string, unknown>): TokenKey;
  createCipher(algorithm: { name: string; params: unknown }, key: TokenKey): Operation;
  createDecipher(algorithm: { name: string; params: unknown }, key: TokenKey): Operation;
}
interface TokenSlot {
  getToken(): { label: string };
  open(flags: number): TokenSession;
}
interface TokenLibrary {
  initialize(): void;
  finalize(): void;
  close(): void;
  getSlots(withToken: true): { length: number; items(index: number): TokenSlot };
}
export interface Graphene {
  readonly Module: { load(path: string): TokenLibrary };
  readonly SessionFlag: { readonly SERIAL_SESSION: number; readonly RW_SESSION: number };
  readonly ObjectClass: { readonly SECRET_KEY: number };
  readonly KeyType: { readonly AES: number };
  readonly KeyGenMechanism: { readonly AES: number };
  readonly AesGcm240Params: new (iv: Buffer, associatedData: Buffer, tagBits: number) => unknown;
}

const PACKAGE: string = 'graphene-pk11';

/** @throws KeychainError SEAL_UNAVAILABLE with the reason and the command that mends it. */
export async function loadGraphene(): Promise<Graphene> {
  try {
    const loaded = (await import(PACKAGE)) as { default?: Graphene } & Graphene;
    return loaded.default ?? loaded;
  } catch (cause) {
    // Below the first line Node lists who required it.
    const [reason] = errorMessage(cause).split('\n');
    throw new KeychainError(
      'SEAL_UNAVAILABLE',
      `${PACKAGE} does not load (${reason}); its native part is compiled when OpenKCM is installed. In the checkout ` +
        'run: npm run build:native. It needs a C++ compiler (Debian: apt-get install -y g++) and says what is missing',
      { cause },
    );
  }
}

export interface TokenAddress {
  /** The vendor's PKCS#11 library, an absolute path. */
  readonly module: string;
  readonly tokenLabel: string;
}

/**
 * Lends a session with the token, logged in. A session for each use: a token that went away and came back is found
 * again.
 * @throws KeychainError SEAL_UNAVAILABLE; whatever `fn` throws.
 */
export function withToken<T>(
  graphene: Graphene,
  { module, tokenLabel }: TokenAddress,
  pin: string,
  fn: (session: TokenSession) => T,
): T {
  const library = attempt(`${module} cannot be loaded`, () => graphene.Module.load(module));
  try {
    attempt(`${module} does not start`, () => library.initialize());
    try {
      const slot = attempt('slots cannot be listed', () => findToken(library, tokenLabel));
      if (slot === undefined)
        throw new KeychainError('SEAL_UNAVAILABLE', `there is no token "${tokenLabel}"`);
      const { SERIAL_SESSION, RW_SESSION } = graphene.SessionFlag;
      const session = attempt('no session', () => slot.open(SERIAL_SESSION | RW_SESSION));
      try {
        session.login(pin);
        return fn(session);
      } finally {
        quietly(() => session.logout());
        quietly(() => session.close());
      }
    } finally {
      quietly(() => library.finalize());
    }
  } finally {
    quietly(() => library.close());
  }
}

/** The CKR_… name of what a token answered, if it is one. */
export function tokenAnswer(error: unknown): string | undefined {
  if (error instanceof KeychainError || !(error instanceof Error)) return undefined;
  return /CKR_[A-Z0-9_]+/.exec(error.message)?.[0] ?? errorCode(error);
}

function findToken(library: TokenLibrary, label: string): TokenSlot | undefined {
  const slots = library.getSlots(true);
  for (let index = 0; index < slots.length; index++) {
    const slot = slots.items(index);
    // PKCS#11 pads labels with blanks.
    if (slot.getToken().label.trimEnd() === label) return slot;
  }
  return undefined;
}

function attempt<T>(what: string, fn: () => T): T {
  try {
    return fn();
  } catch (cause) {
    throw new KeychainError('SEAL_UNAVAILABLE', `${what} (${tokenAnswer(cause) ?? errorMessage(cause)})`, {
      cause,
    });
  }
}

/** On the way out: what matters was done or has failed before. */
function quietly(fn: () => void): void {
  try {
    fn();
  } catch {
    // A token that was pulled out cannot be logged out of.
  }
}
