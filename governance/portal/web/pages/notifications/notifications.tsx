import { useState } from 'react';
import type { NotificationChannel } from '../../../../client/types.gen.ts';
import { ActionButton } from '../../design/action-button.tsx';
import { ApiTable } from '../../design/api-table.tsx';
import { Badge } from '../../design/badge.tsx';
import { Button } from '../../design/button.tsx';
import { Copyable } from '../../design/copyable.tsx';
import { Dialog } from '../../design/dialog.tsx';
import { FormDialog } from '../../design/form-dialog.tsx';
import { Notice } from '../../design/states.tsx';
import { Time } from '../../design/time.tsx';
import { unless, useMay } from '../../session/may.ts';
import { TenantPage, useTenant } from '../tenants/tenant-page.tsx';
import { SetChannel } from './set-channel.tsx';

export default function Notifications() {
  const tenant = useTenant();
  const { look } = useMay(tenant);
  const [secret, setSecret] = useState<string>();
  return (
    <TenantPage
      title="Notifications"
      intro="Channels that tell of the tenant’s audit events, in their order and at least once."
      actions={<SetChannel tenant={tenant} onSecret={setSecret} />}
    >
      <ApiTable
        operation="listTenantNotifications"
        request={{ path: { tenant } }}
        enabled={look.allowed}
        label="Channels"
        empty="Nobody is told of anything yet"
        keyOf={({ name }) => name}
        columns={[
          { name: 'Channel', cell: ({ name }) => name },
          { name: 'Kind', cell: ({ kind }) => kind },
          { name: 'To', cell: ({ url, to }) => url ?? to?.join(', ') ?? '–' },
          { name: 'Events', cell: ({ events }) => events.join(', ') },
          { name: 'State', cell: (channel) => <ChannelState channel={channel} /> },
          { name: 'Last delivered', cell: ({ deliveredAt }) => <Time at={deliveredAt} none="never" /> },
          { name: 'Given up', figures: true, cell: ({ lost }) => lost },
          {
            name: 'Actions',
            actions: true,
            cell: (channel) => <Actions tenant={tenant} channel={channel} onSecret={setSecret} />,
          },
        ]}
      />
      <Dialog
        title="The secret of the channel"
        isOpen={secret !== undefined}
        onClose={() => setSecret(undefined)}
        careful
      >
        <Notice tone="warn">
          <p>It is shown this once. Webhooks are signed with it, as Standard Webhooks has it.</p>
        </Notice>
        <Copyable value={secret ?? ''} name="secret" />
        <div className="form-actions">
          <Button tone="main" onPress={() => setSecret(undefined)}>
            I have it
          </Button>
        </div>
      </Dialog>
    </TenantPage>
  );
}

function ChannelState({
  channel: { attempts, behind, error, nextAttemptAt },
}: {
  readonly channel: NotificationChannel;
}) {
  if (attempts === 0 && behind === 0) return <Badge state="up to date" tone="ok" />;
  if (attempts === 0) return <Badge state={`${behind} behind`} tone="busy" />;
  return (
    <span className="row">
      <Badge state={`failed ${attempts} times`} tone="bad" tip={error ?? undefined} />
      <span>
        {behind} behind, again <Time at={nextAttemptAt} />
      </span>
    </span>
  );
}

interface ActionsProps {
  readonly tenant: string;
  readonly channel: NotificationChannel;
  readonly onSecret: (secret: string) => void;
}

function Actions({ tenant, channel: { name, kind, attempts }, onSecret }: ActionsProps) {
  const { administer } = useMay(tenant);
  const path = { tenant, name };
  return (
    <>
      <ActionButton
        operation="retryTenantNotification"
        request={{ path }}
        may={unless(administer, attempts === 0, 'Nothing has failed')}
        done="Tried at once"
      >
        Retry
      </ActionButton>
      {kind === 'webhook' && (
        <FormDialog
          button="New secret…"
          may={administer}
          title={`Another secret for ${name}`}
          intro="The one before is good for nothing from then on."
          confirm={name}
          submit="Replace"
          operation="secretTenantNotification"
          request={() => ({ path })}
          done="Replaced"
          onDone={({ secret }) => onSecret(secret)}
        />
      )}
      <FormDialog
        button="Remove…"
        tone="danger"
        may={administer}
        title={`Remove ${name}`}
        intro="All channels of the tenant are told of it."
        confirm={name}
        submit="Remove"
        operation="removeTenantNotification"
        request={() => ({ path })}
        done="Removed"
      />
    </>
  );
}
