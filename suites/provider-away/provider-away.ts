/**
 * A customer's keystore that nobody can reach for a while: links go on, both gateways serve, and the status warns. Withdrawn is
 * something else (D1: unreachable is not revoked).
 */
import type { Application } from '../../cli/kmip/application.ts';
import { startAwsKms } from '../../testkit/keystores/aws-kms.ts';
import { eventually, System } from '../../testkit/system.ts';
import { keystoreAtAws } from '../journey/keys.ts';

const TENANT = 'acme';
const KEY = 'own';
const PATIENCE_MS = 60_000;
const ASK_EVERY_MS = 250;
const WARNING = /acme\/own at keystore \S+ \(aws-kms\): ENABLED.*UNREACHABLE/s;

export interface AwayReport {
  readonly awayMs: number;
  /** Encrypts while it was away, over both regions. */
  readonly served: number;
  readonly refused: number;
  /** From the cut to the warning, and from the return to its end. */
  readonly warnedAfterMs: number;
  readonly clearedAfterMs: number;
  /** States of the links that were seen meanwhile. */
  readonly linkStates: readonly string[];
  /** Actions in the tenant's audit log since the cut. */
  readonly audited: readonly string[];
  /** What the status said. */
  readonly warning: string;
}

interface AuditPage {
  readonly items: readonly { readonly action: string; readonly at: string }[];
}

export async function providerAway(awayMs: number, tell: (text: string) => void): Promise<AwayReport> {
  const [system, aws] = await Promise.all([System.start(), startAwsKms()]);
  const seats: { application: Application; uid: string }[] = [];
  try {
    const keystore = await keystoreAtAws(system, TENANT, aws);
    const reference = aws.console.createKey();
    await system.must(
      ...['key', 'register', TENANT, '--alias', KEY, '--keystore', keystore, '--reference', reference],
    );
    await system.must('link', TENANT, '--key', KEY);
    for (const region of system.regions) {
      const application = await system.application(region);
      seats.push({ application, uid: await application.create({ active: true }) });
    }
    const status = async (): Promise<string> => (await system.must('status')).stdout;
    const since = new Date();
    const cutAt = performance.now();
    aws.cutOff();
    let [served, refused, warnedAfterMs] = [0, 0, 0];
    const linkStates = new Set<string>();
    let warning = '';
    while (performance.now() - cutAt < awayMs) {
      for (const { application, uid } of seats)
        await application.encrypt(uid, Buffer.from('x')).then(
          () => served++,
          () => refused++,
        );
      const links = await system.rest<{ regions: { state: string }[] }>('GET', `/v1/tenants/${TENANT}/links`);
      for (const { state } of links.regions) linkStates.add(state);
      if (warning === '') {
        const said = await status();
        if (WARNING.test(said)) {
          warning = said;
          warnedAfterMs = performance.now() - cutAt;
        }
      }
      tell(`${Math.round((performance.now() - cutAt) / 1000)} s away, ${served} served, ${refused} refused`);
      await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
    }
    const backAt = performance.now();
    aws.reconnect();
    await eventually('the warning is gone', PATIENCE_MS, async () => !WARNING.test(await status()));
    const clearedAfterMs = performance.now() - backAt;
    const { items } = await system.rest<AuditPage>('GET', `/v1/audit?tenant=${TENANT}&limit=200`);
    const audited = items.filter(({ at }) => new Date(at) > since).map(({ action }) => action);
    return {
      awayMs,
      served,
      refused,
      warnedAfterMs,
      clearedAfterMs,
      linkStates: [...linkStates],
      audited: [...new Set(audited)].sort(),
      warning: linesAbout(warning, `${TENANT}/${KEY}`),
    };
  } finally {
    for (const { application } of seats) application.close();
    await system.interrupt();
    await aws.close();
  }
}

/** The line that names it, and those below that are about it too. */
function linesAbout(text: string, name: string): string {
  const lines = text.split('\n');
  const first = lines.findIndex((line) => line.includes(name));
  const rest = lines.slice(first + 1);
  const others = rest.findIndex((line) => !/^ {11}/.test(line));
  return [lines[first], ...rest.slice(0, others)].join('\n');
}

/** Renewals cannot be proved meanwhile, and keep their time; nothing else may happen. */
const EXPECTED: ReadonlySet<string> = new Set(['key.warning', 'link.renew', 'link.renewed']);

export function failuresOf({ refused, warning, linkStates, audited }: AwayReport): string[] {
  const unexpected = audited.filter((action) => !EXPECTED.has(action));
  return [
    ...(refused > 0 ? [`${refused} requests were refused`] : []),
    ...(warning === '' ? ['the status did not warn'] : []),
    ...(linkStates.join() === 'active' ? [] : [`links were ${linkStates.join(', ')}`]),
    ...(unexpected.length > 0 ? [`also in the audit log: ${unexpected.join(', ')}`] : []),
  ];
}
