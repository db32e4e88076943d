/**
 * The three messages that cross the planes, and their signatures. A task goes from manager to operator; status and
 * report come back and are never acted upon as commands (separation record, "Crypto → CMK: strictly read-only").
 *
 * On the wire: JSON `{ v, keyId, body, sig }`, where `body` is base64url of the exact JSON bytes that `sig` (Ed25519)
 * covers, behind a fixed prefix so that a signature made here means nothing elsewhere. A replay is harmless because
 * applying is idempotent by task id and etag; the reader remembers some (seen.ts) to tell of it, and needs to know none.
 */
import { type KeyObject, sign, verify } from 'node:crypto';
import { type Static, type TSchema, Type } from 'typebox';
import { Compile, type Validator } from 'typebox/compile';
import { Instant } from '../contracts/instant.ts';
import { OkcmError } from '../platform/errors.ts';
import { type JsonValue, nestsTooDeep, parseJson } from './json.ts';
import { MAX_ERROR_MESSAGE_LENGTH, MAX_ETAG, MAX_FRAME_BYTES, MAX_REPORT_FRAME_BYTES } from './limits.ts';

const closed = { additionalProperties: false } as const;
const Name = Type.String({ pattern: '^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$' });
const Uuid = Type.String({ pattern: '^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$' });
const Correlation = Type.String({ pattern: '^[A-Za-z0-9_.:-]{1,64}$' });
const Counter = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER });
const Etag = Type.Integer({ minimum: 1, maximum: MAX_ETAG });
const Json = Type.Unsafe<JsonValue>(Type.Unknown());

export const Lane = Type.Union([Type.Literal('urgent'), Type.Literal('normal')]);
export type Lane = Static<typeof Lane>;
export const lanes = ['urgent', 'normal'] as const satisfies readonly Lane[];

/** A failure as a region words it. The message is for people and must hold no secret. */
export const TaskError = Type.Object(
  {
    code: Type.String({ pattern: '^[A-Z][A-Z0-9_]{0,63}$' }),
    message: Type.String({ maxLength: MAX_ERROR_MESSAGE_LENGTH }),
    retryable: Type.Boolean(),
  },
  closed,
);
export type TaskError = Static<typeof TaskError>;

export const TaskMessage = Type.Object(
  {
    type: Type.Literal('task'),
    messageId: Uuid,
    jobId: Uuid,
    taskId: Uuid,
    kind: Type.String({ pattern: '^[A-Z][A-Z0-9_]{0,63}$' }),
    entity: Type.String({ minLength: 1, maxLength: 256 }),
    /** Order among the jobs of one entity; a region never goes back behind the highest it has seen. */
    entitySequence: Counter,
    target: Name,
    lane: Lane,
    /** Names one execution. The same etag again is a repeat; a higher one asks for another execution. */
    etag: Etag,
    attempt: Counter,
    payload: Json,
    workingState: Type.Optional(Json),
    correlationId: Correlation,
    issuedAt: Instant,
    deadlineAt: Type.Optional(Instant),
    /** W3C Trace Context, where the job is traced. A region that records no spans passes over it. */
    traceparent: Type.Optional(Type.String({ pattern: '^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$' })),
    /** Every older job of the entity was cancelled by this one: whatever still runs of them shall stop. */
    cancels: Type.Optional(Type.Boolean()),
  },
  closed,
);
export type TaskMessage = Static<typeof TaskMessage>;

export const StatusMessage = Type.Object(
  {
    type: Type.Literal('status'),
    taskId: Uuid,
    /** The execution that is answered, as the region has recorded it; absent, it is one of the task's present wish. */
    entitySequence: Type.Optional(Counter),
    etag: Etag,
    target: Name,
    phase: Type.Union([Type.Literal('processing'), Type.Literal('done'), Type.Literal('failed')]),
    result: Type.Optional(Json),
    error: Type.Optional(TaskError),
    workingState: Type.Optional(Json),
    retryAfterMs: Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })),
    correlationId: Correlation,
    at: Instant,
  },
  closed,
);
export type StatusMessage = Static<typeof StatusMessage>;

export const ReportMessage = Type.Object(
  { type: Type.Literal('report'), source: Name, at: Instant, report: Json },
  closed,
);
export type ReportMessage = Static<typeof ReportMessage>;

export interface Messages {
  task: TaskMessage;
  status: StatusMessage;
  report: ReportMessage;
}
export type MessageType = keyof Messages;

const Frame = Compile(
  Type.Object(
    {
      v: Type.Literal(1),
      keyId: Type.String({ pattern: '^[A-Za-z0-9_.:-]{1,128}$' }),
      body: Type.String({ pattern: '^[A-Za-z0-9_-]+$' }),
      sig: Type.String({ pattern: '^[A-Za-z0-9_-]{86}$' }),
    },
    closed,
  ),
);

const bodies = {
  task: { check: Compile(TaskMessage), maxBytes: MAX_FRAME_BYTES, audience: (m: TaskMessage) => m.target },
  status: {
    check: Compile(StatusMessage),
    maxBytes: MAX_FRAME_BYTES,
    audience: (m: StatusMessage) => m.target,
  },
  report: {
    check: Compile(ReportMessage),
    maxBytes: MAX_REPORT_FRAME_BYTES,
    audience: (m: ReportMessage) => m.source,
  },
} satisfies {
  [T in MessageType]: { check: unknown; maxBytes: number; audience: (m: Messages[T]) => string };
};

