/**
 * The forms in which events leave CMK, one line for each event. JSON Lines is exact: a chain can be checked from it. The
 * others are for whoever reads, searches and correlates, and leave nothing out.
 */
import { isIPv4, isIPv6 } from 'node:net';
import type { AuditEventView } from './event.ts';
import { textOfDetail } from './event.ts';
import { ocsfOf } from './ocsf.ts';

export interface AuditFormat {
  readonly mediaType: string;
  /** Of a file of it. */
  readonly extension: string;
  /** What a file begins with, line end included. */
  readonly head: string;
  /** Without a line end. */
  readonly line: (chain: string, event: AuditEventView) => string;
}

/** JSON Lines: https://jsonlines.org; the fields of a REST event behind the name of its chain. */
export function jsonLine(chain: string, event: AuditEventView): string {
  const { sequence, at, actor, action, subject, outcome, origin, correlationId, detail, previousHash, hash } =
    event;
  return JSON.stringify({
    chain,
    sequence,
    at,
    actor,
    action,
    subject,
    outcome,
    origin,
    correlationId,
    detail,
    previousHash,
    hash,
  });
}

const CSV_COLUMNS = [
  'chain',
  'sequence',
  'at',
  'actor',
  'action',
  'subject',
  'outcome',
  'origin',
  'correlationId',
  'detail',
  'previousHash',
  'hash',
] as const;

/** RFC 4180. A spreadsheet takes what begins so for a formula: it gets an apostrophe in front. */
const FORMULA = /^[=+\-@\t\r]/;
const csvCell = (value: string): string =>
  `"${(FORMULA.test(value) ? `'${value}` : value).replaceAll('"', '""')}"`;

function csvLine(chain: string, event: AuditEventView): string {
  return CSV_COLUMNS.map((column) => {
    if (column === 'chain') return csvCell(chain);
    if (column === 'detail') return csvCell(textOfDetail(event.detail));
    return csvCell(String(event[column] ?? ''));
  }).join(',');
}

/** ArcSight Common Event Format, revision 25: 0 (low) to 10. */
const CEF_SEVERITY: Readonly<Record<string, number>> = { accepted: 3, succeeded: 3, refused: 6, failed: 8 };
const UNKNOWN_SEVERITY = 5;
const cefHeader = (value: string): string =>
  value
    .replaceAll('\\', '\\\\')
    .replaceAll('|', '\\|')
    .replaceAll(/[\r\n]+/g, ' ');
const cefValue = (value: string): string =>
  value.replaceAll('\\', '\\\\').replaceAll('=', '\\=').replaceAll('\r', '\\r').replaceAll('\n', '\\n');

function cefOrigin(origin: string | null): [string, string][] {
  if (origin === null) return [];
  if (isIPv4(origin)) return [['src', origin]];
  if (isIPv6(origin))
    return [
      ['c6a2', origin],
      ['c6a2Label', 'Source IPv6 Address'],
    ];
  return [['shost', origin]];
}

function cefLine(chain: string, event: AuditEventView): string {
  const header = [
    'CEF:0',
    'OpenKCM',
    'CMK',
    '1',
    event.action,
    `${event.action} ${event.outcome}`,
    String(CEF_SEVERITY[event.outcome] ?? UNKNOWN_SEVERITY),
  ].map(cefHeader);
  const extension: [string, string][] = [
    ['externalId', `${chain}/${event.sequence}`],
    ['rt', String(Date.parse(event.at))],
    ['suser', event.actor],
    ...cefOrigin(event.origin),
    ['act', event.action],
    ['outcome', event.outcome],
    ['msg', event.subject],
    ['cs1', event.correlationId],
    ['cs1Label', 'correlationId'],
    ['cs2', chain],
    ['cs2Label', 'chain'],
    ['cs3', event.hash],
    ['cs3Label', 'hash'],
    ['cs4', event.previousHash],
    ['cs4Label', 'previousHash'],
    ['cs5', textOfDetail(event.detail)],
    ['cs5Label', 'detail'],
    ['cn1', String(event.sequence)],
    ['cn1Label', 'sequence'],
  ];
  return `${header.join('|')}|${extension.map(([key, value]) => `${key}=${cefValue(value)}`).join(' ')}`;
}

export const auditFormats = {
  jsonl: { mediaType: 'application/x-ndjson; charset=utf-8', extension: 'jsonl', head: '', line: jsonLine },
  csv: {
    mediaType: 'text/csv; charset=utf-8',
    extension: 'csv',
    head: `${CSV_COLUMNS.join(',')}\n`,
    line: csvLine,
  },
  ocsf: {
    mediaType: 'application/x-ndjson; charset=utf-8',
    extension: 'ocsf.jsonl',
    head: '',
    line: (chain, event) => JSON.stringify(ocsfOf(chain, event)),
  },
  cef: { mediaType: 'text/plain; charset=utf-8', extension: 'cef', head: '', line: cefLine },
} as const satisfies Record<string, AuditFormat>;
export type AuditFormatName = keyof typeof auditFormats;
export const auditFormatNames = Object.keys(auditFormats) as AuditFormatName[];
