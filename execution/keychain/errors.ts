/** Everything the keychain refuses, with what the caller can do about it. Codes are stable; jobs and leases relay them. */
import { EnvelopeError, SecretWipedError } from '../envelope/index.ts';

export const keychainErrors = {
  SEALED: { meaning: 'the region is sealed', remedy: 'unseal its MasterKey' },
  NOT_INITIALISED: { meaning: 'the region has no MasterKey yet', remedy: 'initialise the region once' },
  WRONG_REGION: {
    meaning: 'this database belongs to another cluster or region',
    remedy: 'correct the configuration; never point two regions at one database',
  },
  SEAL_REJECTED: {
    meaning: 'the seal does not open this region’s unseal key',
    remedy: 'use the seal (and the seal key) with which the region was initialised',
  },
  SEAL_UNAVAILABLE: {
    meaning: 'the seal does not answer',
    remedy: 'bring the token or the transit engine back; a sealed region tries again by itself',
  },
  SHARES_NEEDED: {
    meaning: 'the region waits for the shares of its holders',
    remedy: 'let holders present their shares: okcm region unseal',
  },
  TENANT_UNKNOWN: {
    meaning: 'the tenant is not provisioned in this region',
    remedy: 'provision the tenant first',
  },
  SERVICE_UNKNOWN: {
    meaning: 'the tenant has no such service in this region',
    remedy: 'provision the service first',
  },
  LINK_CLOSED: { meaning: 'the tenant’s link is closed', remedy: 'link its L1 key again, under a new epoch' },
  LINK_EXPIRED: {
    meaning: 'the link, or the message that would carry it, has passed its expiry',
    remedy: 'have governance prove the L1 key afresh and renew',
  },
  EPOCH_CLOSED: {
    meaning: 'this epoch, or a later one, is known or closed: an older one is refused for ever',
    remedy: 'begin a new epoch',
  },
  EPOCH_UNKNOWN: {
    meaning: 'the region has no HPKE key or no open link for this epoch',
    remedy: 'prepare the link again',
  },
  SECRET_REJECTED: {
    meaning: 'the sealed link secret does not open, or is not the one under which L2 stands',
    remedy: 'prepare a new epoch; when linking again, carry the secret of the last opened epoch',
  },
  INVALID_PAYLOAD: {
    meaning: 'a time, epoch or name makes no sense',
    remedy: 'correct the request; check the clocks',
  },
  RECORD_REJECTED: {
    meaning: 'a stored record is damaged, swapped or rolled back',
    remedy: 'stop, find out who wrote to the database, and restore it whole',
  },
  KEY_VERSION_UNKNOWN: {
    meaning: 'the key has no such version',
    remedy: 'look at the inventory of its versions',
  },
  KEY_STATE: {
    meaning: 'the state of the version does not permit this',
    remedy: 'rotate the key first; a destroyed version stays destroyed',
  },
  DEPENDENTS_CHANGED: {
    meaning: 'other objects depend on the version than was said',
    remedy: 'look at the inventory again, and decide anew',
  },
  CUT_OVER: {
    meaning: 'the time of the cut has passed',
    remedy: 'begin another drill; check the clocks of region and governance',
  },
  CONFLICT: {
    meaning: 'another writer changed the tenant’s keys meanwhile',
    remedy: 'try again; nothing of this attempt was kept',
  },
  STORE_UNAVAILABLE: {
    meaning: 'the store of the region’s keys does not answer',
    remedy: 'bring the store back; keys in memory go on being served',
  },
  LIMIT_REACHED: {
    meaning: 'a limit of the region is reached',
    remedy: 'raise the limit or remove what is unused',
  },
  BUSY: { meaning: 'the tenant’s link changed while its keys were being read', remedy: 'try again' },
} as const;
export type KeychainErrorCode = keyof typeof keychainErrors;

export class KeychainError extends Error {
  readonly code: KeychainErrorCode;
  readonly hint: string;
  constructor(code: KeychainErrorCode, detail?: string, options?: { cause?: unknown }) {
    const { meaning, remedy } = keychainErrors[code];
    super(detail === undefined ? meaning : `${meaning}: ${detail}`, options);
    this.name = 'KeychainError';
    this.code = code;
    this.hint = remedy;
  }
}

/** Runs `fn`, turning a refused envelope into RECORD_REJECTED that names the record, so that no caller mistakes it. */
export function openingRecord<T>(what: string, fn: () => T): T {
  try {
    return fn();
  } catch (cause) {
    if (cause instanceof EnvelopeError) throw new KeychainError('RECORD_REJECTED', what, { cause });
    // Sealing the region wipes the root under readings that are under way.
    if (cause instanceof SecretWipedError) throw new KeychainError('SEALED');
    throw cause;
  }
}
