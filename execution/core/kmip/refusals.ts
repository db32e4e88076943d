/** What a client is told of an item that failed, and what the log and the audit trail are told of it. */
import { errorMessage } from '../../../platform/errors.ts';
import type { Logger } from '../../../platform/log.ts';
import { inTransaction } from '../../../platform/postgres.ts';
import { KeychainError } from '../../keychain/index.ts';
import {
  childOf,
  failedItem,
  ItemType,
  KmipError,
  operationName,
  type RequestItem,
  type ResponseItem,
  ResultReason,
  SchemaError,
  Tag,
} from '../../kmip/index.ts';
import { appendAudit } from '../audit/trail.ts';
import type { RegionDb } from '../store/tables.ts';
import { RefusalWithPayload, RefusedError, type Requester } from './context.ts';
import { asKmipError } from './objects.ts';

export interface RefusalDependencies {
  readonly db: RegionDb;
  readonly instance: string;
  readonly logger: Logger;
}

export function whoOf({ caller, correlationId, gateway }: Requester) {
  const { tenant, application, fingerprint } = caller;
  return { tenant, application, fingerprint, correlationId, peer: gateway };
}

/** The failed item; what the client may not know goes to the log, and a refusal to the trail. */
export async function refuse(
  deps: RefusalDependencies,
  requester: Requester,
  item: RequestItem,
  thrown: unknown,
): Promise<ResponseItem> {
  const error = asKmipError(thrown);
  const who = whoOf(requester);
  const operation = operationName(item.operation);
  const reason = refusalOf(error);
  if (reason !== undefined) {
    const uid = (error instanceof RefusedError ? error.uid : undefined) ?? uidIn(item);
    const cause = errorMessage(error);
    deps.logger.warn({ ...who, operation, reason, uid, cause }, 'an operation was refused');
    const event = { event: 'OPERATION_REFUSED', outcome: 'refused' as const, reason, ...who, operation };
    await inTransaction(deps.db, (tx) =>
      appendAudit(tx, { source: deps.instance }, [uid === undefined ? event : { ...event, uid }]),
    );
  } else if (error instanceof KmipError && isMistake(error)) {
    deps.logger.info({ ...who, operation, code: error.code, message: error.message }, 'an operation failed');
  } else {
    deps.logger.error({ ...who, operation, err: error }, 'an operation failed');
  }
  const failed = failedItem(item, error);
  return error instanceof RefusalWithPayload ? { ...failed, payload: error.payload } : failed;
}

/** What the client has done wrong, a value of the wrong form included: no trouble that an operator must see. */
function isMistake({ cause }: KmipError): boolean {
  return cause === undefined || cause instanceof SchemaError;
}

/** These are decisions about a caller, and so the trail's business; anything else is a mistake or trouble. */
const refusing: ReadonlySet<number> = new Set([
  ResultReason.PermissionDenied,
  ResultReason.Sensitive,
  ResultReason.NotExtractable,
]);

/** The trail's code for a refusal; undefined for any other failure. */
function refusalOf(error: unknown): string | undefined {
  if (error instanceof RefusedError) return error.auditReason;
  if (!(error instanceof KmipError) || !refusing.has(error.resultReason)) return undefined;
  return error.cause instanceof KeychainError ? error.cause.code : error.code;
}

/** The Unique Identifier that a payload starts with, in every operation that has one. */
function uidIn({ payload }: RequestItem): string | undefined {
  const uid = childOf(payload, Tag.UniqueIdentifier);
  return uid?.type === ItemType.TextString ? uid.value : undefined;
}
