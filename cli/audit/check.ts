/**
 * Recomputes audit chains here, from what was exported, and believes nobody's verdict: neither CMK's nor a core's. What a
 * chain's keeper may have rewritten as a whole is held against checkpoints that were signed and kept elsewhere.
 */
import type { Checkpoint } from '../../platform/chain-checkpoints.ts';
import { ChainCheck, type ChainFault, type ChainVerdict, describeFault } from '../../platform/hash-chain.ts';
import type { CmkClient } from '../cmk/client.ts';
import { CliError } from '../errors.ts';
import type { AdminClient } from '../region/admin-client.ts';
import { readLine } from './lines.ts';
import { type ChainPart, cmkCheckpoints, cmkParts, fileLines, regionParts } from './sources.ts';
import type { Trust } from './trust.ts';

export interface CheckedChain {
  readonly chain: string;
  readonly ok: boolean;
  /** The last event, counted from 1. */
  readonly events: number;
  /** How many checkpoints it was held against, and how many of those were kept elsewhere. */
  readonly checkpoints: number;
  readonly kept: number;
  readonly faults: readonly (ChainFault & { readonly description: string })[];
  readonly faultCount: number;
}

export async function checkCmkChain(cmk: CmkClient, chain: string, trust: Trust): Promise<CheckedChain> {
  const shown = await cmkCheckpoints(cmk, chain);
  const kept = trust.keptOf(chain, shown[0]?.log);
  return await checkParts(chain, cmkParts(cmk, chain, 'jsonl'), trust, { shown, kept });
}

/** Without keys, checkpoints of the region are left out: there is nobody to believe. */
export async function checkRegionTrail(
  core: AdminClient,
  chain: string,
  trust: Trust,
): Promise<CheckedChain> {
  const { checkpoint } = await core.get<{ checkpoint: Checkpoint | null }>('/audit/checkpoint');
  const kept = trust.keptOf(chain, checkpoint?.log);
  const shown = checkpoint === null || !trust.hasKeys ? [] : [checkpoint];
  return await checkParts(chain, regionParts(core), trust, { shown, kept });
}

async function checkParts(
  chain: string,
  parts: AsyncIterable<ChainPart>,
  trust: Trust,
  checkpoints: { readonly shown: readonly Checkpoint[]; readonly kept: readonly Checkpoint[] },
): Promise<CheckedChain> {
  const { shown, kept } = checkpoints;
  const check = new ChainCheck();
  for (const checkpoint of [...shown, ...kept]) trust.expect(check, checkpoint);
  let head: ChainPart['head'] | undefined;
  for await (const part of parts) {
    for (const line of part.text.split('\n')) if (line !== '') takeLine(check, chain, line);
    head = part.head;
  }
  return checked(chain, check.end(head), { shown: shown.length, kept: kept.length });
}

/** A file of JSON Lines. One that begins later than the chain is checked from there. Errors: FILE_UNREADABLE, USAGE. */
export async function checkFile(path: string, trust: Trust): Promise<CheckedChain> {
  let check: ChainCheck | undefined;
  let chain = '';
  let kept: readonly Checkpoint[] = [];
  for await (const line of fileLines(path)) {
    if (check === undefined) {
      const first = readLine(line);
      if (first === undefined)
        throw new CliError('FILE_UNREADABLE', `${path} does not begin with an event in JSON Lines`);
      chain = first.chain;
      kept = trust.keptOf(chain, undefined);
      const { sequence } = first.link;
      check = sequence === 1 ? new ChainCheck() : new ChainCheck({ sequence: sequence - 1 });
      for (const checkpoint of kept) trust.expect(check, checkpoint);
    }
    takeLine(check, chain, line);
  }
  if (check === undefined) throw new CliError('USAGE', `${path} holds no events`);
  return checked(chain, check.end(), { shown: 0, kept: kept.length });
}

function takeLine(check: ChainCheck, chain: string, line: string): void {
  const read = readLine(line);
  // An event of another chain has no place here, whatever it says.
  if (read === undefined || read.chain !== chain) check.unreadable();
  else check.take(read.link);
}

function checked(
  chain: string,
  { ok, sequence, faults, faultCount }: ChainVerdict,
  checkpoints: { readonly shown: number; readonly kept: number },
): CheckedChain {
  return {
    chain,
    ok,
    events: sequence,
    checkpoints: checkpoints.shown + checkpoints.kept,
    kept: checkpoints.kept,
    faults: faults.map((fault) => ({ ...fault, description: describeFault(fault) })),
    faultCount,
  };
}
