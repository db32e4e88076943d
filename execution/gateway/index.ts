/** The gateway: authoritative for data keys (L4), a transparent proxy for everything else (split record §1, §3). */
export { GatewayConfig } from './config.ts';
export { type GatewayDeps, startGateway } from './gateway.ts';
export { type RefusalCode, refusals } from './refusals.ts';
export type { GatewayStatus, RunningGateway } from './status.ts';
