import { EVERY, useApi } from '../../api/hooks.ts';
import { Page } from '../../design/page.tsx';
import { Loaded } from '../../design/states.tsx';
import { useMay } from '../../session/may.ts';
import { Alerts } from './alerts.tsx';
import { OwnTenants } from './own-tenants.tsx';
import { Planes } from './planes.tsx';

export default function Overview() {
  const { operate } = useMay();
  const status = useApi('getStatus', {}, { every: EVERY.list, enabled: operate.allowed });
  return (
    <Page title="Overview">
      <Alerts status={status.data} />
      {operate.allowed && (
        <Loaded of={status} what="Loading the state of the installation">
          {(data) => <Planes status={data} readAt={status.dataUpdatedAt} />}
        </Loaded>
      )}
      <OwnTenants />
    </Page>
  );
}
