/** What CMK and the process with the token say to each other. */
import type { KeystoreConfig } from './configs.ts';
import type { KeyFacts, KeyState } from './provider.ts';

export type TokenCall =
  | { readonly what: 'login' }
  | { readonly what: 'inspect'; readonly reference: string }
  | { readonly what: 'generate'; readonly reference: string }
  | { readonly what: 'unwrap'; readonly reference: string; readonly wrapped: Uint8Array }
  | { readonly what: 'create' }
  | { readonly what: 'begin-import' }
  | {
      readonly what: 'finish-import';
      readonly reference: string;
      readonly ticket: string;
      readonly wrapped: Uint8Array;
    };

export interface TokenResults {
  readonly login: object;
  readonly inspect: KeyFacts;
  readonly generate: { readonly plaintext: Uint8Array; readonly wrapped: Uint8Array };
  readonly unwrap: { readonly plaintext: Uint8Array };
  readonly create: { readonly reference: string };
  readonly 'begin-import': {
    readonly reference: string;
    readonly ticket: string;
    readonly modulus: Uint8Array;
    readonly exponent: Uint8Array;
  };
  readonly 'finish-import': object;
}

export interface TokenRequest {
  readonly id: number;
  readonly config: KeystoreConfig<'pkcs11'>;
  readonly call: TokenCall;
  /** Digests of PINs that the token has refused. */
  readonly refusedPins: readonly string[];
}

export type TokenAnswer =
  | { readonly id: number; readonly result: TokenResults[keyof TokenResults] }
  | { readonly id: number; readonly state: KeyState; readonly detail: string; readonly refusedPin?: string };
