/** Where in OpenBao a tenant's secret lies. */
import type { TenantId } from '../../../contracts/index.ts';

/** Stands for the tenant in the template of a mount or a namespace. */
export const TENANT_PLACEHOLDER = '{tenant}';

/**
 * Mounts and namespaces are made by whoever owns the OpenBao, before the tenant is provisioned: a token that could make
 * them could do almost anything.
 */
export type OpenBaoLayout =
  | { readonly layout: 'shared'; readonly mount: string; readonly namespace?: string }
  /** `mount` holds the placeholder, such as tenants/{tenant}. */
  | { readonly layout: 'mount-per-tenant'; readonly mount: string; readonly namespace?: string }
  /** `namespace` holds the placeholder, such as openkcm/{tenant}. */
  | { readonly layout: 'namespace-per-tenant'; readonly mount: string; readonly namespace: string };

export interface SecretPlace {
  readonly mount: readonly string[];
  /** Below data/ and metadata/ of the mount. */
  readonly path: readonly string[];
  readonly namespace: string | undefined;
}

/**
 * Prefix, region and tenant stand in the path whatever the layout, so that no two regions or clusters ever meet. Region
 * and tenant are labels, templates are checked with the configuration: none holds a slash or a dot of its own accord.
 */
export function placeOf(
  layout: OpenBaoLayout,
  prefix: string,
  region: string,
  tenant: TenantId,
): SecretPlace {
  const filled = (template: string): string => template.replaceAll(TENANT_PLACEHOLDER, tenant);
  return {
    mount: filled(layout.mount).split('/'),
    path: [...prefix.split('/'), region, tenant],
    namespace: layout.namespace === undefined ? undefined : filled(layout.namespace),
  };
}

/** For messages. */
export function nameOf({ mount, path, namespace }: SecretPlace): string {
  const inside = namespace === undefined ? '' : ` in namespace ${namespace}`;
  return `${mount.join('/')}/data/${path.join('/')}${inside}`;
}
