/** An L1 key and what is wrong with it, in words. */
export interface KeyStateView {
  readonly state: string;
  readonly means: string;
  readonly stateSince: string;
  readonly lastEnabledAt: string | null;
  readonly warning: { readonly state: string; readonly means: string; readonly since: string } | null;
  readonly mend: { readonly by: 'customer' | 'operator' | 'time'; readonly how: string } | null;
}
export interface L1KeyView extends KeyStateView {
  readonly alias: string;
  readonly keystore: string;
  readonly reference: string;
  readonly version: string | null;
  readonly keyConfiguration: string | null;
  readonly primary: boolean;
}
export interface KeyTroubleView extends KeyStateView {
  readonly tenant: string;
  readonly alias: string;
  readonly keystore: string;
  readonly kind: string;
}

const menders = {
  customer: 'the customer can mend it',
  operator: 'an operator of CMK can mend it',
  time: 'it mends itself',
} as const;

export function describeKey(key: L1KeyView): string {
  return [
    `${key.alias} is ${key.state} at keystore ${key.keystore}: ${key.reference}`,
    ...troubleOf(key).map((line) => `  ${line}`),
  ].join('\n');
}

/** Why, since when, and who can mend it. */
export function describeTrouble(key: KeyTroubleView): string[] {
  return [
    `${key.tenant}/${key.alias} at keystore ${key.keystore} (${key.kind}): ${key.state}`,
    ...troubleOf(key).map((line) => `  ${line}`),
  ];
}

function troubleOf({ state, means, stateSince, lastEnabledAt, warning, mend }: KeyStateView): string[] {
  const lines: string[] = [];
  if (state !== 'ENABLED')
    lines.push(
      `${means}; so since ${stateSince}${lastEnabledAt === null ? '' : `, last good ${lastEnabledAt}`}`,
    );
  if (warning !== null)
    lines.push(
      `warning, ${warning.state}: ${warning.means}; so since ${warning.since}; nothing is changed by it`,
    );
  if (mend !== null) lines.push(`${menders[mend.by]}: ${mend.how}`);
  return lines;
}
