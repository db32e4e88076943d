/** How channels, streams and inboxes are called at NATS, and what the user of each plane may say and hear there. */
import { lanes } from '../messages.ts';
import { reportChannel, statusChannel, type TransportRole, taskChannel } from '../transport.ts';

/** The one consumer of each stream. */
export const CONSUMER = 'worker';
export const API = '$JS.API';

/** `okcm.tasks.eu-west-1.urgent` → `OKCM_TASKS_eu-west-1_urgent`: a stream's name holds no dots. */
export const streamOf = (channel: string): string =>
  channel.replace(/^okcm\.[a-z]+/, (s) => s.toUpperCase()).replaceAll('.', '_');

export const inboxOf = (role: TransportRole): string =>
  role.plane === 'region' ? `_INBOX_region_${role.region}` : '_INBOX_governance';

/** Subject lists, as nats-server's configuration words them. */
export interface NatsPermissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

/** What it takes to receive from a channel. */
function receiving(channel: string): string[] {
  const consumer = `${streamOf(channel)}.${CONSUMER}`;
  return [`${API}.CONSUMER.MSG.NEXT.${consumer}`, `$JS.ACK.${consumer}.>`];
}

/** All that the user of a region may do; in an account of its own (`natsAccounts`), where these are imported. */
export function natsRegionPermissions(region: string): NatsPermissions {
  return {
    publish: [
      statusChannel(),
      reportChannel(),
      ...lanes.flatMap((lane) => receiving(taskChannel(region, lane))),
    ],
    subscribe: [`${inboxOf({ plane: 'region', region })}.>`],
  };
}

/** All that governance's user may do, in the account that has the streams. */
export function natsGovernancePermissions(): NatsPermissions {
  return {
    publish: [
      'okcm.tasks.*.*',
      `${API}.INFO`, // for `okcm doctor`
      ...['STREAM.CREATE.*', 'STREAM.UPDATE.*', 'STREAM.INFO.*'].map((each) => `${API}.${each}`),
      ...['CONSUMER.CREATE.>', 'CONSUMER.DURABLE.CREATE.>'].map((each) => `${API}.${each}`),
      ...[statusChannel(), reportChannel()].flatMap(receiving),
    ],
    subscribe: [`${inboxOf({ plane: 'governance' })}.>`],
  };
}
