import { EVERY, useApi } from '../../api/hooks.ts';
import { useMay } from '../../session/may.ts';
import { Services } from '../tenants/services.tsx';
import { TenantPage, useTenant } from '../tenants/tenant-page.tsx';
import { Applications } from './applications.tsx';
import { SystemList } from './system-list.tsx';

export default function Systems() {
  const tenant = useTenant();
  const { look } = useMay(tenant);
  const asking = { every: EVERY.slow, enabled: look.allowed };
  const all = { path: { tenant }, query: { limit: 200 } };
  const services = useApi('listTenantServices', all, asking);
  const configurations = useApi('listTenantKeyConfigurations', all, asking);
  const names = {
    services: services.data?.items.map(({ name }) => name) ?? [],
    configurations: configurations.data?.items.map(({ name }) => name) ?? [],
  };
  return (
    <TenantPage title="Systems">
      <SystemList tenant={tenant} {...names} />
      <Applications tenant={tenant} services={names.services} />
      <Services tenant={tenant} />
    </TenantPage>
  );
}
