import { Link, useLocation } from 'wouter';
import { EVERY, useApi } from '../../api/hooks.ts';
import { ApiTable } from '../../design/api-table.tsx';
import { Badge } from '../../design/badge.tsx';
import { Button } from '../../design/button.tsx';
import { Copyable } from '../../design/copyable.tsx';
import { Section } from '../../design/page.tsx';
import { Loaded } from '../../design/states.tsx';
import { Time } from '../../design/time.tsx';
import { useMay } from '../../session/may.ts';
import { TenantPage, useTenant } from '../tenants/tenant-page.tsx';
import { KeyConfigurations } from './key-configurations.tsx';
import { KeystoreTable } from './keystore-table.tsx';
import { LinkActions, LinkTable } from './links.tsx';
import { RegisterKeystore } from './register-keystore.tsx';

export default function Keys() {
  const tenant = useTenant();
  const may = useMay(tenant);
  const [, go] = useLocation();
  const links = useApi(
    'getTenantLinks',
    { path: { tenant } },
    { every: EVERY.live, enabled: may.look.allowed },
  );
  const denied = may.administerKeys.allowed ? undefined : may.administerKeys.reason;
  return (
    <TenantPage title="Keys">
      <Section
        title="Link"
        intro="In each region, on which master key (L1) the tenant’s keys stand. Without a link nobody can use them."
        actions={links.data !== undefined && <LinkActions tenant={tenant} links={links.data} />}
      >
        <Loaded of={links}>{(data) => <LinkTable links={data} />}</Loaded>
      </Section>
      <Section
        title="Master keys (L1)"
        intro="They lie in the tenant’s keystore and never come here."
        actions={
          <>
            <Button denied={denied} tone="main" onPress={() => go(`/tenants/${tenant}/keys/hold`)}>
              Hold your own key
            </Button>
            <Button denied={denied} onPress={() => go(`/tenants/${tenant}/keys/bring`)}>
              Bring your own key
            </Button>
          </>
        }
      >
        <ApiTable
          operation="listTenantKeys"
          request={{ path: { tenant } }}
          label="Master keys"
          empty="No master key yet: register one that lies in a keystore, or bring one along"
          keyOf={({ alias }) => alias}
          columns={[
            {
              name: 'Alias',
              cell: ({ alias }) => <Link href={`/tenants/${tenant}/keys/key/${alias}`}>{alias}</Link>,
            },
            {
              name: 'State',
              cell: ({ state, means, warning }) => (
                <span className="row">
                  <Badge state={state} tip={means} />
                  {warning !== null && <Badge state={warning.state} tone="warn" tip={warning.means} />}
                </span>
              ),
            },
            { name: 'Checked', cell: ({ checkedAt }) => <Time at={checkedAt} /> },
            { name: 'Keystore', cell: ({ keystore }) => keystore },
            {
              name: 'Reference',
              cell: ({ reference }) => <Copyable value={reference} name="reference" short />,
            },
            { name: 'Origin', cell: ({ origin }) => origin },
            {
              name: 'Configuration',
              cell: ({ keyConfiguration, primary }) =>
                keyConfiguration === null ? '–' : `${keyConfiguration}${primary ? ', primary' : ''}`,
            },
          ]}
        />
      </Section>
      <KeyConfigurations tenant={tenant} />
      <Section
        title="Keystores"
        intro="Those for all tenants, and the tenant’s own, which no other finds."
        actions={<RegisterKeystore tenant={tenant} />}
      >
        <KeystoreTable tenant={tenant} />
      </Section>
    </TenantPage>
  );
}
