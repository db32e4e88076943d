/** Governance, two regions of several cores each, and between them a broker that keeps no promise. */
import { isLive } from '../../orbital/machine/states.ts';
import { Governance } from './governance.ts';
import type { Happening, Surroundings } from './happenings.ts';
import { Region } from './region.ts';
import type { Frame, JobRow, RegionName, TaskRow } from './rows.ts';

const STARTS_AT_MS = 1_000_000;
const CORES = 2;
/** Within CLOCK_SKEW_MS (D1). */
const CLOCKS_MS = { north: 40_000, south: -40_000 } as const;

export class World implements Surroundings {
  nowMs = STARTS_AT_MS;
  /** In the broker, in no order, for it keeps none. What a core has in hand is not among them. */
  readonly frames: Frame[] = [];
  readonly governance: Governance = new Governance(this);
  readonly regions: Readonly<Record<RegionName, Region>> = {
    north: new Region(this, 'north', CLOCKS_MS.north, CORES),
    south: new Region(this, 'south', CLOCKS_MS.south, CORES),
  };
  /** Of the present step. */
  happenings: Happening[] = [];
  /** The rows of tasks and jobs that had ended before the present step. */
  readonly ended = new Map<string, TaskRow | JobRow>();
  readonly #trace: string[] | undefined;

  /** Whoever wants to read what happens gives a list for it. */
  constructor(trace?: string[]) {
    this.#trace = trace;
  }

  readonly say = (line: () => string): void => {
    this.#trace?.push(line());
  };

  publish(frame: Frame): void {
    this.frames.push(frame);
  }

  happened(happening: Happening): void {
    this.happenings.push(happening);
  }

  /** Everything has come to its end: nothing lives, nothing is under way. */
  isQuiet(): boolean {
    if (this.frames.length > 0) return false;
    for (const { cores } of Object.values(this.regions))
      if (cores.some(({ hands }) => hands.length > 0)) return false;
    for (const { state } of this.governance.rows.tasks.values()) if (isLive(state)) return false;
    return true;
  }

  /** Ends a step, after it has been judged. */
  turnPage(): void {
    this.happenings = [];
    if (!this.governance.changed) return;
    this.governance.changed = false;
    const { tasks, jobs } = this.governance.rows;
    this.ended.clear();
    for (const rows of [tasks, jobs])
      for (const row of rows.values()) if (!isLive(row.state)) this.ended.set(row.id, row);
  }
}
