import { EVERY } from '../../api/hooks.ts';
import { Page, Section } from '../../design/page.tsx';
import { EmptyState, Loading, Notice } from '../../design/states.tsx';
import { Table } from '../../design/table.tsx';
import { useMe } from '../../session/may.ts';
import { MAX_TENANTS, usePending } from '../../shell/pending.ts';
import { proposalColumns } from './proposal-table.tsx';

/** Everything that waits for somebody, in all tenants that one belongs to. */
export default function Approvals() {
  const { data: me } = useMe();
  const { items, isLoading, isCut } = usePending(EVERY.list);
  const own = items.filter(({ proposer }) => proposer === me?.principal);
  const others = items.filter(({ proposer }) => proposer !== me?.principal);
  return (
    <Page title="Approvals" intro="Proposals that wait for approvals. Nobody approves their own.">
      {isCut && (
        <Notice tone="warn">
          <p>
            Only the first {MAX_TENANTS} tenants are looked at here. Each tenant’s workflows have the rest.
          </p>
        </Notice>
      )}
      {isLoading && items.length === 0 ? (
        <Loading what="Loading proposals" />
      ) : (
        <>
          <Section title="Of others">
            {others.length === 0 ? (
              <EmptyState title="Nothing waits for you" />
            ) : (
              <Table
                label="Proposals of others"
                rows={others}
                keyOf={({ id }) => id}
                columns={proposalColumns(true)}
              />
            )}
          </Section>
          <Section title="Your own">
            {own.length === 0 ? (
              <EmptyState title="Nothing of yours waits for others" />
            ) : (
              <Table
                label="Your own proposals"
                rows={own}
                keyOf={({ id }) => id}
                columns={proposalColumns(true)}
              />
            )}
          </Section>
        </>
      )}
    </Page>
  );
}
