import type { Tone } from '../api/words.ts';
import { Mark } from './badge.tsx';

const WIDTH = 240;
const HEIGHT = 48;
const PAD = 3;

interface LineProps {
  readonly label: string;
  readonly values: readonly number[];
  readonly format: (value: number) => string;
}

/** The last minutes of one figure. Its name, its value and its highest are words beside it. */
export function LineChart({ label, values, format }: LineProps) {
  const last = values.at(-1) ?? 0;
  const highest = Math.max(...values, 0);
  const scale = highest === 0 ? 1 : highest;
  const points = values.map((value, index) => {
    const x = values.length === 1 ? WIDTH : (index / (values.length - 1)) * WIDTH;
    return [x, HEIGHT - PAD - (value / scale) * (HEIGHT - 2 * PAD)] as const;
  });
  const path = points
    .map(([x, y], index) => `${index === 0 ? 'M' : 'L'}${x.toFixed(1)} ${y.toFixed(1)}`)
    .join('');
  return (
    <figure className="chart">
      <figcaption>
        <span>{label}</span>
        <strong>{format(last)}</strong>
      </figcaption>
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${label}: now ${format(last)}, highest ${format(highest)} of the last ${values.length} readings`}
      >
        {points.length > 1 && <path className="chart-area" d={`${path}L${WIDTH} ${HEIGHT}L0 ${HEIGHT}Z`} />}
        <path className="chart-line" d={path} vectorEffect="non-scaling-stroke" />
      </svg>
      <p className="muted small">highest {format(highest)}</p>
    </figure>
  );
}

interface Part {
  readonly name: string;
  readonly count: number;
  readonly tone: Tone;
}

/** How a whole divides. */
export function PartsChart({ label, parts }: { readonly label: string; readonly parts: readonly Part[] }) {
  const some = parts.filter(({ count }) => count > 0);
  const total = some.reduce((sum, { count }) => sum + count, 0);
  let x = 0;
  return (
    <figure className="chart">
      <figcaption>
        <span>{label}</span>
        <strong>{total.toLocaleString('en')}</strong>
      </figcaption>
      <svg className="parts" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
        {total === 0 && <rect className="part-none" width="100" height="6" />}
        {some.map(({ name, count, tone }) => {
          const width = (count / total) * 100;
          const rect = (
            <rect key={name} className={`part-${tone}`} x={x} width={Math.max(width - 0.4, 0.4)} height="6" />
          );
          x += width;
          return rect;
        })}
      </svg>
      <ul className="legend">
        {some.map(({ name, count, tone }) => (
          <li key={name}>
            <Mark tone={tone} />
            {name} <strong>{count.toLocaleString('en')}</strong>
          </li>
        ))}
        {total === 0 && <li className="muted">none</li>}
      </ul>
    </figure>
  );
}
