/** Folders of declarations for `okcm apply`, of as many tenants as wanted: a file for each. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface DeclaredTenants {
  readonly tenants: readonly string[];
  /** Things that are declared in all. */
  readonly things: number;
  fileOf(tenant: string): string;
}

/**
 * Of each tenant: itself, a service, a workspace and a system; with a keystore also a second service, a key of its own there, on
 * which the system stands, and its link.
 */
export async function declareTenants(
  folder: string,
  count: number,
  options: { readonly keystore?: string; readonly prefix?: string },
): Promise<DeclaredTenants> {
  const { keystore, prefix = 'tenant' } = options;
  await mkdir(folder, { recursive: true });
  const tenants = Array.from(
    { length: count },
    (_, index) => `${prefix}-${String(index + 1).padStart(4, '0')}`,
  );
  const fileOf = (tenant: string): string => join(folder, `${tenant}.yaml`);
  let things = 0;
  for (const tenant of tenants) {
    const documents = documentsOf(tenant, keystore);
    things += documents.length;
    await writeFile(fileOf(tenant), documents.join('---\n'));
  }
  return { tenants, things, fileOf };
}

function documentsOf(tenant: string, keystore: string | undefined): string[] {
  const document = (kind: string, name: string, spec: string): string =>
    [
      'apiVersion: openkcm.io/v1',
      `kind: ${kind}`,
      'metadata:',
      `  name: ${name}`,
      ...(name === tenant ? [] : [`  tenant: ${tenant}`]),
      `spec: ${spec}\n`,
    ].join('\n');
  return [
    document('Tenant', tenant, `{ displayName: "The tenant ${tenant}" }`),
    document('Service', 'db', '{}'),
    ...(keystore === undefined
      ? []
      : [
          document('Service', 'files', '{}'),
          document('Key', 'main', `{ keystore: ${keystore}, create: true }`),
          document('Link', tenant, '{ key: main }'),
        ]),
    document('Workspace', 'shop', `{ services: [db${keystore === undefined ? '' : ', files'}] }`),
    document(
      'System',
      'erp',
      `{ kind: ERP, externalId: client 100, service: db${keystore === undefined ? '' : ', keyConfiguration: default'} }`,
    ),
  ];
}
