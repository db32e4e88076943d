/**
 * A region's side of a world: the rows that its cores share, what each core has in hand, and what `orbital/operator/` does,
 * each transaction as one step. Every decision is asked of `orbital/machine/operator.ts`.
 */
import {
  fenceAfter,
  fenceBehindPurge,
  mayCommitApart,
  NO_FENCE,
  onTask,
  overtakes,
  type TaskDecision,
  whyNotTaken,
} from '../../orbital/machine/operator.ts';
import type { TaskError } from '../../orbital/messages.ts';
import { Core, failures, type InHand, isRepeat, type Outcome } from './hands.ts';
import type { Surroundings } from './happenings.ts';
import {
  APART,
  copyOfRegion,
  type InboxRow,
  named,
  type RegionName,
  type RegionRows,
  type StatusFrame,
  type TaskFrame,
} from './rows.ts';

export class Region {
  rows: RegionRows = { fences: new Map(), inbox: new Map(), changes: [], cancelled: new Map() };
  /** Tasks that were done, and of which there was no record any more. */
  readonly forgotten = new Set<string>();
  /** Tasks that were taken from their handlers, or whose sessions were lost, before what goes apart was committed. */
  readonly strays: TaskFrame[] = [];
  /** Changes that a restore has undone, by task, with the sequence of the newest wish that they counted for. */
  readonly lost = new Map<string, number>();
  readonly name: RegionName;
  readonly cores: readonly Core[];
  readonly #world: Surroundings;
  readonly #clockMs: number;
  #backup: RegionRows | undefined;

  /** Its clock is `clockMs` before governance's. */
  constructor(world: Surroundings, name: RegionName, clockMs: number, cores: number) {
    this.#world = world;
    this.name = name;
    this.#clockMs = clockMs;
    this.cores = Array.from({ length: cores }, (_, index) => new Core(`${name}/${index + 1}`));
  }

