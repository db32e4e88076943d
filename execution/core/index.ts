/** The Krypton core, for tests and for whoever embeds it; a process runs `main.ts`. */

export { verifyAudit } from './audit/verify.ts';
export { CoreConfig } from './config.ts';
export { initialiseInCeremony, initialiseRegion } from './init.ts';
export { changeTrust, type TrustChange } from './signing/by-hand.ts';
export { type CoreParts, type RunningCore, startCore } from './start.ts';
