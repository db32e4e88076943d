/** What a storm has seen. */
import { type ResponseMessage, ResultStatus, resultReasonName } from '../../execution/kmip/index.ts';
import { type Distribution, Recorder } from '../../testkit/measure/distribution.ts';
import type { Kind } from './requests.ts';

const MAX_FAULTS = 20;

export class Tally {
  readonly sent = new Map<Kind, number>();
  /** `Success`, or the reason of a failure, by batch items. */
  readonly results = new Map<string, number>();
  readonly #replies = new Recorder();
  /** What must not happen; the first of each kind of fault, and how often there was one. */
  readonly faults: string[] = [];
  faultCount = 0;
  closed = 0;
  total = 0;

  noteSent(kind: Kind): void {
    this.total += 1;
    this.sent.set(kind, (this.sent.get(kind) ?? 0) + 1);
  }

  noteReply(milliseconds: number): void {
    this.#replies.record(milliseconds);
  }

  noteAnswer({ items }: ResponseMessage): void {
    for (const { resultStatus, resultReason } of items) {
      const name =
        resultStatus === ResultStatus.Success
          ? 'Success'
          : resultStatus === ResultStatus.OperationUndone
            ? 'Undone'
            : resultReasonName(resultReason ?? 0);
      this.results.set(name, (this.results.get(name) ?? 0) + 1);
    }
  }

  fault(text: string): void {
    this.faultCount += 1;
    if (this.faults.length < MAX_FAULTS) this.faults.push(text);
  }

  get latency(): Distribution {
    return this.#replies.distribution;
  }
}
