/**
 * Data of an application under its service's L3: the self-contained envelope that Encrypt with `l3:<service>` returns
 * and Decrypt takes back, whichever version of the L3 is active by then (D5, D9).
 */
import { createHash } from 'node:crypto';
import type { RegionId, ServiceName, TenantId } from '../../../contracts/index.ts';
import { type EnvelopeContext, EnvelopeError, ParentKind, parseHeader } from '../../envelope/index.ts';
import { KmipError } from '../../kmip/index.ts';
import type { Lease } from '../keys/held-lease.ts';
import type { LeaseBook } from '../keys/lease-book.ts';

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
  return lease.wrap(plain, contextOf(place));
}

/** As `unwrapData`, when the version is in memory and the data is in order; undefined otherwise. */
export function unwrapDataNow(leases: LeaseBook, place: L3Place, data: Uint8Array): Buffer | undefined {
  try {
    const header = parseHeader(data);
    if (header.parentKind !== ParentKind.L3) return undefined;
    return leases.ready(place, header.parentVersion)?.unwrapData(data, contextOf(place));
  } catch (error) {
    if (error instanceof EnvelopeError) return undefined;
    throw error;
  }
}

/** The plain data, for the caller to wipe. @throws KmipError Cryptographic Failure; GatewayRefusal of the lease. */
export async function unwrapData(leases: LeaseBook, place: L3Place, data: Uint8Array): Promise<Buffer> {
  try {
    const header = parseHeader(data);
    if (header.parentKind !== ParentKind.L3) throw new EnvelopeError('WRONG_PARENT');
    const context = contextOf(place);
    return await leases.open(place, header.parentVersion, (session) => session.unwrapData(data, context));
  } catch (error) {
    if (error instanceof EnvelopeError) {
      throw KmipError.cryptographicFailure(
        'the data does not open under this service key: it was made elsewhere, for other additional data, or altered',
      );
    }
    throw error;
  }
}
