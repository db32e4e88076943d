/**
 * WebAssembly, which in CMK is almost only Cedar, runs as V8 first compiled it, in the whole process. Cedar is busy when policies are
 * read, and once for each new set of facts after that: to compile its busiest functions again meanwhile took most of a second of
 * processor time at every start, several times what reading takes.
 */
import { setFlagsFromString } from 'node:v8';

const COMPILED_ONCE = ['--no-wasm-tier-up', '--no-wasm-dynamic-tiering'];
for (const flag of COMPILED_ONCE) setFlagsFromString(flag);
