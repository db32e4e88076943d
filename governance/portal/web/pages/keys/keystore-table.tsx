import type { ListKeystoresResponse } from '../../../../client/types.gen.ts';
import { ApiTable } from '../../design/api-table.tsx';
import type { Column } from '../../design/table.tsx';
import { Time } from '../../design/time.tsx';

type Keystore = ListKeystoresResponse['items'][number];

const COLUMNS: readonly Column<Keystore>[] = [
  { name: 'Keystore', cell: ({ name }) => name },
  { name: 'Kind', cell: ({ kind }) => kind },
  {
    name: 'Configuration',
    breaks: true,
    cell: ({ config }) => (
      <ul>
        {Object.entries(config).map(([name, value]) => (
          <li key={name}>
            <span className="muted">{name}</span> <code>{String(value)}</code>
          </li>
        ))}
      </ul>
    ),
  },
  { name: 'Registered', cell: ({ createdAt }) => <Time at={createdAt} /> },
];

const WHOSE: Column<Keystore> = {
  name: 'Whose',
  cell: ({ tenant }) => (tenant === null ? 'for all tenants' : 'its own'),
};

/** Those that one tenant may use, or those for all. */
export function KeystoreTable({ tenant }: { readonly tenant?: string }) {
  const common = { label: 'Keystores', keyOf: ({ name }: Keystore) => name } as const;
  return tenant === undefined ? (
    <ApiTable
      operation="listKeystores"
      request={{}}
      empty="No keystore for all tenants yet"
      columns={COLUMNS}
      {...common}
    />
  ) : (
    <ApiTable
      operation="listTenantKeystores"
      request={{ path: { tenant } }}
      empty="Neither one of its own nor one for all tenants"
      columns={[...COLUMNS, WHOSE]}
      {...common}
    />
  );
}
