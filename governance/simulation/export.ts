/**
 * A report for people and their tools: Markdown to read, CSV with one line for each thing that would stop. Cells that a
 * spreadsheet would run as a formula are kept from it, since names come from many hands.
 */
import type { Subject } from './outcomes.ts';
import type { RegionReport, SimulationReport } from './report-types.ts';

type Cell = string | number | boolean | null;

export const exportFormats = {
  json: 'application/json',
  csv: 'text/csv; charset=utf-8',
  markdown: 'text/markdown; charset=utf-8',
} as const;
export type ExportFormat = keyof typeof exportFormats;

export function exported(report: SimulationReport, format: ExportFormat): string {
  switch (format) {
    case 'json':
      return `${JSON.stringify(report, null, 2)}\n`;
    case 'csv':
      return csv(report);
    case 'markdown':
      return markdown(report);
  }
}

/** `unlink`, `disable-key main`, `drill of payments`. */
export function describeSubject(subject: Subject): string {
  if ('key' in subject) return `${subject.action} ${subject.key}`;
  if (subject.action === 'drill') return `drill of ${subject.service ?? 'the whole tenant'}`;
  return subject.action;
}

const CSV_HEAD = [
  'region',
  'kind',
  'name',
  'service',
  'state',
  'stops',
  'endsBy',
  'graceEndsBy',
  'lastUsedAt',
  'count',
  'note',
];

function csv(report: SimulationReport): string {
  const rows: Cell[][] = report.regions.flatMap((region) => csvOf(region));
  for (const { kind, id, what, region, since, effect, means } of report.workflows)
    rows.push([
      region,
      kind,
      id,
      null,
      effect,
      effect !== 'unaffected',
      null,
      null,
      since,
      null,
      `${what}: ${means}`,
    ]);
  return [CSV_HEAD, ...rows].map((row) => `${row.map(csvCell).join(',')}\r\n`).join('');
}

function csvOf(region: RegionReport): Cell[][] {
  const { region: name, stops, why, link } = region;
  return [
    [name, 'region', name, null, region.seal, stops, null, null, region.lastUsedAt, region.omitted, why],
    [name, 'link', link.key, null, link.state, stops, link.expiresAt, null, link.provedAt, link.epoch, null],
    ...region.systems.map(({ name: system, kind, externalId, service, configuration }) => [
      name,
      'system',
      system,
      service,
      null,
      stops,
      null,
      null,
      null,
      null,
      `${kind} ${externalId}${configuration === null ? '' : `, key configuration ${configuration}`}`,
    ]),
    ...region.services.map(({ service, state, lastUsedAt, objects, applications }) => [
      name,
      'service',
      service,
      service,
      state,
      stops,
      null,
      null,
      lastUsedAt,
      objects,
      `${applications} applications`,
    ]),
    ...region.versions.map(({ level, service, version, state, createdAt, dependents }) => [
      name,
      `${level} version`,
      String(version),
      service,
      state,
      stops,
      null,
      null,
      null,
      dependents,
      createdAt === null ? 'not told by the region' : `made ${createdAt}`,
    ]),
    ...region.applications.map(({ name: application, services, state, lastSeenAt }) => [
      name,
      'application',
      application,
      services.join(' '),
      state,
      stops,
      null,
      null,
      lastSeenAt,
      null,
      null,
    ]),
    ...region.gateways.map(({ name: gateway, state, connected, leases }) => [
      name,
      'gateway',
      gateway,
      null,
      state,
      leases > 0,
      null,
      null,
      null,
      leases,
      connected ? 'connected' : 'not connected',
    ]),
    ...region.leases.map(({ gateway, service, connected, endsBy, graceEndsBy, lastUsedAt }) => [
      name,
      'lease',
      gateway,
      service,
      connected ? 'connected' : 'not connected',
      stops,
      endsBy,
      graceEndsBy,
      lastUsedAt,
      null,
      connected ? 'ends with one push' : 'ends by its time',
    ]),
  ];
}

