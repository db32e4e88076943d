/** What a link's state means for whoever looks at it. */
import type { GetTenantLinksResponse } from '../../../../client/types.gen.ts';

export type Links = GetTenantLinksResponse;
export type RegionLink = Links['regions'][number];

const MEANS: Readonly<Record<RegionLink['state'], string>> = {
  none: 'Never linked here: keys stand on the regional secret alone',
  preparing: 'The region makes the key pair of the next epoch',
  sealing: 'The keystore makes the secret of the next epoch',
  linking: 'The region opens the epoch and wraps L2 anew',
  active: 'The region may use the tenant’s keys; the lease is renewed by proof',
  rotating: 'The next epoch is made while this one serves',
  expired: 'The lease has run out: nothing opens until it is proved or linked again',
  failed: 'The region or the keystore refused: link again to try with the next epoch',
  closing: 'The region was told to close this epoch for ever',
  closed: 'Closed for ever: keys are usable by nobody until it is linked again',
};

export const linkMeans = (link: RegionLink): string => MEANS[link.state];

/** Linked, or on its way to it, anywhere. */
export const isLinked = (links: Links | undefined): boolean =>
  links?.regions.some(({ state }) => !['none', 'closed', 'closing'].includes(state)) ?? false;

export const linkedKeys = (links: Links | undefined): string[] => [
  ...new Set(
    (links?.regions ?? []).flatMap(({ key, state }) =>
      key === null || ['none', 'closed', 'closing', 'failed'].includes(state) ? [] : [key],
    ),
  ),
];
