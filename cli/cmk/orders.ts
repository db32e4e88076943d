/** Following an order: through the proposal, where other operators have to agree, and then region by region. */
import { CliError } from '../errors.ts';
import type { Output } from '../output.ts';
import { type CmkClient, waitUntil } from './client.ts';
import { describeProgress, WAIT_MS } from './progress.ts';
import type { JobView, ProposalView, RegionJob, RegionProgress } from './views.ts';

export const tenantPath = (tenant: string): string => `/v1/tenants/${encodeURIComponent(tenant)}`;

/**
 * What the regions were asked once the wish is carried out. Undefined while others have to approve it: then that is told
 * as the command's result, for nothing is to be waited for. Errors: PROPOSAL_FAILED.
 */
export async function decide(
  output: Output,
  asking: Promise<{ readonly proposal: ProposalView }>,
): Promise<readonly RegionJob[] | undefined> {
  const { proposal } = await asking;
  const { id, tenant, action, state, error } = proposal;
  if (state === 'executed') return proposal.jobs;
  if (error !== null)
    throw new CliError(
      'PROPOSAL_FAILED',
      `${action} was approved, and refused: ${error.detail} (${error.code})`,
    );
  output.result({ proposal }, () =>
    state === 'pending'
      ? [
          `${action} is proposed: ${describeNeed(proposal)}`,
          `another operator approves it: okcm proposals approve ${tenant} ${id}`,
        ].join('\n')
      : `${action} is ${state}`,
  );
  return undefined;
}

/** What is still to be agreed, in words. */
export const describeNeed = ({ requirements, expiresAt }: ProposalView): string =>
  `${requirements
    .map(
      ({ rule, approvals, given, groups }) =>
        `${given} of ${approvals} approvals${groups.length === 0 ? '' : ` by ${groups.join(', ')}`} under ${rule}`,
    )
    .join('; ')}; until ${expiresAt}`;

export interface JobProgress extends RegionProgress {
  readonly job: string;
}

/** Until every region has done its job. Errors: JOB_FAILED, TIMED_OUT; what a region waits for is told meanwhile. */
async function waitForJobs(
  cmk: CmkClient,
  what: string,
  jobs: readonly RegionJob[],
  tell: (text: string) => void,
): Promise<void> {
  let seen: readonly JobProgress[] = [];
  try {
    await waitUntil(what, WAIT_MS, async () => {
      seen = await lookAtJobs(cmk, jobs);
      tell(describeProgress(seen));
      const lost = seen.filter(({ state }) => state === 'failed' || state === 'cancelled');
      if (lost.length > 0) throw new CliError('JOB_FAILED', `${what} failed: ${describeProgress(lost)}`);
      return seen.every(({ state }) => state === 'done') ? seen : undefined;
    });
  } catch (error) {
    if (!(error instanceof CliError) || error.code !== 'TIMED_OUT') throw error;
    throw new CliError('TIMED_OUT', `${error.message}: ${describeProgress(seen)}`, {
      hint: 'the regions go on with it; `okcm jobs list` shows how far they are',
    });
  }
}

async function lookAtJobs(cmk: CmkClient, jobs: readonly RegionJob[]): Promise<JobProgress[]> {
  return await Promise.all(
    jobs.map(async ({ region, job }) => {
      const { state, tasks } = await cmk.get<JobView>(`/v1/jobs/${encodeURIComponent(job)}`);
      return { region, job, state, error: tasks[0]?.error?.code ?? null };
    }),
  );
}

/** For commands: waits and shows it, or (with `--no-wait`) looks once. */
export async function followJobs(
  cmk: CmkClient,
  output: Output,
  order: { readonly title: string; readonly jobs: readonly RegionJob[]; readonly wait: boolean },
): Promise<JobProgress[]> {
  const { title, jobs, wait } = order;
  if (wait && jobs.length > 0)
    await output.steps([
      {
        title,
        run: async (tell) => {
          await waitForJobs(cmk, title, jobs, tell);
          return 'done';
        },
      },
    ]);
  return await lookAtJobs(cmk, jobs);
}