/** RFC 4180. A cell that begins as a formula does gets an apostrophe before it (OWASP, CSV injection). */
function csvCell(cell: Cell): string {
  if (cell === null) return '';
  const text = typeof cell === 'string' && /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : String(cell);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function markdown(report: SimulationReport): string {
  const { tenant, subject, totals, regions, workflows } = report;
  const stopping = regions.filter(({ stops }) => stops);
  const going = regions.filter(({ stops }) => !stops);
  const affected = workflows.filter(({ effect }) => effect !== 'unaffected');
  const lines = [
    `# Simulation: ${describeSubject(subject)} (${tenant})`,
    '',
    `Asked by ${report.askedBy}, ${report.askedAt}. Nothing was changed. ${report.state === 'complete' ? '' : '**Not every region has answered yet.**'}`.trimEnd(),
    '',
    `- It would ${report.means}.`,
    `- Back: ${report.back}.${report.reversible ? '' : ' **This cannot be taken back.**'}`,
    ...(report.noticedWithinMs === null
      ? []
      : [`- Noticed within ${report.noticedWithinMs / 1000} s of the change at the provider.`]),
    report.stops
      ? `- **Stops:** ${totals.regions} regions, ${totals.systems} systems, ${totals.services} services, ${totals.versions} key versions, ${totals.objects} objects, ${totals.applications} applications, ${totals.leases} leases on ${totals.gateways} gateways; ${totals.workflows} workflows are affected.`
      : '- **Nothing stops.**',
    `- Last used: ${report.lastUsedAt ?? 'not known'}.`,
    '',
    ...stopping.flatMap(markdownOf),
    ...(going.length === 0
      ? []
      : [
          '## Regions that go on',
          '',
          ...markdownTable(
            ['region', 'link', 'why'],
            going.map(({ region, link, why }) => [region, link.state, why]),
          ),
          '',
        ]),
    ...(affected.length === 0
      ? []
      : [
          '## Workflows',
          '',
          ...markdownTable(
            ['kind', 'what', 'region', 'since', 'effect'],
            affected.map(({ kind, what, region, since, means }) => [kind, what, region, since, means]),
          ),
          '',
        ]),
  ];
  return `${lines.join('\n').trimEnd()}\n`;
}

function markdownOf(region: RegionReport): string[] {
  const missing = region.answers.filter(({ answeredAt, error }) => answeredAt === null || error !== null);
  return [
    `## ${region.region}`,
    '',
    `Link: ${region.link.state}, epoch ${region.link.epoch}, key ${region.link.key ?? 'none'}; without governance it ends ${region.link.expiresAt ?? 'never'}. ${region.why}. Last report ${region.reportedAt ?? 'never'}${region.stale ? ' (stale)' : ''}.`,
    ...missing.map(
      ({ question, error }) =>
        `**Not told by the region: ${question}${error === null ? '' : ` (${error})`}.**`,
    ),
    `Gateways that no push reaches stop ${region.lastGatewayStopsBy === null ? 'at once' : `by ${region.lastGatewayStopsBy}`}. Last used ${region.lastUsedAt ?? 'not known'}. Not named here: ${region.omitted}.`,
    '',
    ...markdownTable(
      ['system', 'kind', 'known there as', 'service', 'key configuration'],
      region.systems.map((each) => [each.name, each.kind, each.externalId, each.service, each.configuration]),
    ),
    '',
    ...markdownTable(
      ['service', 'state', 'objects', 'applications', 'last used'],
      region.services.map((each) => [
        each.service,
        each.state,
        each.objects,
        each.applications,
        each.lastUsedAt,
      ]),
    ),
    '',
    ...markdownTable(
      ['level', 'service', 'version', 'state', 'dependents'],
      region.versions.map((each) => [each.level, each.service, each.version, each.state, each.dependents]),
    ),
    '',
    ...markdownTable(
      ['application', 'services', 'state', 'last seen'],
      region.applications.map((each) => [each.name, each.services.join(', '), each.state, each.lastSeenAt]),
    ),
    '',
    ...markdownTable(
      ['gateway', 'service', 'connected', 'lease ends by', 'grace ends by', 'last used'],
      region.leases.map((each) => [
        each.gateway,
        each.service,
        each.connected,
        each.endsBy,
        each.graceEndsBy,
        each.lastUsedAt,
      ]),
    ),
    '',
  ];
}

function markdownTable(head: readonly string[], rows: readonly (readonly Cell[])[]): string[] {
  if (rows.length === 0) return [`No ${head[0]}.`];
  const line = (cells: readonly Cell[]): string => `| ${cells.map(markdownCell).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)];
}

const markdownCell = (cell: Cell): string =>
  cell === null
    ? '–'
    : String(cell)
        .replaceAll('\\', '\\\\')
        .replaceAll('|', '\\|')
        .replaceAll(/[<`*_[\]]/g, '\\$&');
