/** What both sides see of the world that they are in, and what a step has brought about, for the invariants to judge. */
import type { TaskError } from '../../orbital/messages.ts';
import type { Change, Frame, RegionName, StatusFrame, TaskFrame, TaskRow } from './rows.ts';

export type Happening =
  | {
      readonly what: 'began';
      readonly region: RegionName;
      readonly frame: TaskFrame;
      /** By the region's own clock. */
      readonly atMs: number;
      /** The sequence of a cancelling task of the entity that this core had in hand. */
      readonly cancelling: number | undefined;
    }
  | {
      /** Committed; `before` is what the region had committed until then. */
      readonly what: 'changed';
      readonly region: RegionName;
      readonly change: Change;
      readonly before: readonly Change[];
      /** The newest cancelling task of the entity that the region had answered. */
      readonly cancelled: number;
    }
  | {
      /** The manager has taken a status in; `task` is as it was before. */
      readonly what: 'heard';
      readonly task: TaskRow;
      readonly status: StatusFrame;
    }
  | { readonly what: 'sent'; readonly task: TaskRow }
  | { readonly what: 'done'; readonly task: TaskRow }
  | { readonly what: 'failed'; readonly task: TaskRow; readonly error: TaskError }
  | { readonly what: 'retried'; readonly ids: ReadonlySet<string> }
  | { readonly what: 'restored' };

/** What both sides see of the world that they are in. */
export interface Surroundings {
  readonly nowMs: number;
  readonly say: (line: () => string) => void;
  publish(frame: Frame): void;
  happened(happening: Happening): void;
}
