/**
 * Data of an application under its service's L3: the self-contained envelope that Encrypt with `l3:<service>` returns
 * and Decrypt takes back, whichever version of the L3 is active by then (D5, D9).
 */
import { createHash } from 'node:crypto';
import type { RegionId, ServiceName, TenantId } from '../../../contracts/index.ts';
import { type EnvelopeContext, EnvelopeError, ParentKind, parseHeader } from '../../envelope/index.ts';
import { KmipError } from '../../kmip/index.ts';
import type { Lease, LeaseBook } from '../keys/lease-book.ts';

export interface L3Place {
  readonly region: RegionId;
  readonly tenant: TenantId;
  readonly service: ServiceName;
  /** Authenticated Encryption Additional Data of the request: Decrypt must bring the same. */
  readonly aad: Uint8Array | undefined;
}

/** Additional data may be large and is any bytes, so that its digest stands for it in the envelope's context. */
function contextOf({ region, tenant, service, aad }: L3Place): EnvelopeContext {
  const objectId = aad === undefined ? '' : createHash('sha256').update(aad).digest('hex');
  return { region, tenant, service, level: 'application-data', objectId, version: 1, revision: 1 };
}

export function wrapData(lease: Lease, place: L3Place, plain: Uint8Array): Uint8Array {
  return lease.active.wrap(plain, contextOf(place));
}

/** The plain data, for the caller to wipe. @throws KmipError Cryptographic Failure; GatewayRefusal of the lease. */
export async function unwrapData(leases: LeaseBook, place: L3Place, data: Uint8Array): Promise<Buffer> {
  const { tenant, service } = place;
  try {
    const header = parseHeader(data);
    if (header.parentKind !== ParentKind.L3) throw new EnvelopeError('WRONG_PARENT');
    let lease = leases.current(tenant, service) ?? (await leases.acquire(tenant, service));
    // Another gateway may have wrapped under a version that is younger than our lease; an older one that is missing
    // was destroyed, and asking again would only let a caller with rubbish drive us.
    if (
      header.parentVersion > lease.active.parent.version &&
      lease.version(header.parentVersion) === undefined
    ) {
      lease = await leases.refresh(tenant, service);
    }
    const session = lease.version(header.parentVersion);
    if (session === undefined) throw new EnvelopeError('WRONG_PARENT');
    return session.unwrapData(data, contextOf(place));
  } catch (error) {
    if (error instanceof EnvelopeError) {
      throw KmipError.cryptographicFailure(
        'the data does not open under this service key: it was made elsewhere, for other additional data, or altered',
      );
    }
    throw error;
  }
}
