import type { ReactNode } from 'react';
import type { Tone } from '../api/words.ts';
import { Mark } from './badge.tsx';
import { Time } from './time.tsx';

export interface Moment {
  readonly at: string | null;
  readonly title: ReactNode;
  readonly tone: Tone;
  readonly detail?: ReactNode;
}

/** After every year there is. */
const rank = ({ at }: Moment): string => at ?? '9999';

/** What happened, in its order. What has no time yet comes last. */
export function Timeline({ of: moments, label }: { readonly of: readonly Moment[]; readonly label: string }) {
  const sorted = moments
    .map((moment, index) => ({ moment, index }))
    .sort((a, b) => rank(a.moment).localeCompare(rank(b.moment)) || a.index - b.index);
  return (
    <ol className="timeline" aria-label={label}>
      {sorted.map(({ moment: { at, title, tone, detail }, index }) => (
        <li key={index}>
          <Mark tone={tone} />
          <div>
            <p className="timeline-title">
              {title} {at !== null && <Time at={at} />}
            </p>
            {detail !== undefined && <div className="timeline-detail">{detail}</div>}
          </div>
        </li>
      ))}
    </ol>
  );
}
