/**
 * What a handler commits apart from the transaction of its task. The entity's row, which that transaction holds, does not
 * cover it: the row is free when the task was taken from its handler or its session was lost, and the handler may be at
 * work still. So an entity has a second row, the mark of the newest task that has begun to commit apart. Each such
 * transaction takes the mark first and holds it until it has ended, and one that finds something newer there, or in the
 * fence, is undone.
 *
 * Strict among what goes apart, on whichever core. Between that and what is written by a task's own transaction there is a
 * moment, namely between this look at the fence and the commit, in which a newer task of another kind may be answered; where
 * kinds of both sorts share an entity, the data itself has to tell which is newer (a link's epochs do).
 */
import { sql, type Transaction } from 'kysely';
import { inTransaction } from '../../platform/postgres.ts';
import { mayCommitApart } from '../machine/operator.ts';
import type { TaskMessage } from '../messages.ts';
import type { TellSession } from './precedence.ts';
import type { OperatorDb, OrbitalOperatorTables } from './schema.ts';

/** Something newer of the entity has been answered, or has committed apart. */
export class SupersededError extends Error {
  override readonly name = 'SupersededError';
  constructor() {
    super('something newer of the entity has come before this could be committed');
  }
}

/** `apart` of the task's context (../operator.ts). */
export function committingApart<DB>(
  db: OperatorDb,
  { entity, entitySequence }: Pick<TaskMessage, 'entity' | 'entitySequence'>,
  tell: TellSession,
  signal: AbortSignal,
): <T>(work: (trx: Transaction<DB>) => Promise<T>) => Promise<T> {
  return (work) =>
    inTransaction(db, async (trx) => {
      signal.throwIfAborted();
      const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(trx);
      const forgets = rows.map(({ pid }) => tell(pid));
      try {
        if (!mayCommitApart({ sequence: entitySequence }, await takeMark(trx, entity, entitySequence)))
          throw new SupersededError();
        const result = await work(trx as unknown as Transaction<DB>);
        signal.throwIfAborted();
        return result;
      } finally {
        for (const forget of forgets) forget();
      }
    });
}

/** Raises the mark of the entity and holds it. Answers what there is of the entity by now. */
async function takeMark(
  trx: Transaction<OrbitalOperatorTables>,
  entity: string,
  sequence: number,
): Promise<{ readonly tried: number; readonly apart: number }> {
  const found = await trx
    .insertInto('orbital_inbox_apart')
    .values({ entity, sequence })
    .onConflict((conflict) =>
      conflict.column('entity').doUpdateSet({
        sequence: sql<number>`greatest(orbital_inbox_apart.sequence, excluded.sequence)`,
      }),
    )
    .returning((eb) => [
      'sequence as apart',
      eb
        .selectFrom('orbital_inbox_entities as fence')
        .select('fence.highest_sequence')
        .where('fence.entity', '=', entity)
        .as('tried'),
    ])
    .executeTakeFirstOrThrow();
  return { tried: Number(found.tried ?? 0), apart: Number(found.apart) };
}
