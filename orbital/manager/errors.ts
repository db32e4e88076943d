/** What the manager's callers can be told, by stable code. */
import { errorCode, OkcmError } from '../../platform/errors.ts';

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

const DATA_EXCEPTION = /^22[0-9A-Z]{3}$/;

/**
 * Whether taking a message in has failed by what it says: PostgreSQL cannot hold a value (SQLSTATE class 22), or it is no
 * date. That is so each time, where everything else that fails may pass.
 */
export const isAboutData = (error: unknown): boolean =>
  error instanceof RangeError || DATA_EXCEPTION.test(errorCode(error) ?? '');
