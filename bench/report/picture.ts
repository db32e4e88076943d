/** The picture of docs/benchmarks.md: processor time, latency by percentile, and minutes of sustained load. */
import { medianOf } from '../../testkit/measure/spread.ts';
import { against, type Row, ratioText } from '../gateway/result.ts';
import { figure } from './markdown.ts';
import type { Results } from './results.ts';
import { Drawing, type Role } from './svg.ts';

const WIDTH = 960;
const MARGIN = 24;
const GAP = 20;
const HALF = (WIDTH - 2 * MARGIN - GAP) / 2;
const RIGHT = MARGIN + HALF + GAP;
const VERBS = ['Encrypt', 'Decrypt', 'Get', 'Create'] as const;
const SERVERS = ['echo', 'gateway', 'general'] as const;
const serverText = { echo: 'bare echo', gateway: 'gateway', general: 'gateway, general codec' } as const;
const TARGET_A_MINUTE = 2_000_000;
const BARS = { top: 92, head: 70, group: 72, bar: 14, label: 68 } as const;
const CPU_HEIGHT = BARS.head + VERBS.length * BARS.group;
const LOWER_TOP = BARS.top + CPU_HEIGHT + GAP;
const LOWER_HEIGHT = 300;
const HEIGHT = LOWER_TOP + LOWER_HEIGHT + MARGIN;

