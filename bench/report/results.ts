/** The results that the benches have saved, as the document and its picture read them. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '../../platform/errors.ts';
import type { ResultHead } from '../../testkit/measure/command.ts';
import type { Distribution } from '../../testkit/measure/distribution.ts';
import type { GatewayResult } from '../gateway/result.ts';
import type { Held } from '../hydration/holder.ts';
import type { LatencyResult } from '../latency.ts';
import type { OrbitalResult } from '../orbital/result.ts';
import type { SustainedResult } from '../sustained.ts';

export interface UnlinkResult {
  readonly connectionsPerGateway: number;
  readonly recordsEncrypted: number;
  readonly milliseconds: Readonly<Record<string, Distribution>>;
  readonly ratioToRoundTrip: Distribution;
}

export interface HydrationResult {
  readonly tenants: number;
  readonly milliseconds: Readonly<Record<string, Distribution>>;
  readonly coldInBareSelects: Distribution;
  readonly coldLinkedInBareSelects: Distribution;
  readonly memory: readonly Held[];
}

interface Contents {
  readonly gateway: GatewayResult;
  readonly latency: LatencyResult;
  readonly sustained: SustainedResult;
  readonly unlink: UnlinkResult;
  readonly hydration: HydrationResult;
  readonly orbital: OrbitalResult;
}
export type ResultName = keyof Contents;
export type ResultOf<N extends ResultName> = ResultHead & Contents[N];
/** What the document says of one of them. */
export interface Section<N extends ResultName> {
  readonly title: string;
  readonly method: string;
  tables(result: ResultOf<N>): string[];
}
/** Absent: not measured. */
export type Results = { readonly [N in ResultName]?: ResultOf<N> };

export const RESULTS = join(import.meta.dirname, '..', 'results');
export const resultNames: readonly ResultName[] = [
  'gateway',
  'latency',
  'sustained',
  'unlink',
  'hydration',
  'orbital',
];

/** The files `NAME.json` of a directory. Errors: when one of them is another bench's. */
export async function readResults(directory = RESULTS): Promise<Results> {
  const results: Partial<Record<ResultName, ResultHead>> = {};
  for (const name of resultNames) {
    const path = join(directory, `${name}.json`);
    const text = await readFile(path, 'utf8').catch((error: unknown) => {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw error;
    });
    if (text === undefined) continue;
    const result = JSON.parse(text) as ResultHead;
    if (result.name !== `bench:${name}`) throw new Error(`${path} is the result of ${result.name}`);
    results[name] = result;
  }
  return results as Results;
}
