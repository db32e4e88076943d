import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Mark } from './badge.tsx';
import { Button } from './button.tsx';
import { ProblemFacts } from './problem-facts.tsx';

export function Loading({ what = 'Loading' }: { readonly what?: string }) {
  return (
    <div className="state" role="status">
      <span className="spinner" aria-hidden="true" />
      {what}…
    </div>
  );
}

export function EmptyState({ title, children }: { readonly title: string; readonly children?: ReactNode }) {
  return (
    <div className="state state-empty">
      <p className="state-title">{title}</p>
      {children}
    </div>
  );
}

interface ProblemProps {
  readonly error: Error;
  readonly onRetry?: () => void;
}

export function ProblemBox({ error, onRetry }: ProblemProps) {
  return (
    <div className="notice notice-bad" role="alert">
      <Mark tone="bad" />
      <div>
        <p>{error.message}</p>
        <ProblemFacts error={error} />
        {onRetry !== undefined && <Button onPress={onRetry}>Try again</Button>}
      </div>
    </div>
  );
}

interface NoticeProps {
  readonly tone: 'ok' | 'warn' | 'bad' | 'busy' | 'off';
  readonly children: ReactNode;
}

export function Notice({ tone, children }: NoticeProps) {
  return (
    <div className={`notice notice-${tone}`}>
      <Mark tone={tone} />
      <div>{children}</div>
    </div>
  );
}

interface LoadedProps<T> {
  readonly of: UseQueryResult<T>;
  readonly what?: string;
  readonly children: (data: T) => ReactNode;
}

/**
 * Shows what was asked for, or why not yet. An answer that grew old, because CMK does not answer at the moment, stays with a
 * word about that.
 */
export function Loaded<T>({ of: query, what, children }: LoadedProps<T>) {
  const { data, error, isPending, refetch } = query;
  if (data !== undefined) {
    return (
      <>
        {error !== null && (
          <Notice tone="warn">{error.message}. What is shown may have changed since.</Notice>
        )}
        {children(data)}
      </>
    );
  }
  if (error !== null) return <ProblemBox error={error} onRetry={() => void refetch()} />;
  if (isPending && query.fetchStatus === 'idle') return null;
  return <Loading {...(what === undefined ? {} : { what })} />;
}
