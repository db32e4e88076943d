/** What the admin listener answers, as far as the command line shows it. */
import type { Handout } from './deliver.ts';

interface Named {
  readonly index: number;
  readonly holder: string;
}

export interface ProgressView {
  readonly setId: string;
  readonly threshold: number;
  readonly provided: readonly Named[];
  readonly expiresAt?: string;
}

export interface ChangeView {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly by: string;
  readonly isConfirmed: boolean;
  readonly expiresAt: string;
  readonly threshold?: number;
  readonly holders?: readonly { readonly name: string; readonly recipient: string }[];
  readonly progress?: ProgressView;
}

export interface SealView {
  readonly cluster: string;
  readonly region: string;
  readonly instance: string;
  readonly state: 'sealed' | 'unsealed';
  readonly reason?: string;
  readonly initialised: boolean;
  readonly seal: string | null;
  readonly configured: string;
  readonly shares?: ProgressView & {
    readonly createdAt: string;
    readonly ceremonyKey: string;
    readonly holders: readonly Named[];
  };
  readonly change?: ChangeView;
}

export interface BegunView {
  readonly change: ChangeView;
  readonly ceremony?: Handout;
}

export interface OutcomeView {
  readonly isDone: boolean;
  readonly change: ChangeView;
}

export function describeShares({ threshold, provided }: ProgressView): string {
  const from = provided.map(({ index, holder }) => `${index} (${holder})`).join(', ');
  return `${provided.length} of ${threshold} shares${from === '' ? '' : `: ${from}`}`;
}

export function describeChange(change: ChangeView): string[] {
  return [
    `change ${change.id}, begun by ${change.by}: ${change.from} to ${change.to}`,
    ...(change.holders === undefined
      ? []
      : [
          `  ${change.threshold} of ${change.holders.length} new shares will open the region:`,
          ...change.holders.map(({ name, recipient }) => `    ${name}  ${recipient}`),
        ]),
    ...(change.progress === undefined ? [] : [`  approved by ${describeShares(change.progress)}`]),
  ];
}
