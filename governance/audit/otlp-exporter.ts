/**
 * Sends every chain to an OTLP endpoint, in the order of each chain and at least once: what has been taken is written
 * down after each request, and whoever comes next goes on there. Nothing is called inside a transaction (D13), and nothing
 * is ever left out: what the endpoint does not take is sent again, with growing pauses.
 */
import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { backoffMs } from '../../platform/backoff.ts';
import { errorMessage } from '../../platform/errors.ts';
import type { Logger } from '../../platform/log.ts';
import {
  MAX_OTLP_BYTES,
  MAX_OTLP_EVENTS,
  MAX_OTLP_PAUSE_MS,
  OTLP_CHAINS,
  OTLP_CLAIM_MS,
  OTLP_REQUESTS_PER_ROUND,
  OTLP_RETRY,
  OTLP_TIMEOUT_MS,
} from '../limits.ts';
import { asPlatform, type Db, type Trx } from '../store/transactions.ts';
import type { OtlpConfig } from './config.ts';
import { viewOf } from './event.ts';
import type { AuditMetrics } from './metrics.ts';
import { type ChainEvent, logsRequest } from './otlp.ts';
import { eventsAfter } from './read.ts';

export interface ExporterParts {
  readonly db: Db;
  readonly cluster: string;
  readonly otlp: OtlpConfig;
  readonly logger: Logger;
  readonly metrics: AuditMetrics;
}

const EXPORTER = 'otlp';
const MAX_ANSWER_BYTES = 64 * 1024;

/** The endpoint has not taken a request. */
class NotTakenError extends Error {
  /** As the endpoint asked for, in milliseconds. */
  readonly retryAfterMs: number | undefined;
  constructor(message: string, retryAfterMs?: number) {
    super(message);
    this.retryAfterMs = retryAfterMs;
  }
}

interface Batch {
  readonly events: readonly ChainEvent[];
  /** The last event of each chain in it. */
  readonly positions: ReadonlyMap<string, number>;
}

export class OtlpExporter {
  readonly #parts: ExporterParts;
  readonly #claim = randomUUID();
  #failures = 0;
  #notBeforeMs = 0;

  constructor(parts: ExporterParts) {
    this.#parts = parts;
  }

