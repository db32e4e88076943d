/** What the manager's callers can be told, by stable code. */
import { OkcmError } from '../../platform/errors.ts';

export const managerErrors = {
  ORBITAL_JOB_CONFLICT: 'a job of this kind is already under way for this entity',
  ORBITAL_INVALID_JOB: 'the job breaks a limit',
  ORBITAL_JOB_NOT_FOUND: 'there is no such job',
  ORBITAL_JOB_STATE: 'the job is not in a state that allows this',
} as const;
export type ManagerErrorCode = keyof typeof managerErrors;

export class OrbitalError extends OkcmError {
  override readonly name: string = 'OrbitalError';
  declare readonly code: ManagerErrorCode;
  constructor(code: ManagerErrorCode, detail?: string) {
    super(code, detail === undefined ? managerErrors[code] : `${managerErrors[code]}: ${detail}`);
  }
}

export class JobConflictError extends OrbitalError {
  override readonly name = 'JobConflictError';
  readonly liveJobId: string;
  constructor(liveJobId: string) {
    super('ORBITAL_JOB_CONFLICT', liveJobId);
    this.liveJobId = liveJobId;
  }
}
