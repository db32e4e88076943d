/**
 * Marking statuses as sent, many in one statement. Nobody waits for it: a mark that is lost, by a crash or because the
 * database was away, leaves a row unsent, which costs the manager a repeat that changes nothing (D11).
 */
import { MAX_SENT_MARKS, SENT_MARK_BATCH, SENT_MARK_DELAY_MS } from '../limits.ts';
import type { Answer } from './inbox.ts';
import type { OperatorDb } from './schema.ts';

export interface SentMarks {
  /** Written within SENT_MARK_DELAY_MS or so. */
  add(answer: Answer): void;
  /** Resolves when everything added before has been written, or given up. */
  settle(): Promise<void>;
}

export function createSentMarks(db: OperatorDb): SentMarks {
  const waiting: Answer[] = [];
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> | undefined;

  async function writeAll(): Promise<void> {
    while (waiting.length > 0) {
      const answers = waiting.splice(0, SENT_MARK_BATCH);
      await mark(db, answers).catch(() => {}); // given up: they are published once more
    }
  }
  /** What comes while it writes is written, too. */
  function write(): void {
    clearTimeout(timer);
    timer = undefined;
    writing ??= writeAll().finally(() => {
      writing = undefined;
    });
  }

  return {
    add(answer) {
      if (waiting.length >= MAX_SENT_MARKS) return;
      waiting.push(answer);
      if (waiting.length >= SENT_MARK_BATCH) write();
      else timer ??= setTimeout(write, SENT_MARK_DELAY_MS);
    },
    async settle() {
      write();
      await writing;
    },
  };
}

/** A row that has been asked for again in between, or has another answer by now, stays unsent. */
async function mark(db: OperatorDb, answers: readonly Answer[]): Promise<void> {
  await db
    .updateTable('orbital_inbox')
    .set({ unsent: false })
    .where((eb) =>
      eb(
        eb.refTuple('task_id', 'etag', 'phase'),
        'in',
        answers.map(({ task_id, etag, phase }) => eb.tuple(task_id, etag, phase)),
      ),
    )
    .execute();
}
