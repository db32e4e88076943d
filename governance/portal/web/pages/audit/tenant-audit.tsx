import { Section } from '../../design/page.tsx';
import { useMay } from '../../session/may.ts';
import { TenantPage, useTenant } from '../tenants/tenant-page.tsx';
import { Checkpoints, ExportLog } from './export.tsx';
import { AuditLog } from './log.tsx';
import { RegionTrails } from './region-trails.tsx';
import { VerifyChain } from './verify.tsx';

export default function TenantAudit() {
  const tenant = useTenant();
  const { audit } = useMay(tenant);
  return (
    <TenantPage
      title="Audit"
      may={audit}
      intro="Who did what, on what, from where, and with which outcome: a chain of hashes of the tenant’s own."
    >
      <VerifyChain tenant={tenant} may={audit} />
      <Section title="Events">
        <AuditLog tenant={tenant} enabled={audit.allowed} />
      </Section>
      <ExportLog tenant={tenant} may={audit} />
      <Checkpoints tenant={tenant} may={audit} />
      <RegionTrails tenant={tenant} enabled={audit.allowed} />
    </TenantPage>
  );
}
