/**
 * Every reason for which this gateway turns something down, as one table: the code for logs, metrics and the audit
 * trail, what the client is told, and whether the region's audit trail holds it.
 */
import { KmipError, ResultReason } from '../kmip/index.ts';

interface Refusal {
  readonly resultReason: ResultReason;
  readonly message: string;
  /** False for what is no decision about a caller, but a state of ours. */
  readonly audited: boolean;
}

const denied = (message: string): Refusal => ({
  resultReason: ResultReason.PermissionDenied,
  message,
  audited: true,
});
const retry = (message: string): Refusal => ({
  resultReason: ResultReason.GeneralFailure,
  message,
  audited: false,
});

const absent: Refusal = {
  resultReason: ResultReason.ItemNotFound,
  message: 'no object has this unique identifier',
  audited: true,
};

export const refusals = {
  /** What belongs to others does not exist, as far as the caller may learn (D10): the core says the same words. */
  OTHER_TENANT: absent,
  OTHER_SERVICE: absent,
  SERVICE_NOT_PERMITTED: denied('this identity may not use the service; have it registered for the service'),
  OPERATION_NOT_PERMITTED: denied(
    'this identity may not ask for this operation; have it registered for the operation',
  ),
  MESH_OPERATION: denied(
    'this operation belongs to the link between gateway and core; applications may not ask for it',
  ),
  L3_NOT_READABLE: denied(
    'a service key (l3:) serves Encrypt, Decrypt and key wrapping only; it never leaves the region',
  ),
  USAGE: denied('the object cannot be used this way'),

  LINK_CLOSED: denied(
    'the customer has withdrawn the master key of this tenant; link it again to use its keys',
  ),
  LINK_EXPIRED: denied(
    'the proof of the master key of this tenant has expired; renew the link to use its keys',
  ),
  TENANT_UNKNOWN: denied('the tenant is not provisioned in this region'),
  SERVICE_UNKNOWN: denied('the service is not provisioned in this region'),
  NOT_AUTHORISED: denied('this gateway may not serve the tenant'),
  SEALED: retry('the regional core is sealed; try again when it has been unsealed'),

  CORE_UNREACHABLE: retry('the regional core cannot be reached; try again'),
  CORE_SILENT: retry(
    'the regional core did not answer in time; the outcome is unknown: look at the object before you try again',
  ),
  CORE_ANSWER_UNREADABLE: retry(
    'the answer of the regional core cannot be read, or is too large; the outcome is unknown: look at the object before you try again',
  ),
  CORE_BUSY: retry('too many requests wait for the regional core; try again'),
  NOT_SYNCED: retry('the gateway is catching up with changes of the regional core; try again'),
  LEASE_LOST: retry('the service key was withdrawn while the request ran; try again'),
  WRAPS_SPENT: retry(
    'as much as is safe has been wrapped under the service key, until it is rotated; try again',
  ),
  TOO_MANY_LEASES: retry(
    'the gateway holds the keys of too many services; try again later or at another gateway',
  ),

  BACKLOG_FULL: retry(
    'too many new keys wait for the regional core; Create is refused until it has taken them',
  ),
  KEY_QUOTA: denied(
    'the tenant has as many keys at this gateway as it may; destroy keys that are not needed, or have its quota raised',
  ),
  STORE_UNREACHABLE: retry(
    'the key store of this gateway cannot be reached: new keys, and keys that are not in memory, have to wait; try again',
  ),
  AUDIT_FULL: retry(
    'too many audit events wait for the regional core; Create and Get are refused until it has taken them',
  ),
  KEY_DAMAGED: {
    resultReason: ResultReason.CryptographicFailure,
    message: 'the stored key does not open: its record is damaged or was exchanged',
    audited: true,
  },
  IV_BUDGET_SPENT: denied(
    'as many random IVs as are safe have been used with this key; re-key it, or use another',
  ),
} as const satisfies Record<string, Refusal>;
export type RefusalCode = keyof typeof refusals;

/**
 * A refusal on its way to the client. `detail` is for the client too; whatever it must not learn stays out of it. Without a
 * stack: its code says where it comes from, and when leases are over every request gets one.
 */
export class GatewayRefusal extends KmipError {
  readonly refusal: RefusalCode;

  constructor(refusal: RefusalCode, detail?: string) {
    const { resultReason, message } = refusals[refusal];
    const { stackTraceLimit } = Error;
    try {
      Error.stackTraceLimit = 0;
      super(resultReason, detail ?? message);
    } finally {
      Error.stackTraceLimit = stackTraceLimit;
    }
    this.name = 'GatewayRefusal';
    this.refusal = refusal;
  }

  get audited(): boolean {
    return refusals[this.refusal].audited;
  }
}
