/**
 * Why a request was refused, and whether it may have been. Whoever needs the core may be refused while it is away, with
 * these reasons and no others; the hot path may never be: its leases outlive every outage of a soak.
 */
import type { RefusalCode } from '../../execution/gateway/index.ts';
import { refusals } from '../../execution/gateway/index.ts';
import { errorCode, errorMessage } from '../../platform/errors.ts';

/** What a core that was killed may cost a request that needs it. */
export const expectedOfOutages = {
  CORE_UNREACHABLE: 'the core is away, and nothing was done',
  CORE_SILENT: 'it was killed under the request',
  NOT_SYNCED: 'it is back, and the gateway catches up with what has changed meanwhile',
} as const satisfies Partial<Record<RefusalCode, string>>;

/** What a request that needs the core may be told at any time: at full speed more may wait than is dealt with in time. */
export const expectedOfLoad = {
  CORE_BUSY: 'more waits than the core deals with in time, and nothing was done',
} as const satisfies Partial<Record<RefusalCode, string>>;

/** Perhaps done, perhaps not. */
const unknownOutcomes: ReadonlySet<string> = new Set(['CORE_SILENT', 'CORE_ANSWER_UNREADABLE', 'NO_ANSWER']);

/** For the control path only. */
export function mayBeRefused(reason: string, inOutage: boolean): boolean {
  return Object.hasOwn(expectedOfLoad, reason) || (inOutage && Object.hasOwn(expectedOfOutages, reason));
}
export const leavesOutcomeUnknown = (reason: string): boolean => unknownOutcomes.has(reason);

/** The gateway's own code where the message is one of its own, else the KMIP result reason with the message. */
export function reasonOf(error: unknown): string {
  const message = errorMessage(error);
  if (errorCode(error) === 'KMIP_UNREACHABLE') return 'NO_ANSWER';
  if (errorCode(error) !== 'KMIP_REFUSED') return `BROKEN: ${message}`;
  const known = Object.entries(refusals).find(([, { message: text }]) => message.includes(text));
  return known?.[0] ?? message.replace(/^[^:]+: /, '');
}
