/** The table of D9 and the one function that reads it. */
import { isVendorEnum, Operation } from '../kmip/index.ts';

/**
 * What an operation concerns.
 * `L4`: a UID that this gateway holds, or the Create of a symmetric key, which is to become one.
 * `L3`: an address `l3:<service>`.
 * `unknown`: a UID that this gateway does not hold.
 * `none`: nothing that has a level: no UID, no symmetric key to create.
 */
export const levels = ['L4', 'L3', 'unknown', 'none'] as const;
export type Level = (typeof levels)[number];

/** `local`: the gateway runs it in memory. `core`: it is tunnelled. `refuse`: nobody runs it for an application. */
export type Route = 'local' | 'core' | 'refuse';

type Row = Readonly<Record<Level, Route>>;

/** Split record §2, and §3 for whatever it does not name: the core's. */
const CORE: Row = { L4: 'core', L3: 'core', unknown: 'core', none: 'core' };
/** Split record §1, "Encrypt (Wrap L4 using cached L3)", "Decrypt (Unwrap L4 using cached L3)", and both with an L4. */
const CIPHER: Row = { L4: 'local', L3: 'local', unknown: 'core', none: 'core' };
/** What the gateway knows by itself, so that it answers with the core away. */
const SELF: Row = { L4: 'local', L3: 'local', unknown: 'local', none: 'local' };
/** D8: the link between gateway and core speaks vendor operations; an application does not. */
const VENDOR: Row = { L4: 'refuse', L3: 'refuse', unknown: 'refuse', none: 'refuse' };

const rows: ReadonlyMap<number, Row> = new Map([
  // Split record §1, "Create (L4 Only)". Other objects are the core's; a key is not created at an L3 address.
  [Operation.Create, { L4: 'local', L3: 'refuse', unknown: 'core', none: 'core' }],
  // Split record §1, "Get (L4 Only)": the material of an L3 leaves neither by Get nor by Export.
  [Operation.Get, { L4: 'local', L3: 'refuse', unknown: 'core', none: 'core' }],
  [Operation.Export, { L4: 'core', L3: 'refuse', unknown: 'core', none: 'core' }],
  [Operation.Encrypt, CIPHER],
  [Operation.Decrypt, CIPHER],
  [Operation.Query, SELF],
  [Operation.DiscoverVersions, SELF],
]);

/** Where an application's operation runs. Total: every number has an answer. */
export function routeOf(operation: number, level: Level): Route {
  const row = rows.get(operation) ?? (isVendorEnum(operation) ? VENDOR : CORE);
  return row[level];
}
