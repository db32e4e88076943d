/** From anything that was thrown to a problem document (RFC 9457). The code, not the text, is what programs read. */
import type { FastifyError } from 'fastify';
import { Type } from 'typebox';
import { JobConflictError, OrbitalError } from '../../orbital/index.ts';
import { errorCode } from '../../platform/errors.ts';
import { CmkError, type CmkErrorCode, cmkErrors } from '../errors.ts';

export const Problem = Type.Object(
  {
    type: Type.String({ description: 'Names the error; the same for the same code' }),
    title: Type.String(),
    status: Type.Integer(),
    code: Type.Enum(Object.keys(cmkErrors) as CmkErrorCode[]),
    detail: Type.String(),
    hint: Type.String({ description: 'What to do next' }),
    correlationId: Type.String(),
  },
  { title: 'Problem', additionalProperties: false },
);

export interface ProblemDocument {
  type: string;
  title: string;
  status: number;
  code: CmkErrorCode;
  detail: string;
  hint: string;
  correlationId: string;
}

/** Node's and PostgreSQL's words for "the database is not there". */
const DATABASE_AWAY = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'ETIMEDOUT',
  '57P01',
  '57P03',
  '53300',
]);

/** What the thrown thing means for the client. Whatever is not known is INTERNAL, and says nothing of its cause. */
export function toCmkError(error: unknown): CmkError {
  if (error instanceof CmkError) return error;
  if (error instanceof JobConflictError)
    return new CmkError('JOB_LIVE', `job ${error.liveJobId} is still running`);
  if (error instanceof OrbitalError && error.code === 'ORBITAL_JOB_NOT_FOUND')
    return new CmkError('JOB_UNKNOWN', 'there is no such job');
  const fastify = fromFastify(error);
  if (fastify !== undefined) return fastify;
  if (DATABASE_AWAY.has(errorCode(error) ?? '') || isPoolTimeout(error))
    return new CmkError('DATABASE_UNAVAILABLE', 'the CMK database does not answer', { cause: error });
  return new CmkError('INTERNAL', 'the request could not be carried out', { cause: error });
}

function fromFastify(error: unknown): CmkError | undefined {
  if (!(error instanceof Error)) return undefined;
  const { validation, validationContext, code, statusCode } = error as Partial<FastifyError>;
  if (validation !== undefined) {
    const [first] = validation;
    const place = (first?.instancePath ?? '').slice(1).replaceAll('/', '.');
    const params = first?.params as
      | { requiredProperties?: string[]; additionalProperties?: string[] }
      | undefined;
    const fields = params?.requiredProperties ?? params?.additionalProperties;
    const what = `${first?.message ?? 'is invalid'}${fields === undefined ? '' : ` (${fields.join(', ')})`}`;
    return new CmkError(
      'INVALID_REQUEST',
      `${validationContext ?? 'request'}${place === '' ? '' : ` ${place}`}: ${what}`,
    );
  }
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE')
    return new CmkError('PAYLOAD_TOO_LARGE', 'the body exceeds the limit');
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE')
    return new CmkError('UNSUPPORTED_MEDIA_TYPE', 'the content type is not application/json');
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return new CmkError(
      'INVALID_REQUEST',
      code === 'FST_ERR_CTP_EMPTY_JSON_BODY' ? 'the body is empty' : 'the body is not valid JSON',
    );
  return undefined;
}

const isPoolTimeout = (error: unknown): boolean =>
  error instanceof Error &&
  /timeout exceeded when trying to connect|Connection terminated/.test(error.message);

/** @param params of the request's path: the hint names what was asked for, not a placeholder. */
export function toProblem(error: CmkError, correlationId: string, params?: unknown): ProblemDocument {
  const { status, title, hint } = cmkErrors[error.code];
  return {
    type: `urn:openkcm:error:${error.code.toLowerCase().replaceAll('_', '-')}`,
    title,
    status,
    code: error.code,
    detail: error.message,
    hint: fillIn(hint, params),
    correlationId,
  };
}

function fillIn(hint: string, params: unknown): string {
  if (typeof params !== 'object' || params === null) return hint;
  return Object.entries(params).reduce(
    (text, [name, value]) => (typeof value === 'string' ? text.replaceAll(`{${name}}`, value) : text),
    hint,
  );
}
