import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Operation, OperationV2, operationName } from '../kmip/index.ts';
import { type Level, levels, type Route, routeOf } from './index.ts';

/** Written out once more, by hand: L4, L3, unknown, none. What is not here goes to the core at every level. */
const expected = new Map<number, readonly [Route, Route, Route, Route]>([
  [Operation.Create, ['local', 'refuse', 'core', 'core']],
  [Operation.Get, ['local', 'refuse', 'core', 'core']],
  [Operation.Export, ['core', 'refuse', 'core', 'core']],
  [Operation.Encrypt, ['local', 'local', 'core', 'core']],
  [Operation.Decrypt, ['local', 'local', 'core', 'core']],
  [Operation.Query, ['local', 'local', 'local', 'local']],
  [Operation.DiscoverVersions, ['local', 'local', 'local', 'local']],
]);

describe('the table of routes', () => {
  for (const operation of [...Object.values(Operation), ...Object.values(OperationV2)]) {
    it(`${operationName(operation)} at every level`, () => {
      const routes = levels.map((level) => routeOf(operation, level));
      assert.deepEqual(routes, expected.get(operation) ?? ['core', 'core', 'core', 'core']);
    });
  }

  it('sends every operation that the record forbids at the gateway to the core, whatever the key', () => {
    const forbidden = [
      Operation.Register,
      Operation.ReKey,
      Operation.Activate,
      Operation.Revoke,
      Operation.Destroy,
      Operation.Locate,
      Operation.GetAttributes,
      OperationV2.SetAttribute,
    ];
    for (const operation of forbidden) {
      for (const level of levels) assert.equal(routeOf(operation, level), 'core', operationName(operation));
    }
  });

  it('refuses vendor operations at every level', () => {
    const vendor = fc.integer({ min: 0x80000000, max: 0x8fffffff });
    fc.assert(
      fc.property(vendor, fc.constantFrom<Level>(...levels), (operation, level) => {
        assert.equal(routeOf(operation, level), 'refuse');
      }),
    );
  });

  it('tunnels what it has never heard of', () => {
    const unheardOf = fc.oneof(
      fc.integer({ min: 0x32, max: 0x7fffffff }),
      fc.integer({ min: 0x90000000, max: 0xffffffff }),
    );
    fc.assert(
      fc.property(unheardOf, fc.constantFrom<Level>(...levels), (operation, level) => {
        assert.equal(routeOf(operation, level), 'core');
      }),
    );
  });

  it('never runs an operation locally on a key that the gateway does not hold', () => {
    const selfAnswering: readonly number[] = [Operation.Query, Operation.DiscoverVersions];
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffffffff }), (operation) => {
        if (!selfAnswering.includes(operation)) assert.notEqual(routeOf(operation, 'unknown'), 'local');
      }),
    );
  });
});
