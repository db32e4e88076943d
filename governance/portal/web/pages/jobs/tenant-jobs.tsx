import { Section } from '../../design/page.tsx';
import { useMay } from '../../session/may.ts';
import { TenantPage, useTenant } from '../tenants/tenant-page.tsx';
import { DeadLetters } from './dead-letters.tsx';
import { JobList } from './job-list.tsx';
import { WaitingTasks } from './waiting.tsx';

export default function TenantJobs() {
  const tenant = useTenant();
  const { help } = useMay(tenant);
  return (
    <TenantPage title="Jobs" may={help} intro="What regions were asked for, and what became of it.">
      <WaitingTasks tenant={tenant} />
      <Section title="All jobs">
        <JobList tenant={tenant} enabled={help.allowed} />
      </Section>
      <DeadLetters tenant={tenant} />
    </TenantPage>
  );
}
