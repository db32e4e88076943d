// Loaded into test processes and what they start: WebAssembly is run as it is first compiled. To compile its busiest functions once
// more, and better, takes V8 half a second of processor time wherever access policies are read, and no test runs for long enough to
// win that back.
import { setFlagsFromString } from 'node:v8';

for (const flag of ['--no-wasm-tier-up', '--no-wasm-dynamic-tiering']) setFlagsFromString(flag);
