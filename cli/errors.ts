/**
 * Every way in which the command line can fail: one table of stable codes. Whoever reads an error sees one line that
 * says what happened and one that says what to do; never a stack trace.
 */
import { errorMessage, OkcmError } from '../platform/errors.ts';

export const exitCodes = { ok: 0, failure: 1, usage: 2 } as const;

export const cliErrors = {
  USAGE: { exitCode: exitCodes.usage, hint: 'run `okcm help` or `okcm help COMMAND`' },
  CONFIRMATION_NEEDED: { exitCode: exitCodes.usage, hint: 'add --yes if you mean it' },
  HOME_LOCKED: {
    exitCode: exitCodes.failure,
    hint: 'stop the other one with Ctrl-C, or choose another directory with --home DIR',
  },
  HOME_INVALID: {
    exitCode: exitCodes.failure,
    hint: 'restore the directory from a backup, or start afresh with another --home DIR',
  },
  PORT_TAKEN: {
    exitCode: exitCodes.failure,
    hint: 'stop whoever listens there, or let okcm choose free ports: --ports auto',
  },
  NOT_RUNNING: {
    exitCode: exitCodes.failure,
    hint: 'start it with `npm start`, or name its directory with --home DIR',
  },
  NOT_READY: {
    exitCode: exitCodes.failure,
    hint: 'ask again in a moment: whoever starts or stops it shows how far that is',
  },
  COMPONENT_UNKNOWN: { exitCode: exitCodes.usage, hint: '`okcm status` lists the components' },
  COMPONENT_FAILED: { exitCode: exitCodes.failure, hint: 'its log file says more' },
  CMK_UNREACHABLE: {
    exitCode: exitCodes.failure,
    hint: 'see `okcm status`; `okcm start cmk` starts it again',
  },
  CMK_REFUSED: {
    exitCode: exitCodes.failure,
    hint: 'the message above says what was wrong with the request',
  },
  LOGIN_NEEDED: { exitCode: exitCodes.failure, hint: 'okcm login NAME' },
  LOGIN_FAILED: {
    exitCode: exitCodes.failure,
    hint: 'see that the provider knows you, and that CMK trusts it: GET /v1/login',
  },
  NOT_FOUND: { exitCode: exitCodes.failure, hint: 'check the name' },
  JOB_FAILED: { exitCode: exitCodes.failure, hint: '`okcm jobs list` shows what failed where' },
  PROPOSAL_FAILED: {
    exitCode: exitCodes.failure,
    hint: 'mend what the message says, then ask for it anew: what was approved is not repeated later',
  },
  TIMED_OUT: {
    exitCode: exitCodes.failure,
    hint: 'see `okcm status` for what is down, and `okcm jobs list`',
  },
  VERSION_IN_USE: {
    exitCode: exitCodes.failure,
    hint: 'rotate the key first, with okcm rotate; what is destroyed stays so',
  },
  KMIP_REFUSED: {
    exitCode: exitCodes.failure,
    hint: 'the result reason and message are the server’s own words',
  },
  KMIP_UNREACHABLE: {
    exitCode: exitCodes.failure,
    hint: 'see `okcm status`; the gateway’s log says why it refused',
  },
  FILE_UNREADABLE: { exitCode: exitCodes.failure, hint: 'check the path and its permissions' },
  OUT_NOT_EMPTY: {
    exitCode: exitCodes.usage,
    hint: 'name a directory that does not exist yet: shares of two sets must not be mixed up',
  },
  REGION_REFUSED: { exitCode: exitCodes.failure, hint: 'the message above says what was wrong' },
  REGION_EXISTS: {
    exitCode: exitCodes.failure,
    hint: 'give its shares to other holders: okcm region reshare; move it to another seal: okcm region migrate-seal',
  },
  CORE_UNREACHABLE: {
    exitCode: exitCodes.failure,
    hint: 'compare the operator file with "admin" in the configuration of the core, and see the log of the core',
  },
  SHARE_UNREADABLE: {
    exitCode: exitCodes.failure,
    hint: 'give the share file and the identity of its holder: --share-file FILE --identity FILE',
  },
  HOLDER_INVALID: {
    exitCode: exitCodes.usage,
    hint: '--holder NAME=age1…, or NAME=FILE, or FILE; the file holds the recipient that age-keygen -y prints',
  },
  AUDIT_BROKEN: {
    exitCode: exitCodes.failure,
    hint: 'keep database and files as they are, and compare them with what was kept elsewhere',
  },
  DECLARATIONS_INVALID: {
    exitCode: exitCodes.failure,
    hint: 'mend those lines; `okcm apply --schema` prints what may stand where, for your editor',
  },
  DECLARATIONS_TOO_LARGE: {
    exitCode: exitCodes.failure,
    hint: 'split it into several folders, and apply each',
  },
  NOTHING_DECLARED: {
    exitCode: exitCodes.failure,
    hint: 'check the path: an empty folder is taken for a mistake, and nothing is removed for it',
  },
  RECORD_OF_ANOTHER: {
    exitCode: exitCodes.failure,
    hint: 'keep a record for each installation: --record FILE',
  },
  NOT_PERMITTED: {
    exitCode: exitCodes.failure,
    hint: 'apply it as somebody who belongs there (--as NAME), or leave these kinds out (--only KIND)',
  },
  MAIN_JOB_FAILED: { exitCode: exitCodes.failure, hint: 'the log files under the home directory say more' },
} as const satisfies Record<string, { exitCode: number; hint: string }>;
export type CliErrorCode = keyof typeof cliErrors;

export class CliError extends OkcmError {
  override readonly name = 'CliError';
  readonly exitCode: number;
  constructor(code: CliErrorCode, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(code, message, { hint: options.hint ?? cliErrors[code].hint, cause: options.cause });
    this.exitCode = cliErrors[code].exitCode;
  }
}

export interface ErrorReport {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly exitCode: number;
}

/** What the user is told of anything that was thrown. */
export function describeError(error: unknown): ErrorReport {
  const hint = error instanceof OkcmError ? error.hint : undefined;
  return {
    code: error instanceof OkcmError ? error.code : 'FAILED',
    message: errorMessage(error).replaceAll(/\s*\n\s*/g, ' '),
    ...(hint === undefined ? {} : { hint }),
    exitCode: error instanceof CliError ? error.exitCode : exitCodes.failure,
  };
}
