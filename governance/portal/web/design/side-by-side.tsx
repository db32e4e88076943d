import type { ReactNode } from 'react';

export interface Change {
  readonly what: string;
  readonly now: ReactNode;
  readonly after: ReactNode;
}

/** What is, and what would be. On a narrow screen the two stand below each other, each with its name. */
export function SideBySide({
  changes,
  then = 'If approved',
}: {
  readonly changes: readonly Change[];
  readonly then?: string;
}) {
  return (
    <div className="sides">
      {changes.map((change) => (
        <div key={change.what} className="side-row">
          <h3>{change.what}</h3>
          <div className="side side-now">
            <span className="side-name">Now</span>
            <div>{change.now}</div>
          </div>
          <div className="side side-then">
            <span className="side-name">{then}</span>
            <div>{change.after}</div>
          </div>
        </div>
      ))}
    </div>
  );
}
