/**
 * Which execution of a task a message or a row is about. Both planes judge by it what is new and what is a repeat, and
 * both may have been restored from a backup, so it is never counted from what one side remembers alone (D11).
 */
export interface Execution {
  /** Names the wish: grows along the jobs of an entity, and with each retry of one. */
  readonly sequence: number;
  /** Counts the executions that the region was asked for; a resend keeps it. */
  readonly etag: number;
}

/** Whether `one` was asked for after `other`: a newer wish, or another execution of the same. */
export function isNewer(one: Execution, other: Execution): boolean {
  return one.sequence === other.sequence ? one.etag > other.etag : one.sequence > other.sequence;
}
