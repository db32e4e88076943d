import { useLocation } from 'wouter';
import { actionTitle, proposalActions } from '../../api/words.ts';
import { ApiTable } from '../../design/api-table.tsx';
import { Button } from '../../design/button.tsx';
import { Filters, useFilterOf } from '../../design/filters.tsx';
import { given } from '../../design/form-values.ts';
import { useMay } from '../../session/may.ts';
import { TenantPage, useTenant } from '../tenants/tenant-page.tsx';
import { proposalColumns } from './proposal-table.tsx';

const STATES = ['pending', 'executed', 'failed', 'rejected', 'revoked', 'expired'] as const;

export default function Workflows() {
  const tenant = useTenant();
  const { look } = useMay(tenant);
  const [, go] = useLocation();
  const state = useFilterOf('state', STATES);
  const action = useFilterOf('action', proposalActions);
  return (
    <TenantPage
      title="Workflows"
      intro="What can lock out, expose or weaken is proposed by one person and approved by others."
      actions={
        <Button onPress={() => go(`/tenants/${tenant}/workflows/rules`)}>
          Rules and groups of approvers
        </Button>
      }
    >
      <Filters
        of={[
          { name: 'state', label: 'State', options: STATES },
          {
            name: 'action',
            label: 'What',
            options: proposalActions.map((each) => [each, actionTitle(each)] as const),
          },
        ]}
      />
      <ApiTable
        operation="listTenantProposals"
        request={{ path: { tenant }, query: { ...given('state', state), ...given('action', action) } }}
        enabled={look.allowed}
        limit={50}
        label="Proposals"
        empty="No proposal fits"
        keyOf={({ id }) => id}
        columns={proposalColumns(false)}
      />
    </TenantPage>
  );
}
