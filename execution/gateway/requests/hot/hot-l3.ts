/** A data key of the caller, wrapped and unwrapped under its service's leased L3 (D9). */
import { Operation, Tag } from '../../../kmip/index.ts';
import { serviceOfL3Address } from '../../../routing/index.ts';
import type { Lease } from '../../keys/held-lease.ts';
import { MAX_L3_DATA_BYTES } from '../../limits.ts';
import { GatewayRefusal } from '../../refusals.ts';
import { bytesHead, fieldBytes, textHead } from '../../ttlv-writer.ts';
import type { Requester, Services } from '../context.ts';
import { type L3Place, unwrapDataNow, wrapData } from '../l3-data.ts';
import type { Exchange } from './exchange.ts';
import type { Scan } from './scan.ts';

/** An envelope is larger than what it holds, by less than that. */
const MAX_ENVELOPE_OVERHEAD_BYTES = 1_024;
const NOTHING = new Uint8Array(0);

const UNIQUE_IDENTIFIER = textHead(Tag.UniqueIdentifier);
const DATA = bytesHead(Tag.Data);

/** Whether it was answered. */
export function answerUnderL3(
  exchange: Exchange,
  { leases, region }: Services,
  address: string,
  { identity }: Requester,
): boolean {
  const { bytes, scan, writer } = exchange;
  if (scan.operation === Operation.Get || scan.ivLength >= 0 || scan.tagLength >= 0) return false;
  const named = serviceOfL3Address(address);
  const service = identity.services.find((own) => own === named);
  if (service === undefined) return false;
  const { tenant } = identity;
  const { uidAt, uidLength, dataAt, dataLength } = scan;
  // Before a wrap is spent.
  if (!exchange.fits(fieldBytes(uidLength) + fieldBytes(dataLength + MAX_ENVELOPE_OVERHEAD_BYTES)))
    return false;
  const place = { region, tenant, service, aad: scan.aadLength < 0 ? undefined : aadOf(bytes, scan) };
  const given = bytes.subarray(dataAt, dataAt + dataLength);
  const made =
    scan.operation === Operation.Encrypt
      ? wrap(leases.current(tenant, service, exchange.leaseMs), place, given)
      : unwrapDataNow(leases, place, given);
  if (made === undefined) return false;
  exchange.begin(fieldBytes(uidLength) + fieldBytes(made.length));
  writer.copy(UNIQUE_IDENTIFIER, bytes, uidAt, uidLength);
  exchange.isSecret = true;
  writer.copy(DATA, made, 0, made.length);
  // Plain data of the client, or an envelope, which has nothing to hide.
  made.fill(0);
  return true;
}

function wrap(lease: Lease | undefined, place: L3Place, data: Uint8Array): Uint8Array | undefined {
  if (lease === undefined || data.length > MAX_L3_DATA_BYTES) return undefined;
  try {
    return wrapData(lease, place, data);
  } catch (error) {
    // Nothing was spent where nothing is left; the general path says so to the client.
    if (error instanceof GatewayRefusal) return undefined;
    throw error;
  }
}

function aadOf(bytes: Buffer, { aadAt, aadLength }: Scan): Uint8Array {
  return aadLength > 0 ? bytes.subarray(aadAt, aadAt + aadLength) : NOTHING;
}
