/** Why one job among several could not be changed, as the API's own error. */
import { JobConflictError } from '../../orbital/index.ts';
import { CmkError } from '../errors.ts';

/** @throws what says nothing of the job: then the request fails as a whole */
export function toJobError(error: unknown): CmkError {
  if (error instanceof CmkError) return error;
  if (error instanceof JobConflictError)
    return new CmkError('JOB_LIVE', `job ${error.liveJobId} is still running`);
  throw error;
}
