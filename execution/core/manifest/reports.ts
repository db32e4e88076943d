/** Sends the manifest, page after page, until stopped. A report that is lost comes again with the next round. */
import type { ManifestReport } from '../../../contracts/index.ts';
import type { JsonValue, Operator } from '../../../orbital/index.ts';
import type { Logger } from '../../../platform/log.ts';
import { MANIFEST_EVERY_MS } from '../limits.ts';
import type { ManifestRounds } from './pages.ts';

export interface ManifestReportOptions {
  readonly region: string;
  readonly rounds: Pick<ManifestRounds, 'next'>;
  readonly operator: Pick<Operator, 'sendReport'>;
  readonly logger: Logger;
  readonly everyMs?: number | undefined;
}

export function startManifests(options: ManifestReportOptions): { stop(): Promise<void> } {
  const { region, rounds, operator, logger, everyMs = MANIFEST_EVERY_MS } = options;
  let sending: Promise<void> | undefined;
  const send = async (): Promise<void> => {
    try {
      const pages = await rounds.next();
      if (pages.length === 0) return;
      const report: ManifestReport = { kind: 'manifest', region, pages };
      await operator.sendReport(report as unknown as JsonValue);
    } catch (err) {
      logger.debug({ err }, 'a part of the manifest could not be sent');
    } finally {
      sending = undefined;
    }
  };
  const timer = setInterval(() => {
    sending ??= send();
  }, everyMs).unref();
  return {
    async stop() {
      clearInterval(timer);
      await sending;
    },
  };
}
