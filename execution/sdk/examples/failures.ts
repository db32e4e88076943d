/** What can go wrong, as values; several operations in one message; and what the client has counted. */
import { call, type OpenKcm, Operation, settle } from '../index.ts';

/** What a program can do about a failed call. */
export type Advice = {
  readonly do: 'nothing' | 'try again' | 'look first' | 'give up';
  readonly why: string;
};

export async function adviceFor(kms: OpenKcm, uid: string): Promise<Advice> {
  const outcome = await settle(kms.get(uid, { deadlineMs: 2_000, signal: AbortSignal.timeout(3_000) }));
  if (outcome.ok) {
    using _key = outcome.value; // wiped at the end of the block
    return { do: 'nothing', why: 'the key is there' };
  }
  const { code, reason, retry, hint, message } = outcome.error;
  if (code === 'REFUSED' && reason === 'ItemNotFound') return { do: 'give up', why: 'no such key' };
  if (retry === 'safe') return { do: 'try again', why: message };
  if (retry === 'look-first') return { do: 'look first', why: message };
  return { do: 'give up', why: hint };
}

/** Decrypts in one message what belongs together; those that do not open are left out. */
export async function decryptTogether(
  kms: OpenKcm,
  uid: string,
  sealed: readonly { readonly data: Uint8Array; readonly iv?: Uint8Array; readonly tag?: Uint8Array }[],
): Promise<string[]> {
  const results = await kms.batch(
    sealed.map(({ data, iv, tag }) =>
      call(Operation.Decrypt, {
        uniqueIdentifier: uid,
        data,
        ...(iv === undefined ? {} : { ivCounterNonce: iv }),
        ...(tag === undefined ? {} : { authenticatedEncryptionTag: tag }),
      }),
    ),
  );
  return results.flatMap((result) => (result.ok ? [Buffer.from(result.payload.data ?? []).toString()] : []));
}

/** The share of calls that took a millisecond at most, and all of it for Prometheus. */
export function observed(kms: OpenKcm, operation: string): { within1Ms: number; text: string } {
  const { latency } = kms.metrics.snapshot();
  const histogram = latency[operation];
  const within = histogram?.buckets.find(({ leMs }) => leMs === 1)?.count ?? 0;
  return { within1Ms: within / Math.max(1, histogram?.count ?? 0), text: kms.metrics.prometheus() };
}
