import { type ReactNode, useEffect, useRef } from 'react';
import { Mark } from './badge.tsx';

interface Props {
  readonly titles: readonly string[];
  /** Which one is shown, from 0. */
  readonly at: number;
  readonly children: ReactNode;
}

/** A wizard: where one is, and that one step. The step's heading takes the focus when it comes. */
export function Steps({ titles, at, children }: Props) {
  const heading = useRef<HTMLHeadingElement>(null);
  const before = useRef(at);
  useEffect(() => {
    if (before.current !== at) heading.current?.focus();
    before.current = at;
  }, [at]);
  return (
    <div className="steps">
      <ol className="steps-list" aria-label="Steps">
        {titles.map((title, index) => (
          <li key={title} aria-current={index === at ? 'step' : undefined}>
            <Mark tone={index < at ? 'ok' : index === at ? 'busy' : 'off'} />
            <span>
              {title}
              {index < at && <span className="sr-only"> (done)</span>}
            </span>
          </li>
        ))}
      </ol>
      <div className="step">
        <h2 ref={heading} tabIndex={-1}>
          {at + 1}. {titles[at]}
        </h2>
        {children}
      </div>
    </div>
  );
}
