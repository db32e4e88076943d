/** Protocol versions (KMIP 1.4 §6.1) and how this library compares them. */

export type Version = {
  readonly major: number;
  readonly minor: number;
};

export const V1_0: Version = { major: 1, minor: 0 };
export const V1_1: Version = { major: 1, minor: 1 };
export const V1_2: Version = { major: 1, minor: 2 };
export const V1_3: Version = { major: 1, minor: 3 };
export const V1_4: Version = { major: 1, minor: 4 };

/** What this library speaks in full, most recent first, as Discover Versions wants it (KMIP 1.4 §4.26). */
export const SUPPORTED_VERSIONS: readonly Version[] = [V1_4, V1_3, V1_2, V1_1, V1_0];
/** The version that everything is written in unless told otherwise. */
export const LATEST_VERSION: Version = V1_4;

export function isSupported(version: Version): boolean {
  return (
    version.major === LATEST_VERSION.major && version.minor >= 0 && version.minor <= LATEST_VERSION.minor
  );
}

/** Negative, zero or positive, as for `Array.prototype.sort`. */
export function compareVersions(a: Version, b: Version): number {
  return a.major - b.major || a.minor - b.minor;
}

/** Whether something that came with KMIP 1.`sinceMinor` may be sent to a peer that speaks `version`. */
export function knows(version: Version, sinceMinor: number): boolean {
  return sinceMinor === 0 || version.major > 1 || (version.major === 1 && version.minor >= sinceMinor);
}

/** `1.4` */
export function versionText(version: Version): string {
  return `${version.major}.${version.minor}`;
}
