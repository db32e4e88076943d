import { TenantPage, useTenant } from '../tenants/tenant-page.tsx';
import { Clients } from './clients.tsx';
import { Groups } from './groups.tsx';
import { Roles } from './roles.tsx';
import { Workspaces } from './workspaces.tsx';

export default function Access() {
  const tenant = useTenant();
  return (
    <TenantPage
      title="Access"
      intro="Who belongs to the tenant, and what they may do. Roles and members change by proposal."
    >
      <Roles tenant={tenant} />
      <Groups tenant={tenant} />
      <Clients tenant={tenant} />
      <Workspaces tenant={tenant} />
    </TenantPage>
  );
}
