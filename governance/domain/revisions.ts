/**
 * Revisions of what is shown (RFC 9110 §8.8): equal views have equal tags. Whoever changes a thing may name the revision
 * that they have looked at; the change is refused when it is another by then, in the transaction of the change.
 */
import { createHash } from 'node:crypto';
import { CmkError } from '../errors.ts';

/** A strong entity tag, quotes included. */
export function revisionOf(view: object): string {
  return `"${createHash('sha256').update(JSON.stringify(view)).digest('base64url').slice(0, 22)}"`;
}

/** Whether one of the tags of an If-Match or If-None-Match header is this revision. Weak tags and strong ones differ. */
export const names = (header: string, revision: string): boolean =>
  header.trim() === '*' || header.split(',').some((tag) => tag.trim() === revision);

/** Throws REVISION_DIFFERS. `ifMatch` is the header as it came; without one whatever there is may be changed. */
export function requireRevision(view: object, ifMatch: string | undefined): void {
  if (ifMatch === undefined) return;
  const revision = revisionOf(view);
  if (!names(ifMatch, revision))
    throw new CmkError('REVISION_DIFFERS', `what shall be changed is at revision ${revision} by now`);
}
