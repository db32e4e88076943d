/** What CMK answers, as far as the command line reads it. The whole of it: GET /v1/openapi.json. */

/** How far one region is with something that governance asked of it. */
export interface RegionProgress {
  readonly region: string;
  readonly state: string;
  readonly error?: string | null;
}

export interface TenantView {
  readonly id: string;
  readonly policy: string;
  readonly quorum: number;
  readonly regions: readonly RegionProgress[];
}
export interface NamedView {
  readonly name: string;
  readonly regions: readonly RegionProgress[];
}
export interface ApplicationView extends NamedView {
  readonly services: readonly string[];
  readonly fingerprint: string;
}
export interface LinkView extends RegionProgress {
  readonly epoch: number;
  /** The alias of the L1 key that the region is, or was last, linked to. */
  readonly key?: string | null;
  readonly waitsFor?: string | null;
  readonly expiresAt?: string | null;
  readonly gatewaysTold?: number | null;
}
export interface LinksView {
  readonly state: string;
  readonly regions: readonly LinkView[];
}
export interface KeyView {
  readonly alias: string;
  readonly keystore: string;
  readonly state: string;
}
