/** What the region says of itself to governance, unasked, every few seconds: status, never material (D11). */
import type { RegionReport, RegionSummary } from '../../contracts/index.ts';
import type { JsonValue, Operator } from '../../orbital/index.ts';
import type { Logger } from '../../platform/log.ts';
import type { Keychain } from '../keychain/index.ts';
import type { AuditRounds } from './audit/rounds.ts';
import type { CoreConfig } from './config.ts';
import { REPORT_EVERY_MS } from './limits.ts';
import type { LinkRounds } from './link-rounds.ts';
import type { Gateways } from './mesh/gateways.ts';
import { readHead } from './store/pushes.ts';
import type { RegionDb } from './store/tables.ts';

export interface StatusSources {
  readonly config: CoreConfig;
  readonly startedAt: Date;
  readonly db: RegionDb;
  readonly keychain: Keychain;
  readonly rounds: LinkRounds;
  readonly gateways: Gateways;
  readonly audit: AuditRounds;
}

export async function regionSummary(sources: StatusSources): Promise<RegionSummary & { head: number }> {
  const { config, startedAt, db, keychain, rounds, gateways } = sources;
  const head = await readHead(db);
  const signed = await sources.audit.signed();
  return {
    region: config.region,
    at: new Date().toISOString(),
    core: {
      instance: config.instance,
      startedAt: startedAt.toISOString(),
      seal: keychain.sealState,
      sealKind: keychain.sealKind,
    },
    gateways: gateways.report(head),
    ...(rounds.counts === undefined ? {} : { linkCounts: rounds.counts }),
    ...signed,
    head,
  };
}

/** Sends reports until stopped. One that cannot be sent is dropped: the next one says more. */
export function startReports(
  sources: StatusSources,
  operator: Operator,
  logger: Logger,
  onReport: (head: number) => void,
): { stop(): Promise<void> } {
  let isStopped = false;
  let sending: Promise<void> = Promise.resolve();
  let isSending = false;
  const send = async (): Promise<void> => {
    if (isSending || isStopped) return;
    isSending = true;
    try {
      // First the page, since the round that it completes is counted in the summary.
      const links = await sources.rounds.next();
      const { head, ...summary } = await regionSummary(sources);
      onReport(head);
      const auditCounts = await sources.audit.counts();
      const report: RegionReport = { ...summary, links, auditCounts };
      await operator.sendReport(report as unknown as JsonValue);
    } catch (err) {
      logger.debug({ err }, 'a region report could not be sent');
    } finally {
      isSending = false;
    }
  };
  const tick = (): void => {
    sending = send();
  };
  tick();
  const timer = setInterval(tick, REPORT_EVERY_MS).unref();
  return {
    async stop() {
      isStopped = true;
      clearInterval(timer);
      await sending;
    },
  };
}
