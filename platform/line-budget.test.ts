import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { LineBudget } from './line-budget.ts';

describe('a budget of lines', () => {
  it('lets so many of a kind through in a second, and says in the next how many it left out', () => {
    let nowMs = 0;
    const budget = new LineBudget({ perSecond: 2, maxKinds: 10, now: () => nowMs });
    const lines: object[] = [];
    const ask = (kind: string): void => budget.spend(kind, (besides) => lines.push({ kind, ...besides }));
    for (let i = 0; i < 5; i++) ask('refused');
    ask('unreadable');
    assert.deepEqual(lines.splice(0), [{ kind: 'refused' }, { kind: 'refused' }, { kind: 'unreadable' }]);
    nowMs = 1_000;
    ask('refused');
    ask('refused');
    ask('unreadable');
    assert.deepEqual(lines.splice(0), [
      { kind: 'refused', leftOut: 3 },
      { kind: 'refused' },
      { kind: 'unreadable' },
    ]);
  });

  it('remembers what it left out for longer than the next second', () => {
    let nowMs = 0;
    const budget = new LineBudget({ perSecond: 1, maxKinds: 10, now: () => nowMs });
    const told: (number | undefined)[] = [];
    const ask = (kind: string): void => budget.spend(kind, ({ leftOut }) => told.push(leftOut));
    ask('refused');
    ask('refused');
    nowMs = 60_000;
    ask('other');
    nowMs = 120_000;
    ask('refused');
    assert.deepEqual(told, [undefined, undefined, 1]);
  });

  it('forgets what nobody asks for any more before others have to share', () => {
    let nowMs = 0;
    const budget = new LineBudget({ perSecond: 1, maxKinds: 4, now: () => nowMs });
    const lines: string[] = [];
    const ask = (kind: string): void => budget.spend(kind, () => lines.push(kind));
    for (const kind of ['a', 'b', 'c', 'd']) for (let i = 0; i < 2; i++) ask(kind);
    nowMs = 1_000;
    ask('e'); // shares what is left for all others
    ask('f');
    nowMs = 2_000;
    ask('e');
    ask('f');
    assert.deepEqual(lines, ['a', 'b', 'c', 'd', 'e', 'e', 'f']);
  });

  it('says of kinds that share a budget that it is theirs together', () => {
    let nowMs = 0;
    const budget = new LineBudget({ perSecond: 1, maxKinds: 1, now: () => nowMs });
    const lines: object[] = [];
    for (const kind of ['a', 'b', 'c']) budget.spend(kind, (besides) => lines.push({ kind, ...besides }));
    nowMs = 1_000;
    for (const kind of ['a', 'd']) budget.spend(kind, (besides) => lines.push({ kind, ...besides }));
    assert.deepEqual(lines, [{ kind: 'a' }, { kind: 'b' }, { kind: 'a', leftOut: 1, leftOutOf: 'others' }]);
  });

  it('holds no more kinds than it may, nor writes more lines, whatever is asked and when', () => {
    const asked = fc.array(fc.tuple(fc.nat(30), fc.nat(400)), { maxLength: 300 });
    fc.assert(
      fc.property(asked, (asks) => {
        let nowMs = 0;
        const budget = new LineBudget({ perSecond: 2, maxKinds: 4, now: () => nowMs });
        const written = new Map<number, number>();
        let told = 0;
        let lines = 0;
        for (const [kind, later] of asks) {
          nowMs += later;
          budget.spend(String(kind), ({ leftOut = 0 }) => {
            lines += 1;
            told += leftOut;
            const second = Math.floor(nowMs / 1_000);
            written.set(second, (written.get(second) ?? 0) + 1);
          });
        }
        // Four kinds and all others together.
        for (const count of written.values()) assert.ok(count <= 2 * 5, `${count} lines in a second`);
        assert.ok(lines + told <= asks.length);
      }),
    );
  });
});
