import { EVERY, useApi } from '../../api/hooks.ts';
import { Copyable } from '../../design/copyable.tsx';
import { Page, Section } from '../../design/page.tsx';
import { Loaded } from '../../design/states.tsx';
import { Table } from '../../design/table.tsx';
import { Time } from '../../design/time.tsx';
import { useMay } from '../../session/may.ts';
import { Checkpoints, ExportLog } from './export.tsx';
import { AuditLog } from './log.tsx';
import { RegionTrails } from './region-trails.tsx';
import { VerifyChain } from './verify.tsx';

export default function PlatformAudit() {
  const { operate } = useMay();
  return (
    <Page title="Audit" intro="The platform’s own chain. Each tenant has one of its own, on its page.">
      <VerifyChain may={operate} />
      <Section title="Events">
        <AuditLog enabled={operate.allowed} />
      </Section>
      <ExportLog may={operate} />
      <Checkpoints may={operate} />
      <RegionTrails enabled={operate.allowed} />
      <Keys />
    </Page>
  );
}

/** By which anybody can check a checkpoint. */
function Keys() {
  const answer = useApi('listAuditKeys', {}, { every: EVERY.slow });
  return (
    <Section title="Keys that sign checkpoints">
      <Loaded of={answer}>
        {({ items }) => (
          <Table
            label="Audit keys"
            rows={items}
            keyOf={({ keyId }) => keyId}
            columns={[
              { name: 'Key', cell: ({ keyId }) => keyId },
              { name: 'Since', cell: ({ since }) => <Time at={since} /> },
              {
                name: 'Public key',
                cell: ({ publicKey }) => <Copyable value={publicKey} name="public key" short />,
              },
            ]}
          />
        )}
      </Loaded>
    </Section>
  );
}
