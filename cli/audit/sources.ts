/** Where an audit chain comes from, line by line and in parts: CMK, a region's core, or a file. Nothing is held as a whole. */
import { createReadStream } from 'node:fs';
import type { TrailPage } from '../../execution/core/audit/pages.ts';
import type { AuditFormatName } from '../../governance/audit/formats.ts';
import type { Checkpoint } from '../../platform/chain-checkpoints.ts';
import type { ChainAnchor } from '../../platform/hash-chain.ts';
import type { CmkClient } from '../cmk/client.ts';
import { CliError } from '../errors.ts';
import type { AdminClient } from '../region/admin-client.ts';

export const PLATFORM_CHAIN = '_platform';

export interface ChainPart {
  /** With their line ends. */
  readonly text: string;
  /** The last event that it holds: where the next part goes on. */
  readonly last: number;
  readonly more: boolean;
  readonly head: ChainAnchor;
}

/** The query of a chain: a tenant's, or the platform's. */
export const chainQuery = (chain: string): string =>
  chain === PLATFORM_CHAIN ? '' : `tenant=${encodeURIComponent(chain)}`;

/** Parts of a chain from CMK, until there is no more. */
export async function* cmkParts(
  cmk: CmkClient,
  chain: string,
  format: AuditFormatName,
  after = 0,
): AsyncGenerator<ChainPart> {
  for (let behind = after; ; ) {
    const part = await cmkPart(cmk, `format=${format}&after=${behind}&${chainQuery(chain)}`);
    yield part;
    if (!part.more) return;
    if (part.last <= behind)
      throw new CliError('CMK_REFUSED', `CMK does not get past event ${behind} of ${chain}`);
    behind = part.last;
  }
}

async function cmkPart(cmk: CmkClient, query: string): Promise<ChainPart> {
  const { text, headers } = await cmk.answer(`/v1/audit/export?${query}`);
  const last = Number(headers.get('x-okcm-audit-last'));
  const head = /^(\d+) ([0-9a-f]{64})$/.exec(headers.get('x-okcm-audit-head') ?? '');
  if (head?.[1] === undefined || head[2] === undefined || !Number.isSafeInteger(last))
    throw new CliError('CMK_REFUSED', 'CMK does not say how far its answer goes');
  return {
    text,
    last,
    more: headers.get('x-okcm-audit-more') === 'true',
    head: { sequence: Number(head[1]), hash: head[2] },
  };
}

/** Parts of a region's trail, from its admin listener. */
export async function* regionParts(core: AdminClient, after = 0): AsyncGenerator<ChainPart> {
  for (let behind = after; ; ) {
    const { events, more, head } = await core.get<TrailPage>(`/audit?after=${behind}`);
    const last = events.at(-1)?.seq ?? behind;
    const lines = events.map(({ seq, previousHash, hash, body }) =>
      JSON.stringify({ seq, previousHash, hash, body }),
    );
    yield { text: lines.map((line) => `${line}\n`).join(''), last, more, head };
    if (!more) return;
    behind = last;
  }
}

/** All checkpoints that CMK shows of a chain. */
export async function cmkCheckpoints(cmk: CmkClient, chain: string): Promise<Checkpoint[]> {
  return await cmk.list<Checkpoint>(`/v1/audit/checkpoints?${chainQuery(chain)}`);
}

const MAX_LINE_LENGTH = 16 * 1024 * 1024;

/** By line feeds alone: what else ends a line for some may stand in the middle of an event. Errors: FILE_UNREADABLE. */
export async function* fileLines(path: string): AsyncGenerator<string> {
  let rest = '';
  try {
    for await (const chunk of createReadStream(path, 'utf8')) {
      const lines = (rest + String(chunk)).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > MAX_LINE_LENGTH) throw new Error('a line has more than 16 Mi characters');
      yield* lines.filter((line) => line !== '');
    }
  } catch (cause) {
    throw new CliError('FILE_UNREADABLE', `${path} cannot be read`, { cause });
  }
  if (rest !== '') yield rest;
}
