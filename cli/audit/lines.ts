/** Exported lines read back: every byte of a line counts, so that a chain can be checked from a file. */

import { REGION_CHAIN } from '../../contracts/index.ts';
import { trailLink } from '../../execution/core/audit/link.ts';
import { type AuditEventView, linkOf, storedOf } from '../../governance/audit/event.ts';
import { jsonLine } from '../../governance/audit/formats.ts';
import type { ChainLink } from '../../platform/hash-chain.ts';

export interface ReadLine {
  readonly chain: string;
  readonly link: ChainLink;
}

const TEXTS = [
  'at',
  'actor',
  'action',
  'subject',
  'outcome',
  'correlationId',
  'previousHash',
  'hash',
] as const;

/** Undefined for a line that is no event. */
export function readLine(line: string): ReadLine | undefined {
  const value = parsed(line);
  if (value === undefined) return undefined;
  return 'body' in value ? regionLine(line, value) : cmkLine(line, value);
}

function cmkLine(line: string, value: Record<string, unknown>): ReadLine | undefined {
  const { chain, sequence, origin, detail } = value;
  const isEvent =
    typeof chain === 'string' &&
    isSequence(sequence) &&
    (origin === null || typeof origin === 'string') &&
    (typeof detail === 'string' || isObject(detail)) &&
    TEXTS.every((name) => typeof value[name] === 'string');
  if (!isEvent) return undefined;
  const event = value as unknown as AuditEventView;
  return { chain, link: exactly(line === jsonLine(chain, event), linkOf(storedOf(chain, event))) };
}

function regionLine(line: string, value: Record<string, unknown>): ReadLine | undefined {
  const { seq, previousHash, hash, body } = value;
  const areTexts = [previousHash, hash, body].every((each) => typeof each === 'string');
  if (!isSequence(seq) || !areTexts) return undefined;
  const event = { seq, previousHash: String(previousHash), hash: String(hash), body: String(body) };
  return { chain: REGION_CHAIN, link: exactly(line === JSON.stringify(event), trailLink(event)) };
}

/** A line that says the same in other bytes is not the line that was written. */
const exactly = (isExact: boolean, link: ChainLink): ChainLink =>
  isExact ? link : { ...link, rehash: () => '' };

const isSequence = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 1;
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function parsed(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