  /** Sends what there is, OTLP_REQUESTS_PER_ROUND requests at most, unless another process is at it. */
  async run(): Promise<void> {
    const { db } = this.#parts;
    if (performance.now() < this.#notBeforeMs || !(await claim(db, this.#claim))) return;
    try {
      await this.#round();
    } finally {
      await release(db, this.#claim);
    }
  }

  async #round(): Promise<void> {
    const { db, logger, metrics } = this.#parts;
    for (let sent = 0; sent < OTLP_REQUESTS_PER_ROUND; sent++) {
      const batch = await nextBatch(db);
      if (batch.events.length === 0) break;
      try {
        await this.#send(batch.events);
      } catch (error) {
        const asked = error instanceof NotTakenError ? error.retryAfterMs : undefined;
        const pauseMs = Math.min(asked ?? backoffMs(this.#failures++, OTLP_RETRY), MAX_OTLP_PAUSE_MS);
        this.#notBeforeMs = performance.now() + pauseMs;
        metrics.exportFailed();
        // The message alone: what lies below it may name the headers, which hold a credential.
        logger.warn(
          { cause: errorMessage(error), pauseMs },
          'the OTLP endpoint has not taken audit events; they are sent again',
        );
        return;
      }
      this.#failures = 0;
      if (!(await advance(db, this.#claim, batch.positions))) return;
      metrics.exported(batch.events.length);
    }
  }

  async #send(events: readonly ChainEvent[]): Promise<void> {
    const { cluster, otlp, logger } = this.#parts;
    const response = await fetch(otlp.url, {
      method: 'POST',
      headers: { ...otlp.headers, 'content-type': 'application/json' },
      body: logsRequest(cluster, events),
      redirect: 'error',
      signal: AbortSignal.timeout(OTLP_TIMEOUT_MS),
    });
    const answer = await readBounded(response);
    if (!response.ok) throw new NotTakenError(`status ${response.status}`, retryAfterOf(response));
    const rejected = rejectedOf(answer);
    // The protocol forbids to send these again: the endpoint has judged them, not lost them.
    if (rejected > 0) logger.error({ rejected }, 'the OTLP endpoint has rejected audit events');
  }
}

/** Whether this process is the one that sends, until OTLP_CLAIM_MS from now. */
async function claim(db: Db, id: string): Promise<boolean> {
  return await asPlatform(db, async (trx) => {
    const { rows } = await sql`
      INSERT INTO audit_exporters AS e (exporter, claim, claimed_until)
        VALUES (${EXPORTER}, ${id}, now() + ${OTLP_CLAIM_MS} * interval '1 millisecond')
        ON CONFLICT (exporter) DO UPDATE SET claim = excluded.claim, claimed_until = excluded.claimed_until
          WHERE e.claim = excluded.claim OR e.claimed_until IS NULL OR e.claimed_until < now()
        RETURNING exporter`.execute(trx);
    return rows.length > 0;
  });
}

async function release(db: Db, id: string): Promise<void> {
  await asPlatform(db, (trx) =>
    trx
      .updateTable('audit_exporters')
      .set({ claimed_until: null })
      .where('exporter', '=', EXPORTER)
      .where('claim', '=', id)
      .execute(),
  );
}

/** The oldest that has not been sent, of OTLP_CHAINS chains at most, each with a fair share. */
async function nextBatch(db: Db): Promise<Batch> {
  return await asPlatform(db, async (trx) => {
    const { rows } = await sql<{ tenant: string; sent: string }>`
      SELECT h.tenant, coalesce(p.sequence, 0)::text AS sent FROM audit_heads h
        LEFT JOIN audit_export_positions p ON p.tenant = h.tenant AND p.exporter = ${EXPORTER}
        WHERE h.sequence > coalesce(p.sequence, 0) ORDER BY h.tenant LIMIT ${OTLP_CHAINS}`.execute(trx);
    const share = Math.ceil(MAX_OTLP_EVENTS / Math.max(1, rows.length));
    const events: ChainEvent[] = [];
    const positions = new Map<string, number>();
    let sizeBytes = 0;
    for (const { tenant, sent } of rows)
      for (const stored of await eventsAfter(trx, tenant, Number(sent), share)) {
        const isFull = events.length >= MAX_OTLP_EVENTS || sizeBytes >= MAX_OTLP_BYTES;
        if (isFull) return { events, positions };
        const event = viewOf(stored);
        sizeBytes += Buffer.byteLength(stored.detail) + stored.subject.length;
        events.push({ chain: tenant, event });
        positions.set(tenant, event.sequence);
      }
    return { events, positions };
  });
}

/** False when the claim has gone to somebody else meanwhile: then that one knows better. */
async function advance(db: Db, id: string, positions: Batch['positions']): Promise<boolean> {
  return await asPlatform(db, async (trx) => {
    const { rows } = await sql`
      UPDATE audit_exporters SET claimed_until = now() + ${OTLP_CLAIM_MS} * interval '1 millisecond'
        WHERE exporter = ${EXPORTER} AND claim = ${id} RETURNING exporter`.execute(trx);
    if (rows.length === 0) return false;
    await writePositions(trx, positions);
    return true;
  });
}

async function writePositions(trx: Trx, positions: Batch['positions']): Promise<void> {
  await trx
    .insertInto('audit_export_positions')
    .values([...positions].map(([tenant, sequence]) => ({ tenant, exporter: EXPORTER, sequence })))
    .onConflict((conflict) =>
      conflict.columns(['tenant', 'exporter']).doUpdateSet({ sequence: sql<number>`excluded.sequence` }),
    )
    .execute();
}

async function readBounded(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let sizeBytes = 0;
  for await (const chunk of response.body ?? []) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > MAX_ANSWER_BYTES) break;
    text += decoder.decode(chunk, { stream: true });
  }
  return text;
}

/** Retry-After in seconds or as a date (RFC 9110 §10.2.3). */
function retryAfterOf(response: Response): number | undefined {
  const header = response.headers.get('retry-after');
  if (header === null) return undefined;
  const ms = /^\d{1,9}$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isFinite(ms) && ms > 0 ? ms : undefined;
}

function rejectedOf(answer: string): number {
  try {
    const parsed = JSON.parse(answer) as { partialSuccess?: { rejectedLogRecords?: number | string } };
    const rejected = Number(parsed.partialSuccess?.rejectedLogRecords ?? 0);
    return Number.isFinite(rejected) ? rejected : 0;
  } catch {
    return 0;
  }
}
