/** Comparing what regions hold with what governance wants of them, again and again: from digests to jobs. */
import { randomUUID } from 'node:crypto';
import type { RejectionCode } from '../../orbital/index.ts';
import type { Cmk } from '../context.ts';
import { storeReport } from '../domain/reports.ts';
import { examineAnswers } from './examine.ts';
import { askForPages, checkPages, storeManifest } from './pages.ts';

/** What a region says of itself: a part of its manifest, or how it is. Answers why it is refused, if it is. */
export function onRegionReport(
  cmk: Cmk,
  source: string,
  report: unknown,
  told: { readonly at: string; readonly signedBy: string },
): Promise<RejectionCode | undefined> {
  const { kind } = (report ?? {}) as { readonly kind?: unknown };
  return kind === 'manifest'
    ? storeManifest(cmk, source, report, told.at)
    : storeReport(cmk, source, report, told);
}

/** One round; what it leaves the next one finds in the database. */
export async function compareManifests(cmk: Cmk): Promise<void> {
  await checkPages(cmk);
  await askForPages(cmk, randomUUID);
  await examineAnswers(cmk, randomUUID);
}
