/** Parts of a chain in a form for other systems: bounded in events and bytes, and to be gone on with behind the last one. */
import type { ChainAnchor } from '../../platform/hash-chain.ts';
import { EXPORT_PAGE, MAX_EXPORT_BYTES, MAX_EXPORT_EVENTS } from '../limits.ts';
import type { Db } from '../store/transactions.ts';
import { chainOf, viewOf } from './event.ts';
import { type AuditFormatName, auditFormats } from './formats.ts';
import { eventsAfter, headOf, inSnapshot } from './read.ts';

export interface ExportRequest {
  readonly format: AuditFormatName;
  /** The event to go on behind; 0 begins, and only then a head is written. */
  readonly after: number;
  /** Events at most; MAX_EXPORT_EVENTS when left out. */
  readonly limit?: number;
}

export interface ExportPart {
  readonly mediaType: string;
  readonly text: string;
  /** The last event that the text holds. */
  readonly last: number;
  /** Whether the chain goes on behind it. */
  readonly more: boolean;
  /** The chain's head at that moment. */
  readonly head: ChainAnchor;
}

export async function exportChain(
  db: Db,
  tenant: string | undefined,
  request: ExportRequest,
): Promise<ExportPart> {
  const chain = chainOf(tenant);
  const { mediaType, head: fileHead, line } = auditFormats[request.format];
  const limit = Math.min(request.limit ?? MAX_EXPORT_EVENTS, MAX_EXPORT_EVENTS);
  return await inSnapshot(db, chain, async (trx) => {
    const head = await headOf(trx, chain);
    const lines: string[] = request.after === 0 ? [fileHead] : [];
    let last = request.after;
    let sizeBytes = 0;
    let taken = 0;
    while (taken < limit) {
      const wanted = Math.min(EXPORT_PAGE, limit - taken);
      const events = await eventsAfter(trx, chain, last, wanted);
      for (const event of events) {
        const text = `${line(chain, viewOf(event))}\n`;
        sizeBytes += Buffer.byteLength(text);
        // The first event is given out however large it is: else nobody would ever get past it.
        if (sizeBytes > MAX_EXPORT_BYTES && taken > 0)
          return { mediaType, text: lines.join(''), last, more: true, head };
        lines.push(text);
        last = Number(event.sequence);
        taken++;
      }
      if (events.length < wanted) return { mediaType, text: lines.join(''), last, more: false, head };
    }
    return { mediaType, text: lines.join(''), last, more: true, head };
  });
}
