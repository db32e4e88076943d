/** What the cores of a region have in hand. */
import type { TaskError } from '../../orbital/messages.ts';
import type { InboxRow, TaskFrame } from './rows.ts';

/** What a handler may come to. */
export type Outcome = 'done' | 'processing' | 'stumbled' | 'refused';
export const failures = {
  stumbled: { code: 'UNAVAILABLE', message: '', retryable: true },
  refused: { code: 'REFUSED', message: '', retryable: false },
  SUPERSEDED: { code: 'SUPERSEDED', message: '', retryable: false },
  DEADLINE: { code: 'DEADLINE', message: '', retryable: false },
  FORGOTTEN: { code: 'FORGOTTEN', message: '', retryable: false },
} as const satisfies Record<string, TaskError>;

/** A message in hand, until it is acknowledged or given back. */
export type InHand = { readonly frame: TaskFrame } & (
  | { readonly stage: 'taken' }
  /** Its transaction is open and holds the entity's row. `outcome`: what goes apart is committed, and it comes to that. */
  | { readonly stage: 'running'; readonly outcome?: Outcome }
  /** Its transaction was undone; the failure is yet to be recorded by another. */
  | { readonly stage: 'undone'; readonly error: TaskError }
  | { readonly stage: 'answered'; readonly answer: InboxRow }
  | { readonly stage: 'told' }
);

export class Core {
  readonly name: string;
  readonly hands: InHand[] = [];
  /** Cancelling tasks in hand, by entity. */
  readonly cancelling = new Map<string, number>();

  constructor(name: string) {
    this.name = name;
  }
}

export const isRepeat = (one: TaskFrame, other: TaskFrame): boolean =>
  one.task === other.task && one.sequence === other.sequence && one.etag === other.etag;
