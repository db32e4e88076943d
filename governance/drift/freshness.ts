/**
 * What is told of a class only goes forward: manifests are recorded by whoever reads the broker, signed as they are, and an old one
 * that agrees would hide what has changed in the region since.
 */
import { sql } from 'kysely';
import type { ManifestClass } from '../../contracts/index.ts';
import type { RejectionCode } from '../../orbital/index.ts';
import { MAX_MANIFEST_AGE_MS, MAX_MANIFEST_OVERTAKEN_MS, MAX_REPORT_AHEAD_MS } from '../limits.ts';
import type { Trx } from '../store/transactions.ts';

/** Why a manifest that was signed at `at` is not looked at, whatever was told before. Both in milliseconds since 1970. */
export function whyFarFromNow(at: number, now: number): RejectionCode | undefined {
  if (at > now + MAX_REPORT_AHEAD_MS) return 'CLOCK_AHEAD';
  return at < now - MAX_MANIFEST_AGE_MS ? 'REPLAYED' : undefined;
}

/**
 * Of the named classes those of which nothing was told that was signed at `at` or later; from now on that is `at`. Undefined: far more
 * was told since of one of them than cores of one region, whose clocks differ, and a broker that repeats explain. Of two at a time
 * the second waits for the first.
 */
export async function goForward(
  trx: Trx,
  source: string,
  classes: readonly ManifestClass[],
  at: Date,
): Promise<ReadonlySet<ManifestClass> | undefined> {
  const named = [...new Set(classes)].sort();
  const latest = new Date(at.getTime() + MAX_MANIFEST_OVERTAKEN_MS);
  const recorded = await trx
    .selectFrom('drift_told')
    .select('class')
    .where('region', '=', source)
    .where('class', 'in', named)
    .where('signed_at', '>', latest)
    .limit(1)
    .executeTakeFirst();
  if (recorded !== undefined) return undefined;
  const { rows } = await sql<{ class: ManifestClass }>`
    INSERT INTO drift_told AS t (region, class, signed_at)
      SELECT r.name, said.class, ${at} FROM regions r, unnest(${named}::text[]) AS said (class)
        WHERE r.name = ${source} ORDER BY said.class
      ON CONFLICT (region, class) DO UPDATE SET signed_at = excluded.signed_at
        WHERE t.signed_at < excluded.signed_at
      RETURNING class`.execute(trx);
  return new Set(rows.map((row) => row.class));
}
