import { useState } from 'react';
import { Link } from 'wouter';
import { EVERY, useApi } from '../../api/hooks.ts';
import { ActionButton } from '../../design/action-button.tsx';
import { Badge } from '../../design/badge.tsx';
import { Facts, Section } from '../../design/page.tsx';
import { EmptyState, Loading, ProblemBox } from '../../design/states.tsx';
import { exactTime } from '../../design/time.tsx';
import { useMay } from '../../session/may.ts';
import { TenantPage, useTenant } from '../tenants/tenant-page.tsx';
import { ChainLane } from './lane.tsx';
import { lanesOf, type Node } from './nodes.ts';

export default function Chain() {
  const tenant = useTenant();
  const may = useMay(tenant);
  const { operate } = useMay();
  const enabled = may.look.allowed;
  const path = { tenant };
  const all = { path, query: { limit: 200 } };
  const answers = {
    tenant: useApi('getTenant', { path }, { every: EVERY.live, enabled }),
    links: useApi('getTenantLinks', { path }, { every: EVERY.live, enabled }),
    keys: useApi('listTenantKeys', all, { every: EVERY.live, enabled }),
    services: useApi('listTenantServices', all, { every: EVERY.list, enabled }),
    inventory: useApi('listTenantInventory', all, { every: EVERY.list, enabled }),
    regions: useApi(
      'listRegions',
      { query: { limit: 200 } },
      { every: EVERY.live, enabled: enabled && operate.allowed },
    ),
  };
  const [chosenId, setChosen] = useState<string>();
  const { tenant: about, links, keys, services, inventory } = answers;
  const failed = [about, links, keys, services, inventory].find(
    ({ error, data }) => error !== null && data === undefined,
  );
  const lanes =
    about.data && links.data && keys.data && services.data && inventory.data
      ? lanesOf({
          tenant: about.data,
          links: links.data,
          keys: keys.data.items,
          services: services.data.items,
          inventory: inventory.data.items,
          regions: answers.regions.data?.items,
        })
      : undefined;
  const nodes = lanes?.flatMap(({ levels }) => levels.flatMap((level) => level.nodes)) ?? [];
  return (
    <TenantPage
      title="Key chain"
      intro="What opens what, in each region: the master key opens the tenant key, that one the service keys, of which gateways hold leased copies. Choose one to see more of it."
      actions={
        <ActionButton
          operation="createTenantInventory"
          request={{ path, body: {} }}
          may={may.administerKeys}
          done="Asked the regions for their versions"
        >
          Ask the regions for versions
        </ActionButton>
      }
    >
      {lanes === undefined ? (
        failed?.error != null ? (
          <ProblemBox error={failed.error} />
        ) : (
          <Loading what="Loading the key chain" />
        )
      ) : lanes.length === 0 ? (
        <EmptyState title="The tenant lives in no region yet" />
      ) : (
        <div className="chain">
          {lanes.map((lane) => (
            <ChainLane key={lane.region} lane={lane} chosen={chosenId} onChoose={setChosen} />
          ))}
        </div>
      )}
      <Chosen node={nodes.find(({ id }) => id === chosenId)} />
    </TenantPage>
  );
}

const IS_INSTANT = /^\d{4}-\d\d-\d\dT/;

function Chosen({ node }: { readonly node: Node | undefined }) {
  return (
    <div aria-live="polite">
      {node !== undefined && (
        <Section title={node.name} intro={<Badge state={node.state} tone={node.tone} />}>
          <Facts
            of={node.facts.map(
              ([name, value]) => [name, IS_INSTANT.test(value) ? exactTime(value) : value] as const,
            )}
          />
          {node.to !== undefined && <Link href={node.to}>More about it</Link>}
        </Section>
      )}
    </div>
  );
}
