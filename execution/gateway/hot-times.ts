/**
 * How long requests of the hot path take, as the server sees them: from the moment at which the bytes were read until the
 * answers to that read were handed to the socket. Counted in typed arrays, and put into words when somebody scrapes.
 */
import { Histogram, type Registry } from '../../platform/metrics.ts';
import { Operation, operationName } from '../kmip/index.ts';

/** Upper bounds in milliseconds; the last bucket has none. */
export const HOT_BUCKETS_MS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;
/** What the hot path answers: an operation's place here is its row in the arrays. */
const OPERATIONS = [Operation.Create, Operation.Get, Operation.Encrypt, Operation.Decrypt] as const;
const COLUMNS = HOT_BUCKETS_MS.length + 1;
const NAME = 'okcm_gateway_hot_seconds';

const rowOf = new Int8Array(64).fill(-1);
for (const [row, operation] of OPERATIONS.entries()) rowOf[operation] = row;

export class HotTimes {
  /** Not cumulative. */
  readonly #buckets = new Float64Array(OPERATIONS.length * COLUMNS);
  readonly #sumsMs = new Float64Array(OPERATIONS.length);
  readonly #uncounted = new Float64Array(OPERATIONS.length);
  /** Answered in the read under way, and not timed yet. */
  readonly #waiting = new Int32Array(OPERATIONS.length);

  constructor(registry: Registry) {
    const help = 'Seconds that requests of the hot path took in this process, by operation';
    const buckets = HOT_BUCKETS_MS.map((ms) => ms / 1000);
    const labelNames = ['operation'] as const;
    const histogram = new Histogram({ name: NAME, help, labelNames, buckets, registers: [registry] });
    const get = async () => ({
      name: NAME,
      help,
      type: 'histogram',
      aggregator: 'sum',
      values: this.#values(),
    });
    // The second is what the library asks for when it writes text.
    Object.assign(histogram, { get, getForPromString: get });
  }

  /** One more was answered; `tookMs` is told when the read is over. */
  answered(operation: number): void {
    const row = rowOf[operation] ?? -1;
    if (row >= 0) this.#waiting[row] = (this.#waiting[row] ?? 0) + 1;
  }

  /** The answers to a read have left. */
  readTook(tookMs: number): void {
    const column = columnOf(tookMs);
    for (let row = 0; row < OPERATIONS.length; row++) {
      const count = this.#waiting[row] ?? 0;
      if (count === 0) continue;
      this.#waiting[row] = 0;
      this.#add(row, column, count, tookMs);
    }
  }

  /** One request that was answered by itself. */
  took(operation: number, tookMs: number): void {
    const row = rowOf[operation] ?? -1;
    if (row >= 0) this.#add(row, columnOf(tookMs), 1, tookMs);
  }

  /** How many there were of each operation since this was last asked. */
  takeCounts(take: (operation: number, count: number) => void): void {
    for (const [row, operation] of OPERATIONS.entries()) take(operation, this.#uncounted[row] ?? 0);
    this.#uncounted.fill(0);
  }

  #add(row: number, column: number, count: number, tookMs: number): void {
    const at = row * COLUMNS + column;
    this.#buckets[at] = (this.#buckets[at] ?? 0) + count;
    this.#sumsMs[row] = (this.#sumsMs[row] ?? 0) + count * tookMs;
    this.#uncounted[row] = (this.#uncounted[row] ?? 0) + count;
  }

  #values() {
    return OPERATIONS.flatMap((number, row) => {
      const operation = operationName(number);
      let below = 0;
      const buckets = [...HOT_BUCKETS_MS.map((ms) => ms / 1000), '+Inf'].map((le, column) => {
        below += this.#buckets[row * COLUMNS + column] ?? 0;
        return { metricName: `${NAME}_bucket`, labels: { operation, le }, value: below };
      });
      return [
        ...buckets,
        { metricName: `${NAME}_sum`, labels: { operation }, value: (this.#sumsMs[row] ?? 0) / 1000 },
        { metricName: `${NAME}_count`, labels: { operation }, value: below },
      ];
    });
  }
}

function columnOf(tookMs: number): number {
  let column = 0;
  for (const bound of HOT_BUCKETS_MS) {
    if (tookMs <= bound) return column;
    column += 1;
  }
  return column;
}
