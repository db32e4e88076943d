/**
 * What lies in the databases of both planes and in the broker, as far as decisions ask for it. Rows are never changed but
 * replaced: a backup is a copy of the maps.
 */
import type { Execution } from '../../orbital/machine/execution.ts';
import type { ManagedTask, SendableTask, Wish } from '../../orbital/machine/manager.ts';
import type { Fence, HandedTask, Recorded } from '../../orbital/machine/operator.ts';
import type { JobState } from '../../orbital/machine/states.ts';
import type { TaskError } from '../../orbital/messages.ts';

export const regionNames = ['north', 'south'] as const;
export type RegionName = (typeof regionNames)[number];
export const entities = ['e1', 'e2'] as const;
/** What changes this one is committed apart from the transaction of its task; what changes others is part of that. */
export const APART: string = 'e1';
export const wishes: readonly Wish[] = [
  { kind: 'LINK', cancelsOlder: false },
  { kind: 'RENEW', cancelsOlder: false },
  { kind: 'UNLINK', cancelsOlder: true },
];

export interface JobRow extends Wish {
  readonly id: string;
  readonly entity: string;
  readonly sequence: number;
  readonly state: JobState;
  readonly deadlineMs: number | null;
}

export interface TaskRow extends ManagedTask, SendableTask {
  readonly id: string;
  readonly job: string;
  readonly kind: string;
  readonly target: RegionName;
  readonly cancels: boolean;
  readonly error: TaskError | null;
  /** The how manyeth wish of this world it belongs to. No row holds that: it tells what was wished before a restore. */
  readonly wish: number;
}

export interface GovernanceRows {
  readonly sequences: Map<string, number>;
  readonly jobs: Map<string, JobRow>;
  readonly tasks: Map<string, TaskRow>;
}
export const copyOfGovernance = ({ sequences, jobs, tasks }: GovernanceRows): GovernanceRows => ({
  sequences: new Map(sequences),
  jobs: new Map(jobs),
  tasks: new Map(tasks),
});

/** What a handler has written, in order: the region's own tables. */
export interface Change {
  readonly task: string;
  readonly entity: string;
  readonly sequence: number;
  /** The handler has said that it is done; else it goes on. */
  readonly final: boolean;
  /** Nothing was written: a retry was answered from the record, so the change counts for that wish, too. */
  readonly reaffirmed: boolean;
  /** Committed before the task is answered, and once more if it is not. */
  readonly apart: boolean;
}
export interface InboxRow extends Recorded {
  readonly task: string;
  readonly entity: string;
  readonly error: TaskError | null;
  readonly unsent: boolean;
}
export interface RegionRows {
  readonly fences: Map<string, Fence>;
  readonly inbox: Map<string, InboxRow>;
  readonly changes: Change[];
  /** By entity, the newest cancelling task that was answered. No row holds that. */
  readonly cancelled: Map<string, number>;
}
export const copyOfRegion = ({ fences, inbox, changes, cancelled }: RegionRows): RegionRows => ({
  fences: new Map(fences),
  inbox: new Map(inbox),
  changes: [...changes],
  cancelled: new Map(cancelled),
});

export interface TaskFrame extends HandedTask {
  readonly type: 'task';
  readonly target: RegionName;
  readonly task: string;
  readonly kind: string;
  readonly entity: string;
  readonly cancels: boolean;
}
export interface StatusFrame extends Recorded {
  readonly type: 'status';
  /** Whose signature it has. A region can sign for itself alone, and for whatever task it likes. */
  readonly target: RegionName;
  readonly task: string;
  readonly error: TaskError | null;
}
export type Frame = TaskFrame | StatusFrame;

export const named = ({ sequence, etag }: Execution): string => `sequence ${sequence}, etag ${etag}`;
