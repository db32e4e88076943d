/**
 * A vendor's PKCS#11 library, by way of `graphene-pk11`. That is optional, since its native part is compiled at
 * installation (scripts/build-native.ts); what we use of it is declared here, so that the type check needs none of it.
 */
import { errorCode, errorMessage } from '../../platform/errors.ts';
import { type KeyState, KeystoreError } from './provider.ts';

export type Template = Readonly<Record<string, unknown>>;
export interface TokenObject {
  getAttribute(wanted: Record<string, null>): Record<string, unknown>;
  destroy(): void;
}
export interface Mechanism {
  readonly name: string;
  readonly params: unknown;
}
interface Operation {
  once(data: Buffer, output: Buffer): Buffer;
}
export interface TokenSession {
  login(pin: string): void;
  logout(): void;
  close(): void;
  find(template: Template): { length: number; items(index: number): TokenObject };
  generateKey(mechanism: number, template: Template): TokenObject;
  generateKeyPair(
    mechanism: number,
    publicTemplate: Template,
    privateTemplate: Template,
  ): { publicKey: TokenObject; privateKey: TokenObject };
  createCipher(mechanism: Mechanism, key: TokenObject): Operation;
  createDecipher(mechanism: Mechanism, key: TokenObject): Operation;
  unwrapKey(
    mechanism: Mechanism | string,
    key: TokenObject,
    wrapped: Buffer,
    template: Template,
  ): TokenObject;
}
interface TokenLibrary {
  initialize(): void;
  finalize(): void;
  close(): void;
  getSlots(withToken: true): { length: number; items(index: number): TokenSlot };
}
interface TokenSlot {
  getToken(): { label: string };
  open(flags: number): TokenSession;
}
export interface Graphene {
  readonly Module: { load(path: string): TokenLibrary };
  readonly SessionFlag: { readonly SERIAL_SESSION: number; readonly RW_SESSION: number };
  readonly ObjectClass: { readonly SECRET_KEY: number; readonly PRIVATE_KEY: number };
  readonly KeyType: { readonly AES: number; readonly RSA: number };
  readonly KeyGenMechanism: { readonly AES: number; readonly RSA: number };
  readonly AesGcm240Params: new (iv: Buffer, associatedData: Buffer, tagBits: number) => unknown;
  readonly RsaOaepParams: new () => unknown;
}

const PACKAGE: string = 'graphene-pk11';

/** Errors: KeystoreError UNREACHABLE with the reason and the command that mends it. */
export async function loadGraphene(): Promise<Graphene> {
  try {
    const loaded = (await import(PACKAGE)) as { default?: Graphene } & Graphene;
    return loaded.default ?? loaded;
  } catch (cause) {
    const [reason] = errorMessage(cause).split('\n');
    throw new KeystoreError(
      'UNREACHABLE',
      `${PACKAGE} does not load (${reason}); in the checkout run: npm run build:native`,
      { cause },
    );
  }
}

/**
 * Lends a session with the token, logged in. A session for each use: a token that went away and came back is found again.
 * Errors: KeystoreError UNREACHABLE; whatever `fn` or the token throws.
 */
export function withToken<T>(
  graphene: Graphene,
  { module, tokenLabel }: { readonly module: string; readonly tokenLabel: string },
  pin: string,
  fn: (session: TokenSession) => T,
): T {
  const library = attempt(`${module} cannot be loaded`, () => graphene.Module.load(module));
  try {
    attempt(`${module} does not start`, () => library.initialize());
    try {
      const slot = attempt('slots cannot be listed', () => findToken(library, tokenLabel));
      if (slot === undefined) throw new KeystoreError('UNREACHABLE', `there is no token "${tokenLabel}"`);
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
export const tokenAnswer = (error: unknown): string | undefined =>
  error instanceof Error ? (/CKR_[A-Z0-9_]+/.exec(error.message)?.[0] ?? errorCode(error)) : undefined;

/** Return values of PKCS#11 that say something of a key, or that the token is away. */
export function tokenState(answer: string): KeyState {
  if (/^CKR_(KEY_FUNCTION_NOT_PERMITTED|KEY_TYPE_INCONSISTENT)$/.test(answer)) return 'DISABLED';
  if (/^CKR_(ACTION_PROHIBITED|FUNCTION_REJECTED)$/.test(answer)) return 'FORBIDDEN';
  // A handle that is no longer one is a token that was changed over in between; a key that is gone is not found the next time.
  if (
    /^CKR_(KEY_HANDLE_|OBJECT_HANDLE_|DEVICE_|TOKEN_NOT|SESSION_|SLOT_|CRYPTOKI_NOT|HOST_MEMORY|FUNCTION_CANCELED|USER_NOT_LOGGED)/.test(
      answer,
    )
  )
    return 'UNREACHABLE';
  return 'UNKNOWN';
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
    throw new KeystoreError('UNREACHABLE', `${what} (${tokenAnswer(cause) ?? errorMessage(cause)})`, {
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
