import type { ReactNode } from 'react';
import type { Tone } from '../../api/words.ts';

/** Something that needs somebody, and where to do something about it. */
export interface Alert {
  readonly id: string;
  readonly tone: Tone;
  readonly title: ReactNode;
  readonly to: string;
  readonly since?: string | null;
}
