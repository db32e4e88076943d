import { pathOf } from '../../api/client.ts';
import { ActionButton } from '../../design/action-button.tsx';
import { ApiTable } from '../../design/api-table.tsx';
import { Copyable } from '../../design/copyable.tsx';
import { given } from '../../design/form-values.ts';
import { Section } from '../../design/page.tsx';
import { Time } from '../../design/time.tsx';
import type { Verdict } from '../../session/may.ts';

const FORMATS = [
  ['jsonl', 'JSON Lines', 'can be verified without CMK'],
  ['csv', 'CSV', 'for a spreadsheet'],
  ['ocsf', 'OCSF', 'for a SIEM'],
  ['cef', 'CEF', 'for a SIEM'],
] as const;

interface Props {
  readonly tenant?: string;
  readonly may: Verdict;
}

export function ExportLog({ tenant, may }: Props) {
  return (
    <Section
      title="Export"
      intro="From the first event on. okcm audit export goes on where the last one has ended."
    >
      <div className="actions">
        {may.allowed ? (
          FORMATS.map(([format, title, what]) => (
            <a
              key={format}
              className="button"
              data-tip={what}
              href={pathOf('getAuditExport', { query: { ...given('tenant', tenant), format } })}
              download={`audit-${tenant ?? 'platform'}.${format}`}
            >
              {title}
            </a>
          ))
        ) : (
          <p className="muted">{may.reason}.</p>
        )}
      </div>
    </Section>
  );
}

export function Checkpoints({ tenant, may }: Props) {
  return (
    <Section
      title="Checkpoints"
      intro="CMK signs the end of the chain, once a minute where it has grown. Kept elsewhere, they prove that nobody rewrote it."
      actions={
        <ActionButton
          operation="createAuditCheckpoint"
          request={{ query: { ...given('tenant', tenant) } }}
          may={may}
          done="Signed"
        >
          Sign now
        </ActionButton>
      }
    >
      <ApiTable
        operation="listAuditCheckpoints"
        request={{ query: { ...given('tenant', tenant) } }}
        enabled={may.allowed}
        limit={10}
        every={15_000}
        label="Checkpoints"
        empty="None yet"
        keyOf={({ sequence, at }) => `${sequence}/${at}`}
        columns={[
          { name: 'Signed', cell: ({ at }) => <Time at={at} /> },
          { name: 'Up to event', figures: true, cell: ({ sequence }) => sequence },
          { name: 'Hash', cell: ({ hash }) => <Copyable value={hash} name="hash" short /> },
          { name: 'By key', cell: ({ keyId }) => keyId },
          {
            name: 'Signature',
            cell: ({ signature }) => <Copyable value={signature} name="signature" short />,
          },
        ]}
      />
    </Section>
  );
}
