/**
 * How V8 collects the garbage of a process that serves. Of a hot request nothing survives, which V8 takes for a process that
 * hardly works:
 *
 * - The young generation begins with a megabyte, and is doubled each time that enough of it has survived: it stays small, is
 *   collected again and again, and each time all requests wait.
 * - Every few minutes its memory reducer takes the process for idle, moves the old generation together page by page, and makes
 *   the young one small again: with tens of thousands of keys open, a quarter of a second in which no request is answered.
 */
import { setFlagsFromString } from 'node:v8';
import { SEMI_SPACE_MIB } from './limits.ts';

/** What a process that serves is started with: it cannot be set later. */
export const COLLECTOR_OPTIONS: readonly string[] = [`--max-semi-space-size=${SEMI_SPACE_MIB}`];

/**
 * The young generation has its full size from the next time that it grows, which is while the program starts; and nothing is
 * collected for the sake of less memory. To set flags of V8 after its own start is at one's own risk, says Node; these are read each
 * time that they matter, and where they are not, all stays as it was.
 */
export function tuneCollector(): void {
  setFlagsFromString(`--semi-space-growth-factor=${SEMI_SPACE_MIB}`);
  setFlagsFromString('--memory-reducer-gc-count=0');
}
