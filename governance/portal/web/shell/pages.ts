/** Every page and its address below /portal. Each is a file of its own that is loaded when it is opened. */
import { type ComponentType, type LazyExoticComponent, lazy } from 'react';

interface PageAt {
  readonly path: string;
  readonly page: LazyExoticComponent<ComponentType>;
}

export const pages: readonly PageAt[] = [
  { path: '/', page: lazy(() => import('../pages/overview/overview.tsx')) },
  { path: '/tenants', page: lazy(() => import('../pages/tenants/tenants.tsx')) },
  { path: '/tenants/:tenant', page: lazy(() => import('../pages/tenants/tenant.tsx')) },
  { path: '/tenants/:tenant/chain', page: lazy(() => import('../pages/chain/chain.tsx')) },
  { path: '/tenants/:tenant/keys', page: lazy(() => import('../pages/keys/keys.tsx')) },
  { path: '/tenants/:tenant/keys/hold', page: lazy(() => import('../pages/keys/hold-wizard.tsx')) },
  { path: '/tenants/:tenant/keys/bring', page: lazy(() => import('../pages/keys/bring-wizard.tsx')) },
  { path: '/tenants/:tenant/keys/key/:alias', page: lazy(() => import('../pages/keys/key.tsx')) },
  { path: '/tenants/:tenant/rotation', page: lazy(() => import('../pages/rotation/rotation.tsx')) },
  { path: '/tenants/:tenant/systems', page: lazy(() => import('../pages/systems/systems.tsx')) },
  { path: '/tenants/:tenant/workflows', page: lazy(() => import('../pages/workflows/workflows.tsx')) },
  { path: '/tenants/:tenant/workflows/rules', page: lazy(() => import('../pages/workflows/rules.tsx')) },
  { path: '/tenants/:tenant/workflows/:id', page: lazy(() => import('../pages/workflows/proposal.tsx')) },
  { path: '/tenants/:tenant/outage', page: lazy(() => import('../pages/outage/outage.tsx')) },
  {
    path: '/tenants/:tenant/outage/simulations/:id',
    page: lazy(() => import('../pages/outage/simulation.tsx')),
  },
  { path: '/tenants/:tenant/outage/drills/:id', page: lazy(() => import('../pages/outage/drill.tsx')) },
  { path: '/tenants/:tenant/jobs', page: lazy(() => import('../pages/jobs/tenant-jobs.tsx')) },
  { path: '/tenants/:tenant/audit', page: lazy(() => import('../pages/audit/tenant-audit.tsx')) },
  { path: '/tenants/:tenant/access', page: lazy(() => import('../pages/access/access.tsx')) },
  {
    path: '/tenants/:tenant/notifications',
    page: lazy(() => import('../pages/notifications/notifications.tsx')),
  },
  { path: '/approvals', page: lazy(() => import('../pages/workflows/approvals.tsx')) },
  { path: '/jobs', page: lazy(() => import('../pages/jobs/jobs.tsx')) },
  { path: '/jobs/:id', page: lazy(() => import('../pages/jobs/job.tsx')) },
  { path: '/audit', page: lazy(() => import('../pages/audit/platform-audit.tsx')) },
  { path: '/regions', page: lazy(() => import('../pages/regions/regions.tsx')) },
  { path: '/regions/:region', page: lazy(() => import('../pages/regions/region.tsx')) },
  { path: '/keystores', page: lazy(() => import('../pages/keys/keystores.tsx')) },
  { path: '/signing-keys', page: lazy(() => import('../pages/signing/signing-keys.tsx')) },
  { path: '/drift', page: lazy(() => import('../pages/drift/drift.tsx')) },
  { path: '/settings', page: lazy(() => import('../pages/settings/settings.tsx')) },
];