export interface Signer {
  readonly keyId: string;
  /** Ed25519. */
  readonly privateKey: KeyObject;
}
export interface TrustedKey {
  readonly keyId: string;
  /** Ed25519. */
  readonly publicKey: KeyObject;
}

/** Why a received message was thrown away. Stable: metrics and alerts use these. */
export const rejectionCodes = {
  TOO_LARGE: 'the frame exceeds the limit of its type',
  MALFORMED: 'not a signed frame of version 1',
  INVALID_BODY: 'the body does not follow its schema, or cannot be stored',
  WRONG_TYPE: 'a message of this type does not belong on this channel',
  UNKNOWN_KEY: 'the signing key is not registered for the region that the message names',
  BAD_SIGNATURE: 'the signature does not cover the body',
  WRONG_AUDIENCE: 'the message is for another region',
  TARGET_MISMATCH: 'a region reports on a task that is not its own',
  UNKNOWN_TASK: 'the status is for a task that does not exist',
  SEQUENCE_AHEAD: 'the message names a wish that is further ahead of the clock than any can be',
  CLOCK_AHEAD: 'the report was signed further ahead of our clock than clocks may differ',
  REPLAYED: 'the message has come before and was dealt with, or is older than what was dealt with since',
} as const;
export type RejectionCode = keyof typeof rejectionCodes;
export interface Rejection {
  readonly code: RejectionCode;
  readonly channel: string;
  /** As the frame claims; not verified. */
  readonly keyId?: string;
  /** The region that the body names: whom a task is for, whose a status or report would be. Not verified either. */
  readonly claims?: string;
}

export type Verified<T extends MessageType> =
  | {
      readonly ok: true;
      readonly keyId: string;
      readonly body: Messages[T];
      /** The region that the body names; of a status or report, the one that has signed it. */
      readonly claims: string;
      /** Base64url in its one spelling; no two messages have the same. */
      readonly signature: string;
    }
  | ({ readonly ok: false } & Omit<Rejection, 'channel'>);

/** A message of ours that the wire cannot carry; a mistake of the caller, never of the peer. */
export class UnsendableMessageError extends OkcmError {
  override readonly name = 'UnsendableMessageError';
  constructor(reason: string) {
    super('ORBITAL_UNSENDABLE', reason);
  }
}

const PREFIX = Buffer.from('openkcm.orbital.v1\n');
const signedBytes = (body: Uint8Array): Buffer => Buffer.concat([PREFIX, body]);

/** @throws UnsendableMessageError when the body breaks its own schema or the frame would exceed its limit. */
export function signMessage(signer: Signer, body: Messages[MessageType]): Uint8Array {
  const { maxBytes } = bodies[body.type];
  const check: { Check(value: unknown): boolean } = bodies[body.type].check;
  if (!check.Check(body))
    throw new UnsendableMessageError(`the ${body.type} message does not follow its schema`);
  const bytes = Buffer.from(JSON.stringify(body));
  if (nestsTooDeep(bytes)) throw new UnsendableMessageError(`the ${body.type} message nests too deep`);
  const frame = Buffer.from(
    JSON.stringify({
      v: 1,
      keyId: signer.keyId,
      body: bytes.toString('base64url'),
      sig: sign(null, signedBytes(bytes), signer.privateKey).toString('base64url'),
    }),
  );
  if (frame.length > maxBytes)
    throw new UnsendableMessageError(
      `the ${body.type} message takes ${frame.length} bytes; the limit is ${maxBytes}`,
    );
  return frame;
}

/**
 * Reads one frame. `keysOf` names the keys that may speak in this message: for a task the manager's, for a status
 * or report those of the region that the (not yet verified) body names, so that a region can speak only for itself.
 * @throws only what `keysOf` throws; everything wrong with the message itself is a rejection.
 */
export async function verifyMessage<T extends MessageType>(
  type: T,
  frameBytes: Uint8Array,
  keysOf: (claimed: string) => Promise<readonly TrustedKey[]> | readonly TrustedKey[],
): Promise<Verified<T>> {
  const { maxBytes, audience } = bodies[type] as unknown as {
    maxBytes: number;
    audience: (m: Messages[T]) => string;
  };
  const check = bodies[type].check as Validator<Record<never, never>, TSchema>;
  if (frameBytes.length > maxBytes) return { ok: false, code: 'TOO_LARGE' };
  const frame = parseJson(frameBytes);
  if (!Frame.Check(frame)) return { ok: false, code: 'MALFORMED' };
  const { keyId } = frame;
  const bytes = Buffer.from(frame.body, 'base64url');
  const parsed = parseJson(bytes);
  if (!check.Check(parsed)) {
    const otherType = (parsed as { type?: unknown } | undefined)?.type;
    const known = typeof otherType === 'string' && otherType !== type && Object.hasOwn(bodies, otherType);
    return { ok: false, code: known ? 'WRONG_TYPE' : 'INVALID_BODY', keyId };
  }
  const body = parsed as Messages[T];
  const claims = audience(body);
  const key = (await keysOf(claims)).find((candidate) => candidate.keyId === keyId);
  if (key === undefined) return { ok: false, code: 'UNKNOWN_KEY', keyId, claims };
  const signature = Buffer.from(frame.sig, 'base64url');
  // Another key type would make verify() choose another algorithm: only Ed25519 counts.
  const valid =
    key.publicKey.asymmetricKeyType === 'ed25519' &&
    verify(null, signedBytes(bytes), key.publicKey, signature);
  return valid
    ? { ok: true, keyId, body, claims, signature: signature.toString('base64url') }
    : { ok: false, code: 'BAD_SIGNATURE', keyId, claims };
}
