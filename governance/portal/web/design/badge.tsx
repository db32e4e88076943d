import { type Tone, toneOf } from '../api/words.ts';

/** A shape for each tone, since colour alone tells nothing to many. */
const SHAPES: Readonly<Record<Tone, string>> = {
  ok: 'M6 1.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9z',
  warn: 'M6 1l5.2 9.5H.8z',
  bad: 'M2.2.8L6 4.6 9.8.8l1.4 1.4L7.4 6l3.8 3.8-1.4 1.4L6 7.4l-3.8 3.8L.8 9.8 4.6 6 .8 2.2z',
  busy: 'M6 1.2L10.8 6 6 10.8 1.2 6z',
  off: 'M1.5 5h9v2h-9z',
};

export function Mark({ tone }: { readonly tone: Tone }) {
  return (
    <svg className={`mark mark-${tone}`} viewBox="0 0 12 12" aria-hidden="true" focusable="false">
      <path d={SHAPES[tone]} />
    </svg>
  );
}

interface Props {
  readonly state: string;
  /** Where the state's own tone is not meant. */
  readonly tone?: Tone;
  readonly tip?: string | undefined;
}

/** A state: its word, its shape, its colour. */
export function Badge({ state, tone = toneOf(state), tip }: Props) {
  const words = state.includes('_') ? state.toLowerCase().replaceAll('_', ' ') : state;
  if (tip !== undefined) {
    return (
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what it means can be read with the keyboard as well
      <span className={`badge badge-${tone}`} data-tip={tip} tabIndex={0}>
        <Mark tone={tone} />
        {words}
      </span>
    );
  }
  return (
    <span className={`badge badge-${tone}`}>
      <Mark tone={tone} />
      {words}
    </span>
  );
}
