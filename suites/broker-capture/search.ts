/** The search of what crossed the broker: for secrets in every spelling, for anything wrapped, and for what it was all about. */
import { closeSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { findPatterns, type Pattern } from '../support/memory-scan.ts';
import { decoded } from '../support/spellings.ts';
import { countEnvelopes } from '../support/wrapped.ts';
import { type Body, bodiesIn } from './frames.ts';

const WINDOW_BYTES = 4 * 1024 * 1024;
/** The largest message is a report of 512 KiB, spelled in base64 within hexadecimal. */
const OVERLAP_BYTES = 1536 * 1024;
/** As the software keystore marks what it has wrapped. */
const UNDER_L1 = 'software.v1.';

export interface Findings {
  readonly bytes: number;
  readonly files: number;
  /** Each once. */
  readonly messages: readonly Body[];
  /** Names of the secrets that lie there in plain, whole or half. */
  readonly inPlain: readonly string[];
  /** Keys that lie there wrapped: as envelopes of a region, or as a keystore wraps them. */
  readonly envelopes: number;
  readonly underL1: number;
}

/** Searches every file of the directory. */
export function searchCapture(directory: string, secrets: readonly Pattern[]): Findings {
  const inPlain = new Set<string>();
  const messages = new Map<string, Body>();
  let [bytes, files, envelopes, underL1] = [0, 0, 0, 0];
  for (const name of readdirSync(directory)) {
    files += 1;
    for (const window of windowsOf(join(directory, name))) {
      bytes += window.fresh;
      for (const body of bodiesIn(window.bytes)) messages.set(JSON.stringify(body), body);
      const values = [...decoded(window.bytes)];
      for (const found of findPatterns(Buffer.concat(values), secrets)) inPlain.add(found);
      for (const value of values) {
        envelopes += countEnvelopes(value);
        if (value.includes(UNDER_L1)) underL1 += 1;
      }
    }
  }
  return { bytes, files, messages: [...messages.values()], inPlain: [...inPlain], envelopes, underL1 };
}

/** Pieces of a file that overlap, so that nothing is cut in every one of them. */
function* windowsOf(path: string): Generator<{ readonly bytes: Buffer; readonly fresh: number }> {
  const file = openSync(path, 'r');
  try {
    let tail: Buffer = Buffer.alloc(0);
    for (;;) {
      const chunk = Buffer.alloc(WINDOW_BYTES);
      const fresh = readSync(file, chunk);
      if (fresh === 0) return;
      const bytes = Buffer.concat([tail, chunk.subarray(0, fresh)]);
      yield { bytes, fresh };
      tail = bytes.subarray(-OVERLAP_BYTES);
    }
  } finally {
    closeSync(file);
  }
}

/** What processes have told (tell-secrets.ts): each secret once, named after what made it first. */
export function toldIn(directory: string): Pattern[] {
  const told = new Map<string, Pattern>();
  for (const name of readdirSync(directory))
    for (const line of readFileSync(join(directory, name), 'utf8').split('\n')) {
      const [hex = '', made = ''] = line.split(' ');
      if (hex !== '' && !told.has(hex)) told.set(hex, { name: made, bytes: Buffer.from(hex, 'hex') });
    }
  return [...told.values()];
}
