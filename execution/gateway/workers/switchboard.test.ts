import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ToWorker } from './messages.ts';
import { type Extension, Switchboard } from './switchboard.ts';

class Spoken implements Extension {
  readonly heard: ToWorker[] = [];

  send(message: ToWorker): void {
    this.heard.push(message);
  }

  /** The number of the last question that it was asked. */
  get asked(): number {
    const last = this.heard.at(-1);
    assert.ok(last !== undefined && 'ask' in last);
    return last.ask;
  }
}

function crew(): {
  board: Switchboard<Spoken>;
  serving: Spoken[];
  leader: Spoken;
  second: Spoken;
  third: Spoken;
} {
  const [leader, second, third] = [new Spoken(), new Spoken(), new Spoken()];
  const serving = [leader, second, third];
  const board = new Switchboard<Spoken>(() => serving);
  return { board, serving, leader, second, third };
}

describe('the switchboard of workers', () => {
  it('has the leader asked, and brings the answer to whoever asked', () => {
    const { board, leader, second, third } = crew();
    board.hear(second, { kind: 'flush', ask: 7, tenant: 'acme' });
    board.hear(third, { kind: 'flush', ask: 7, tenant: 'rival' });
    const [first, other] = leader.heard;
    assert.ok(first?.kind === 'flush' && other?.kind === 'flush' && first.ask !== other.ask);
    board.hear(leader, { kind: 'flushed', ask: other.ask, refusal: 'CORE_UNREACHABLE' });
    board.hear(leader, { kind: 'flushed', ask: first.ask, refusal: undefined });
    assert.deepEqual(second.heard, [{ kind: 'flushed', ask: 7, refusal: undefined }]);
    assert.deepEqual(third.heard, [{ kind: 'flushed', ask: 7, refusal: 'CORE_UNREACHABLE' }]);
  });

  it('asks the next leader when one dies before it has answered', () => {
    const { board, serving, leader, second, third } = crew();
    board.hear(third, { kind: 'flush', ask: 1, tenant: 'acme' });
    serving.shift();
    board.gone(leader);
    assert.equal(second.heard.at(-1)?.kind, 'flush');
    board.hear(second, { kind: 'flushed', ask: second.asked, refusal: undefined });
    assert.deepEqual(third.heard, [{ kind: 'flushed', ask: 1, refusal: undefined }]);
  });

  it('says so when nobody leads', () => {
    const board = new Switchboard<Spoken>(() => []);
    const asking = new Spoken();
    board.hear(asking, { kind: 'flush', ask: 3, tenant: 'acme' });
    assert.deepEqual(asking.heard, [{ kind: 'flushed', ask: 3, refusal: 'CORE_BUSY' }]);
  });

  it('tells all others of a change, and whoever made it when the last has heard', () => {
    const { board, leader, second, third } = crew();
    const changes = [{ uid: 'key', isGone: false }];
    board.hear(second, { kind: 'changed', ask: 5, changes });
    assert.deepEqual(second.heard, []);
    board.hear(leader, { kind: 'heard', ask: leader.asked });
    assert.deepEqual(second.heard, []);
    board.hear(third, { kind: 'heard', ask: third.asked });
    assert.deepEqual(second.heard, [{ kind: 'heard', ask: 5 }]);
  });

  it('waits for nobody who is gone', () => {
    const { board, serving, leader, second, third } = crew();
    board.hear(second, { kind: 'changed', ask: 5, changes: [{ uid: 'key', isGone: true }] });
    board.hear(leader, { kind: 'heard', ask: leader.asked });
    serving.pop();
    board.gone(third);
    assert.deepEqual(second.heard, [{ kind: 'heard', ask: 5 }]);
  });

  it('answers at once where there is nobody else', () => {
    const only = new Spoken();
    const board = new Switchboard<Spoken>(() => [only]);
    board.hear(only, { kind: 'changed', ask: 1, changes: [] });
    assert.deepEqual(only.heard, [{ kind: 'heard', ask: 1 }]);
  });
});