  get #nowMs(): number {
    return this.#world.nowMs + this.#clockMs;
  }

  /** False: this core has that execution in hand, and the broker is to come again. */
  take(core: Core, frame: TaskFrame): boolean {
    const { task, entity, sequence } = frame;
    const why = whyNotTaken(frame, this.#nowMs);
    if (why !== undefined) {
      this.#world.say(() => `${core.name} throws away ${task}, ${named(frame)}: ${why}`);
      return true;
    }
    if (core.hands.some((hand) => isRepeat(hand.frame, frame))) return false;
    core.hands.push({ frame, stage: 'taken' });
    if (frame.cancels) {
      core.cancelling.set(entity, Math.max(sequence, core.cancelling.get(entity) ?? 0));
      this.#stopOlder(core, frame);
    }
    this.#world.say(() => `${core.name} takes ${task}, ${named(frame)}`);
    return true;
  }

  /** The notice of a cancelling task that `frame` is reaches another core. */
  overtake(core: Core, frame: TaskFrame): boolean {
    return this.#stopOlder(core, frame);
  }

  /** The next step of what a core has in hand; `outcome` is what the handler comes to, where one runs. False: it must wait. */
  advance(core: Core, hand: InHand, outcome: Outcome): boolean {
    const { frame } = hand;
    switch (hand.stage) {
      case 'taken':
        if (this.#isLocked(frame.entity)) return false;
        return this.#decide(core, hand, (answered) => answered ?? this.#begin(core, frame));
      case 'running':
        return frame.entity === APART && hand.outcome === undefined
          ? this.#goOnApart(core, hand, outcome)
          : this.#settle(core, hand, hand.outcome ?? outcome);
      case 'undone':
        if (this.#isLocked(frame.entity)) return false;
        return this.#decide(core, hand, (answered) => answered ?? this.#record(frame, 'failed', hand.error));
      case 'answered':
        this.#tell(hand.answer);
        return this.#turn(core, hand, { frame, stage: 'told' });
      case 'told':
        this.#world.say(() => `${core.name} acknowledges ${frame.task}`);
        this.#letGo(core, hand);
        return true;
    }
  }

  /** A handler that was left to itself comes to what it commits apart. False: something newer has come before it. */
  stray(frame: TaskFrame): boolean {
    this.strays.splice(this.strays.indexOf(frame), 1);
    return this.#commitApart(frame, true);
  }

  forgettable(): InboxRow[] {
    return [...this.rows.inbox.values()].filter(({ unsent, phase }) => !unsent && phase !== 'processing');
  }

  /** As the purge does with an answer that is old enough; only an entity's fence stays. */
  forget(row: InboxRow): void {
    const { task, phase } = row;
    this.#world.say(() => `${this.name} forgets its answer to ${task}`);
    this.rows.inbox.delete(task);
    this.rows.fences.set(row.entity, fenceBehindPurge(this.#fence(row.entity), row));
    if (phase === 'done') this.forgotten.add(task);
  }

  /** Whatever is open for it is undone, and the broker gets it back. */
  giveBack(core: Core, hand: InHand): TaskFrame {
    this.#world.say(() => `${core.name} gives ${hand.frame.task} back`);
    this.#leave(hand);
    this.#letGo(core, hand);
    return hand.frame;
  }

  /** SIGKILL: what was not committed is undone, and the broker gets back what was not acknowledged. */
  crash(core: Core): TaskFrame[] {
    this.#world.say(() => `${core.name} is killed`);
    const frames = core.hands.map(({ frame }) => frame);
    core.hands.length = 0;
    core.cancelling.clear();
    return frames;
  }

  unsent(): InboxRow[] {
    return [...this.rows.inbox.values()].filter((row) => row.unsent);
  }

  /** As the outbox does with a status that is left unsent. */
  flush(row: InboxRow): void {
    this.#tell(row);
  }

  backUp(): void {
    this.#backup = copyOfRegion(this.rows);
    this.#world.say(() => `${this.name}’s database is backed up`);
  }

  /** Answers what the broker gets back, for no process survives it; undefined without a backup. */
  restore(): TaskFrame[] | undefined {
    if (this.#backup === undefined) return undefined;
    const frames = this.cores.flatMap((core) => this.crash(core));
    this.strays.length = 0;
    for (const { task, sequence, final } of this.rows.changes)
      if (final) this.lost.set(task, Math.max(sequence, this.lost.get(task) ?? 0));
    this.rows = copyOfRegion(this.#backup);
    this.#world.say(() => `${this.name}’s database is restored from its backup`);
    return frames;
  }

  #isLocked(entity: string): boolean {
    return this.cores.some(({ hands }) =>
      hands.some(({ stage, frame }) => stage === 'running' && frame.entity === entity),
    );
  }

  #stopOlder(core: Core, { task, entity, sequence }: TaskFrame): boolean {
    const hand = core.hands.find((each) => each.stage === 'running' && each.frame.entity === entity);
    if (hand === undefined || !overtakes(sequence, hand.frame.sequence)) return false;
    this.#world.say(() => `${core.name} stops ${hand.frame.task} for ${task}`);
    this.#leave(hand);
    return this.#turn(core, hand, { frame: hand.frame, stage: 'undone', error: failures.SUPERSEDED });
  }

  #goOnApart(core: Core, hand: InHand, outcome: Outcome): boolean {
    const { frame } = hand;
    if (outcome === 'stumbled') this.#leave(hand); // it has taken too long, and goes on
    if (outcome === 'stumbled' || outcome === 'refused') return this.#settle(core, hand, outcome);
    return this.#commitApart(frame, outcome === 'done')
      ? this.#turn(core, hand, { frame, stage: 'running', outcome })
      : this.#turn(core, hand, { frame, stage: 'undone', error: failures.SUPERSEDED });
  }

  #settle(core: Core, hand: InHand, outcome: Outcome): boolean {
    const { frame } = hand;
    if (outcome === 'stumbled' || outcome === 'refused') {
      this.#world.say(() => `${core.name} undoes ${frame.task}: the handler ${outcome}`);
      return this.#turn(core, hand, { frame, stage: 'undone', error: failures[outcome] });
    }
    this.#world.say(() => `${core.name} commits ${frame.task}: ${outcome}`);
    return this.#turn(core, hand, this.#record(frame, outcome, null));
  }

  #commitApart({ task, entity, sequence }: TaskFrame, final: boolean): boolean {
    const fence = this.#fence(entity);
    const may = mayCommitApart({ sequence }, fence);
    this.#world.say(
      () => `${this.name} ${may ? 'commits' : 'does not commit'} ${task} apart, sequence ${sequence}`,
    );
    if (!may) return false;
    this.rows.fences.set(entity, { ...fence, apart: Math.max(fence.apart, sequence) });
    this.#change({ task, entity, sequence, final, reaffirmed: false, apart: true });
    return true;
  }

  /** Its transaction is over, and its handler may not know. */
  #leave(hand: InHand): void {
    const { stage, frame } = hand;
    if (stage === 'running' && frame.entity === APART && hand.outcome === undefined) this.strays.push(frame);
  }

  /** With the entity's row in hand. */
  #decide(core: Core, hand: InHand, proceed: (answered: InHand | undefined) => InHand): boolean {
    const { frame } = hand;
    const recorded = this.rows.inbox.get(frame.task);
    const decision = onTask(frame, recorded, this.#fence(frame.entity), this.#nowMs);
    this.#world.say(() => `${core.name} decides on ${frame.task}: ${decision.step}`);
    return this.#turn(core, hand, proceed(this.#answerWithoutRunning(frame, decision)));
  }

  #answerWithoutRunning(frame: TaskFrame, decision: TaskDecision): InHand | undefined {
    switch (decision.step) {
      case 'run':
        return undefined;
      case 'refuse':
        return this.#record(frame, 'failed', failures[decision.code]);
      case 'repeat': {
        const { task, entity } = frame;
        const recorded = this.rows.inbox.get(task);
        if (recorded === undefined) throw new Error('there is no answer to repeat');
        const { sequence, etag } = decision.as;
        const answer: InboxRow = { ...recorded, sequence, etag, unsent: true };
        if (recorded.phase === 'done' && sequence > recorded.sequence)
          this.#change({ task, entity, sequence, final: true, reaffirmed: true, apart: false });
        return this.#answer(frame, answer);
      }
    }
  }

  #begin(core: Core, frame: TaskFrame): InHand {
    const cancelling = core.cancelling.get(frame.entity);
    if (overtakes(cancelling, frame.sequence)) return { frame, stage: 'undone', error: failures.SUPERSEDED };
    this.#world.happened({ what: 'began', region: this.name, frame, atMs: this.#nowMs, cancelling });
    return { frame, stage: 'running' };
  }

  #record(frame: TaskFrame, phase: InboxRow['phase'], error: TaskError | null): InHand {
    const { task, entity, sequence, etag } = frame;
    if (phase !== 'failed' && entity !== APART)
      this.#change({ task, entity, sequence, final: phase === 'done', reaffirmed: false, apart: false });
    return this.#answer(frame, { task, entity, sequence, etag, phase, error, unsent: true });
  }

  #change(change: RegionRows['changes'][number]): void {
    const { changes, cancelled } = this.rows;
    const before = [...changes];
    changes.push(change);
    this.#world.happened({
      what: 'changed',
      region: this.name,
      change,
      before,
      cancelled: cancelled.get(change.entity) ?? 0,
    });
  }

  #answer(frame: TaskFrame, answer: InboxRow): InHand {
    const { entity, cancels } = frame;
    const { fences, inbox, cancelled } = this.rows;
    inbox.set(answer.task, answer);
    fences.set(entity, fenceAfter(this.#fence(entity), answer));
    if (cancels) cancelled.set(entity, Math.max(answer.sequence, cancelled.get(entity) ?? 0));
    return { frame, stage: 'answered', answer };
  }

  #tell(answer: InboxRow): void {
    const { task, sequence, etag, phase, error } = answer;
    const status: StatusFrame = { type: 'status', target: this.name, task, sequence, etag, phase, error };
    this.#world.publish(status);
    this.#world.say(() => `${this.name} tells that ${task} is ${phase}, ${named(answer)}`);
    const row = this.rows.inbox.get(task);
    if (row?.etag === etag && row.phase === phase) this.rows.inbox.set(task, { ...row, unsent: false });
  }

  #fence(entity: string) {
    return this.rows.fences.get(entity) ?? NO_FENCE;
  }

  #turn(core: Core, from: InHand, to: InHand): true {
    core.hands[core.hands.indexOf(from)] = to;
    return true;
  }

  #letGo(core: Core, hand: InHand): void {
    core.hands.splice(core.hands.indexOf(hand), 1);
    const { entity, sequence } = hand.frame;
    if (hand.frame.cancels && core.cancelling.get(entity) === sequence) core.cancelling.delete(entity);
  }
}
