import { useSyncExternalStore } from 'react';

const STEP_MS = 1_000;
const SOON_MS = 1_500;
const UNITS = [
  ['year', 31_536_000],
  ['month', 2_592_000],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
] as const;

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });

/** One clock for all times of the page; it stands while nobody looks. */
let now = Date.now();
const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    if (document.hidden) return;
    now = Date.now();
    for (const each of listeners) each();
  }, STEP_MS);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

export const useNow = (): number => useSyncExternalStore(subscribe, () => now);

export function relativeTime(at: number, from: number): string {
  const difference = at - from;
  if (Math.abs(difference) < SOON_MS) return 'now';
  const seconds = Math.abs(difference) / 1_000;
  const [unit, size] = UNITS.find(([, each]) => seconds >= each) ?? ['second', 1];
  return relative.format(Math.trunc(difference / 1_000 / size), unit);
}

export const exactTime = (at: string): string => {
  const time = new Date(at);
  return Number.isNaN(time.getTime()) ? at : `${time.toISOString().slice(0, 19).replace('T', ' ')} UTC`;
};

/** "3 minutes ago"; the exact time on hover and focus. */
export function Time({ at, none = '–' }: { readonly at: string | null | undefined; readonly none?: string }) {
  const present = useNow();
  if (at === null || at === undefined) return <span className="muted">{none}</span>;
  const exact = exactTime(at);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: the exact time can be read with the keyboard as well
    <time dateTime={at} data-tip={exact} tabIndex={0}>
      {relativeTime(Date.parse(at), present)}
    </time>
  );
}
