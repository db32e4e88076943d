/**
 * D9's one table: where an operation runs. Gateway and SDK both import it, so that they cannot disagree. Its rows are
 * the lists of the functional split record, §1 (gateway) and §2 (core); it is pure, and knows no key and no connection.
 */
export { isL3Address, L3_ADDRESS_PREFIX, l3Address, serviceOfL3Address } from './address.ts';
export { isL4Create } from './l4-create.ts';
export { type Level, levels, type Route, routeOf } from './table.ts';
