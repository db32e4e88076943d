import { EVERY, useApi } from '../../api/hooks.ts';
import { ActionButton } from '../../design/action-button.tsx';
import { Section } from '../../design/page.tsx';
import { useMay } from '../../session/may.ts';
import { TenantPage, useTenant } from '../tenants/tenant-page.tsx';
import { Emergency } from './emergency.tsx';
import { Inventory } from './inventory.tsx';
import { Policies } from './policies.tsx';
import { RotateForm } from './rotate-form.tsx';

export default function Rotation() {
  const tenant = useTenant();
  const { administerKeys, look } = useMay(tenant);
  const asking = { every: EVERY.slow, enabled: look.allowed };
  const about = useApi('getTenant', { path: { tenant } }, asking);
  const services = useApi('listTenantServices', { path: { tenant }, query: { limit: 200 } }, asking);
  const scope = {
    tenant,
    regions: about.data?.regions.map(({ region }) => region) ?? [],
    services: services.data?.items.map(({ name }) => name) ?? [],
  };
  return (
    <TenantPage title="Rotation" actions={<RotateForm {...scope} />}>
      <Section
        title="Versions"
        intro="As each region told them when it was last asked: state, age, and how much depends on each. What a gateway has made and not announced yet is not counted."
        actions={
          <ActionButton
            operation="createTenantInventory"
            request={{ path: { tenant }, body: {} }}
            may={administerKeys}
            done="Asked the regions"
          >
            Ask the regions now
          </ActionButton>
        }
      >
        <Inventory tenant={tenant} />
      </Section>
      <Policies {...scope} />
      <Emergency {...scope} />
    </TenantPage>
  );
}
