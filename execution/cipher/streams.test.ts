/** Streams: whose they are, how many, for how long. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { KmipError, Operation, ResultReason } from '../kmip/index.ts';
import { StreamTable, type StreamTurn } from './index.ts';
import {
  MAX_HELD_BYTES_PER_TENANT,
  MAX_STREAM_BYTES,
  MAX_STREAMS_PER_TENANT,
  STREAM_IDLE_MS,
} from './limits.ts';

const owner = { tenant: 'acme', fingerprint: 'a' };

function refusedWith(reason: number, run: () => unknown): void {
  assert.throws(run, (error) => error instanceof KmipError && error.resultReason === reason);
}

function begin(
  table: StreamTable,
  more: { heldBytes?: () => number; discard?: () => void; by?: typeof owner } = {},
) {
  const { by = owner, ...rest } = more;
  const turn = table.turn(by);
  const stream = turn.open({ operation: Operation.Hash, uid: 'k', work: createHash('sha256'), ...rest });
  turn.settle();
  return stream.correlationValue;
}

const take = (turn: StreamTurn, value: Uint8Array) => turn.take(value, Operation.Hash);

describe('streams', () => {
  it('go on for who began them, with the same operation and key', () => {
    const table = new StreamTable();
    const value = begin(table);
    assert.equal(value.length, 16);
    refusedWith(ResultReason.ItemNotFound, () => take(table.turn({ ...owner, tenant: 'other' }), value));
    refusedWith(ResultReason.ItemNotFound, () => take(table.turn({ ...owner, fingerprint: 'b' }), value));
    refusedWith(ResultReason.ItemNotFound, () => table.turn(owner).take(value, Operation.MAC));
    refusedWith(ResultReason.ItemNotFound, () => table.turn(owner).take(value, Operation.Hash, 'other key'));
    refusedWith(ResultReason.ItemNotFound, () => take(table.turn(owner), Buffer.alloc(16)));
    assert.equal(take(table.turn(owner), value).uid, 'k');
    table.clear();
  });

  it('are in one turn at a time, and end with their last part or with an error', () => {
    const table = new StreamTable();
    const value = begin(table);
    const turn = table.turn(owner);
    const stream = take(turn, value);
    refusedWith(ResultReason.ItemNotFound, () => take(table.turn(owner), value));
    turn.settle();
    take(turn, value);
    turn.finish(stream);
    refusedWith(ResultReason.ItemNotFound, () => take(turn, value));
    turn.settle();
    assert.equal(table.size, 0);

    let discarded = 0;
    const other = begin(table, { discard: () => discarded++ });
    const failing = table.turn(owner);
    take(failing, other);
    failing.abort();
    assert.equal(table.has(other), false);
    assert.equal(discarded, 1);
  });

  it('are bounded in number, in bytes, and in what they hold back, for each tenant by itself', () => {
    const table = new StreamTable();
    for (let i = 0; i < MAX_STREAMS_PER_TENANT; i++) begin(table);
    let discarded = 0;
    refusedWith(ResultReason.GeneralFailure, () => begin(table, { discard: () => discarded++ }));
    assert.equal(discarded, 1, 'the key of one that found no room is not left behind');
    const value = begin(table, { by: { tenant: 'globex', fingerprint: 'c' } });
    const turn = table.turn({ tenant: 'globex', fingerprint: 'c' });
    const stream = take(turn, value);
    turn.count(stream, MAX_STREAM_BYTES);
    refusedWith(ResultReason.InvalidField, () => turn.count(stream, 1));
    table.dropTenant('acme');
    assert.equal(table.size, 1);

    begin(table, { heldBytes: () => MAX_HELD_BYTES_PER_TENANT });
    const more = begin(table, { heldBytes: () => 1 });
    const last = table.turn(owner);
    const held = take(last, more);
    refusedWith(ResultReason.GeneralFailure, () => last.count(held, 1));
    turn.count(stream, -1);
    table.clear();
  });

  it('end when nobody goes on, and with their key', (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] });
    const table = new StreamTable();
    begin(table);
    t.mock.timers.tick(STREAM_IDLE_MS);
    assert.equal(table.size, 1, 'a moment has passed since');
    const now = performance.now();
    t.mock.method(performance, 'now', () => now + STREAM_IDLE_MS + 1);
    t.mock.timers.tick(STREAM_IDLE_MS);
    assert.equal(table.size, 0);
    begin(table);
    table.dropKey('k');
    assert.equal(table.size, 0);
  });
});