interface Frame {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export function pictureOf(results: Results): string {
  const drawing = new Drawing(WIDTH, HEIGHT);
  drawing.text('ink', MARGIN, 42, 'The gateway beside a server that does nothing but TLS', {
    size: 20,
    bold: true,
  });
  if (Object.values(results).some((result) => result?.provisional === true))
    drawing.text('goal', WIDTH - MARGIN, 72, 'provisional figures', { size: 13, bold: true, anchor: 'end' });
  legend(drawing);
  cpu(drawing, results, 1, { x: MARGIN, y: BARS.top, width: HALF, height: CPU_HEIGHT });
  cpu(drawing, results, 16, { x: RIGHT, y: BARS.top, width: HALF, height: CPU_HEIGHT });
  latency(drawing, results, { x: MARGIN, y: LOWER_TOP, width: HALF, height: LOWER_HEIGHT });
  sustained(drawing, results, { x: RIGHT, y: LOWER_TOP, width: HALF, height: LOWER_HEIGHT });
  return drawing.toString(
    'Benchmarks of the gateway',
    'Processor time of Encrypt, Decrypt, Get and Create beside a bare echo and the general codec; latency at a fixed rate beside the echo; operations a minute under sustained load. The tables below the picture hold the same figures.',
  );
}

function legend(drawing: Drawing): void {
  let x = MARGIN;
  for (const server of SERVERS) {
    drawing.box(server, x, 60, 14, 14);
    drawing.text('ink', x + 20, 72, serverText[server]);
    x += 44 + 7.2 * serverText[server].length;
  }
}

function panel(drawing: Drawing, { x, y, width, height }: Frame, title: string, remark: string): void {
  drawing.box('panel', x, y, width, height, 8);
  drawing.text('ink', x + 14, y + 24, title, { size: 14, bold: true });
  drawing.text('faint', x + 14, y + 42, remark, { size: 11 });
}

function cpu(drawing: Drawing, { gateway }: Results, depth: number, frame: Frame): void {
  const how = depth === 1 ? 'one request at a time' : `${depth} requests in one write`;
  panel(drawing, frame, 'Processor time of an operation, µs', `32 B, 16 connections, ${how}`);
  drawing.text('faint', frame.x + 14, frame.y + 56, 'each to its own scale; in grey: echo ÷ gateway', {
    size: 11,
  });
  for (const [index, verb] of VERBS.entries()) {
    const row = gateway?.rows.find((one) => isShown(one, verb, depth));
    const y = frame.y + BARS.head + index * BARS.group;
    drawing.text('ink', frame.x + 14, y + 20, verb, { bold: true });
    const ratio = row === undefined ? undefined : against(row, 'echo');
    drawing.text('faint', frame.x + 14, y + 38, ratioText(ratio), { size: 13 });
    const times = SERVERS.map((server) => medianOf(row?.runs[server]?.micros ?? []));
    const scale = (frame.width - BARS.label - 86) / Math.max(...times.filter(Number.isFinite), 1e-3);
    for (const [bar, server] of SERVERS.entries()) {
      const time = times[bar] ?? Number.NaN;
      if (Number.isNaN(time)) continue;
      const [left, top] = [frame.x + BARS.label + 14, y + 6 + bar * (BARS.bar + 3)];
      drawing.box(server, left, top, time * scale, BARS.bar);
      drawing.text('ink', left + time * scale + 6, top + 11, figure(time), { size: 11 });
    }
    const pykmip = medianOf(row?.runs.pykmip?.micros ?? []);
    if (Number.isNaN(pykmip)) continue;
    const right = frame.x + frame.width - 14;
    drawing.text('faint', right, y + 17, `PyKMIP: ${figure(pykmip)}`, { size: 11, anchor: 'end' });
  }
}

function isShown({ cell }: Row, verb: string, depth: number): boolean {
  const { payloadBytes, connections, batch } = cell;
  return (
    cell.verb === verb && cell.depth === depth && payloadBytes === 32 && connections === 16 && batch === 1
  );
}

/** Nines to the right, each decade of milliseconds one step up. */
function latency(drawing: Drawing, { latency: result }: Results, frame: Frame): void {
  const rate = result?.options['rate'];
  const at = typeof rate === 'number' ? `, ${rate.toLocaleString('en-US')} requests a second, open loop` : '';
  panel(drawing, frame, 'Latency by percentile, ms', `Encrypt of 32 B${at}`);
  const inner = {
    left: frame.x + 52,
    right: frame.x + frame.width - 66,
    top: frame.y + 62,
    bottom: frame.y + frame.height - 34,
  };
  const values =
    result === undefined ? [] : [...result.curves.echo, ...result.curves.gateway].map(([, ms]) => ms);
  const [low, high] = [
    Math.floor(Math.log10(Math.min(...values, 0.1))),
    Math.ceil(Math.log10(Math.max(...values, 1))),
  ];
  const x = (percent: number): number => {
    const nines = Math.min(4, -Math.log10(1 - Math.min(percent, 99.99) / 100));
    return inner.left + (nines / 4) * (inner.right - inner.left);
  };
  const y = (ms: number): number =>
    inner.bottom - ((Math.log10(ms) - low) / (high - low)) * (inner.bottom - inner.top);
  for (let decade = low; decade <= high; decade++) {
    const level = y(10 ** decade);
    drawing.line(
      'faint',
      [
        [inner.left, level],
        [inner.right, level],
      ],
      { width: 0.4 },
    );
    drawing.text('faint', inner.left - 8, level + 4, String(10 ** decade), { size: 11, anchor: 'end' });
  }
  for (const percent of [50, 90, 99, 99.9, 99.99]) {
    drawing.line(
      'faint',
      [
        [x(percent), inner.top],
        [x(percent), inner.bottom],
      ],
      { width: 0.4 },
    );
    drawing.text('faint', x(percent), inner.bottom + 18, `p${percent}`, { size: 11, anchor: 'middle' });
  }
  const ends: [Role, number][] = [];
  for (const server of ['echo', 'gateway'] as const) {
    const curve = (result?.curves[server] ?? []).filter(([percent]) => percent <= 99.99);
    drawing.line(
      server,
      curve.map(([percent, ms]) => [x(percent), y(ms)] as const),
      { width: 2.5 },
    );
    const last = curve.at(-1);
    if (last !== undefined) ends.push([server, last[1]]);
  }
  const [first, second] = ends.toSorted((a, b) => b[1] - a[1]);
  for (const [index, end] of [first, second].entries()) {
    if (end === undefined) continue;
    // The higher one's label stands above its end, the lower one's below: they never meet.
    drawing.text(end[0], inner.right + 8, y(end[1]) + (index === 0 ? -2 : 12), figure(end[1]), {
      size: 12,
      bold: true,
    });
  }
}

function sustained(drawing: Drawing, { sustained: result }: Results, frame: Frame): void {
  panel(
    drawing,
    frame,
    'Encrypt and Decrypt in a minute, millions',
    'median minute, mark: the worst, dashed: the target for * (2 M)',
  );
  const shapes = result?.shapes ?? [];
  const most = Math.max(
    TARGET_A_MINUTE,
    ...shapes.flatMap(({ echo, gateway }) => [...echo.minutes, ...gateway.minutes]),
  );
  const [bottom, top] = [frame.y + frame.height - 34, frame.y + 76];
  const y = (count: number): number => bottom - (count / most) * (bottom - top);
  const step = (frame.width - 40) / Math.max(1, shapes.length);
  for (const [index, { shape, echo, gateway }] of shapes.entries()) {
    const left = frame.x + 20 + index * step;
    for (const [bar, [server, { minutes }]] of (
      [
        ['echo', echo],
        ['gateway', gateway],
      ] as const
    ).entries()) {
      const [x, width, median] = [left + step * (0.14 + bar * 0.38), step * 0.34, medianOf(minutes)];
      drawing.box(server, x, y(median), width, bottom - y(median));
      const worst = y(Math.min(...minutes));
      drawing.line(
        'ink',
        [
          [x, worst],
          [x + width, worst],
        ],
        { width: 1.5 },
      );
      drawing.text('ink', x + width / 2, y(Math.max(...minutes)) - 5, (median / 1e6).toFixed(1), {
        size: 11,
        anchor: 'middle',
      });
    }
    const label = shape === result?.main ? `${shape} *` : shape;
    drawing.text('ink', left + step / 2, bottom + 18, label, { anchor: 'middle' });
  }
  drawing.line('faint', [
    [frame.x + 14, bottom],
    [frame.x + frame.width - 14, bottom],
  ]);
  const goal = y(TARGET_A_MINUTE);
  drawing.line(
    'goal',
    [
      [frame.x + 14, goal],
      [frame.x + frame.width - 14, goal],
    ],
    { width: 1.5, dashed: true },
  );
}
