/** The jobs that come of a request to CMK's REST API, and how they end. */
import { type CmkClient, waitUntil } from '../../cli/cmk/client.ts';
import type { JobView } from '../../cli/cmk/views.ts';

const WAIT_MS = 60_000;

/** Routes name their jobs in one of three ways. */
export function jobsIn(body: unknown): string[] {
  const { job, jobs, proposal } = (body ?? {}) as {
    job?: string | null;
    jobs?: { job: string }[];
    proposal?: { jobs?: { job: string }[] };
  };
  const listed = [...(jobs ?? []), ...(proposal?.jobs ?? [])].map((each) => each.job);
  return typeof job === 'string' ? [job, ...listed] : listed;
}

/** Until all are done. Errors: TIMED_OUT; any other, where one has ended otherwise. */
export async function allDone(cmk: CmkClient, jobs: readonly string[], withinMs = WAIT_MS): Promise<void> {
  for (const id of jobs)
    await waitUntil(`the end of job ${id}`, withinMs, async () => {
      const { state, tasks } = await cmk.get<JobView>(`/v1/jobs/${id}`);
      if (state === 'failed' || state === 'cancelled')
        throw new Error(`job ${id} is ${state}: ${tasks.map(({ error }) => error?.code).join(', ')}`);
      return state === 'done' ? true : undefined;
    });
}
