/**
 * What a region's answers to link jobs do to the row. Each runs in the transaction in which Orbital ends the task, and
 * changes nothing when the row has moved on: after an UNLINK no late answer brings a link back.
 */
import type { JobPayload, JobResult } from '../../contracts/index.ts';
import { HPKE_PUBLIC_KEY_BYTES } from '../../contracts/sealing.ts';
import { OrbitalError, type TaskError } from '../../orbital/index.ts';
import type { Actor } from '../audit/event.ts';
import { audit } from '../audit/record.ts';
import type { Cmk } from '../context.ts';
import type { Link } from '../store/schema.ts';
import type { Trx } from '../store/transactions.ts';
import { advance, findLink, type LinkId, linkRows, previousCandidates, wakeSealingAtCommit } from './rows.ts';
import { dueAt } from './schedule.ts';
import type { LinkState } from './states.ts';

/** The links of a region: its answers concern no other. */
export interface Answer {
  readonly region: string;
  readonly who: Actor;
}

/** What answers need of CMK: they run inside Orbital, which is made before the rest of it. */
export interface AnswerContext extends Pick<Cmk, 'link' | 'metrics'> {
  retryJob(trx: Trx, job: string): Promise<void>;
  readonly manager: Pick<Cmk['manager'], 'createJob'>;
}

/** A region's word that cannot be used ends the task as failed. */
export const INVALID_RESULT: TaskError = {
  code: 'INVALID_RESULT',
  message: 'the answer does not follow its contract',
  retryable: false,
};

async function tell(
  trx: Trx,
  { who }: Answer,
  id: LinkId,
  action: string,
  outcome: 'succeeded' | 'failed',
  detail: Record<string, unknown> = {},
  /** Whether the tenant is to hear of it; the platform does otherwise. */
  isTenants = true,
): Promise<void> {
  await audit(trx, who, {
    ...(isTenants ? { tenant: id.tenant } : {}),
    action,
    subject: `link:${id.tenant}/${id.region}/${id.epoch}`,
    outcome,
    detail,
  });
}

/** A job that failed may be retried and then succeed, unless a younger epoch has been begun since. */
async function orFailed(trx: Trx, id: LinkId, state: LinkState): Promise<LinkState[]> {
  const newest = (await linkRows(trx, id.tenant)).find((row) => row.region === id.region);
  return newest?.epoch === id.epoch ? [state, 'failed'] : [state];
}

export async function onPrepared(
  trx: Trx,
  answer: Answer,
  payload: JobPayload<'LINK_PREPARE'>,
  result: JobResult<'LINK_PREPARE'>,
): Promise<void> {
  const id = { tenant: payload.tenant, region: answer.region, epoch: payload.epoch };
  const publicKey = Buffer.from(result.publicKey, 'base64url');
  if (result.epoch !== payload.epoch || publicKey.length !== HPKE_PUBLIC_KEY_BYTES)
    return await onLinkFailed(trx, answer, payload, INVALID_RESULT);
  const changed = await advance(trx, id, await orFailed(trx, id, 'preparing'), {
    state: 'sealing',
    region_public_key: publicKey,
    ...(await previousAsTold(trx, id, result.standsOnEpoch)),
    error: null,
    attempts: 0,
    next_attempt_at: new Date(),
  });
  if (!changed) return;
  await wakeSealingAtCommit(trx);
  await tell(trx, answer, id, 'link.prepared', 'succeeded');
}

/**
 * Which secret the LINK will carry: the region knows what its L2 stands on. What is chosen by guessing stays where it
 * does not say, or names an epoch whose secret was never sent there.
 */
async function previousAsTold(
  trx: Trx,
  id: LinkId,
  standsOnEpoch: number | undefined,
): Promise<{ previous_epoch?: number | null }> {
  if (standsOnEpoch === undefined) return {};
  if (standsOnEpoch === 0) return { previous_epoch: null };
  if (standsOnEpoch >= id.epoch || (await findLink(trx, id))?.opened_by === 'rotate') return {};
  const told = await findLink(trx, { ...id, epoch: standsOnEpoch });
  return told === undefined || told.wrapped_secret === null ? {} : { previous_epoch: standsOnEpoch };
}

/** The epoch is open: whatever the region held before it is closed by it. */
export async function onLinked(
  cmk: AnswerContext,
  trx: Trx,
  answer: Answer,
  payload: JobPayload<'LINK'> | JobPayload<'ROTATE_LINK'>,
  result: JobResult<'LINK'> | JobResult<'ROTATE_LINK'>,
): Promise<void> {
  const id = { tenant: payload.tenant, region: answer.region, epoch: payload.epoch };
  const now = new Date();
  const changed = await advance(trx, id, await orFailed(trx, id, 'linking'), {
    state: 'active',
    activated_at: now,
    rotate_at: await dueAt(trx, id.tenant, now),
    proved_at: new Date(payload.provedAt),
    expires_at: new Date(result.expiresAt),
    renew_at: new Date(new Date(payload.provedAt).getTime() + cmk.link.renewEveryMs),
    error: null,
  });
  if (!changed) return;
  const rows = await linkRows(trx, id.tenant);
  for (const older of rows.filter((row) => row.region === id.region && row.epoch < id.epoch))
    await advance(trx, older, ['active', 'failed'], {
      state: 'closed',
      closed_at: now,
      renew_at: null,
      rotate_at: null,
      reason: `epoch ${id.epoch} took its place`,
    });
  await tell(trx, answer, id, 'link.active', 'succeeded', { expiresAt: result.expiresAt });
}

export async function onRenewed(
  trx: Trx,
  answer: Answer,
  payload: JobPayload<'RENEW'>,
  result: JobResult<'RENEW'>,
): Promise<void> {
  const id = { tenant: payload.tenant, region: answer.region, epoch: payload.epoch };
  const changed = await advance(trx, id, ['active'], {
    proved_at: new Date(payload.provedAt),
    expires_at: new Date(result.expiresAt),
    error: null,
  });
  if (changed) await tell(trx, answer, id, 'link.renewed', 'succeeded', { expiresAt: result.expiresAt });
}

export async function onUnlinked(
  trx: Trx,
  answer: Answer,
  payload: JobPayload<'UNLINK'>,
  result: JobResult<'UNLINK'>,
): Promise<void> {
  const id = { tenant: payload.tenant, region: answer.region, epoch: payload.epoch };
  const rows = await linkRows(trx, id.tenant);
  // Closing an epoch closes every older one with it (D1).
  for (const row of rows.filter((each) => each.region === id.region && each.epoch <= id.epoch))
    await advance(trx, row, ['closing'], {
      state: 'closed',
      closed_at: new Date(result.closedAt),
      gateways_told: result.gatewaysTold,
      error: null,
    });
  const detail = { closedAt: result.closedAt, gatewaysTold: result.gatewaysTold };
  await tell(trx, answer, id, 'link.closed', 'succeeded', detail, await isHome(trx, id));
}

/** What a region was asked to close because of its own word alone (drift/) may be a name that it has made up, or no tenant of its. */
async function isHome(trx: Trx, { tenant, region }: LinkId): Promise<boolean> {
  const row = await trx
    .selectFrom('tenant_regions')
    .select('tenant')
    .where('tenant', '=', tenant)
    .where('region', '=', region)
    .executeTakeFirst();
  return row !== undefined;
}

/**
 * The region did not make or open the epoch. Where it says that the secret does not open its L2, the secret that was
 * carried may have been the wrong one of those that were sent: the next older is tried, under the same epoch.
 */
export async function onLinkFailed(
  trx: Trx,
  answer: Answer,
  payload: JobPayload<'LINK_PREPARE'> | JobPayload<'LINK'> | JobPayload<'ROTATE_LINK'>,
  error: TaskError,
): Promise<void> {
  const id = { tenant: payload.tenant, region: answer.region, epoch: payload.epoch };
  if (error.code === 'SECRET_REJECTED' && (await tryOlderSecret(trx, answer, id))) return;
  const changed = await advance(trx, id, ['preparing', 'linking'], { state: 'failed', error: error.code });
  if (!changed) return;
  // A rotation that failed leaves the older epoch alive, and what held its renewals back is gone.
  for (const older of await linkRows(trx, id.tenant))
    if (older.region === id.region && older.epoch < id.epoch)
      await advance(trx, older, ['active'], { renew_at: new Date() });
  await tell(trx, answer, id, 'link.failed', 'failed', { error: error.code });
}

async function tryOlderSecret(trx: Trx, answer: Answer, id: LinkId): Promise<boolean> {
  const link = await findLink(trx, id);
  if (link?.state !== 'linking' || link.opened_by === 'rotate') return false;
  const older = (await linkRows(trx, id.tenant)).filter(
    (row) => row.region === id.region && row.epoch < id.epoch,
  );
  const candidates = previousCandidates(older);
  const next = candidates[candidates.indexOf(link.previous_epoch) + 1];
  if (next === undefined) return false;
  await advance(trx, id, ['linking'], {
    state: 'sealing',
    previous_epoch: next,
    wrapped_secret: null,
    attempts: 0,
    next_attempt_at: new Date(),
  });
  await wakeSealingAtCommit(trx);
  await tell(trx, answer, id, 'link.retry', 'failed', { error: 'SECRET_REJECTED', previous: next });
  return true;
}

/** A living link goes on until its expiry; the row says what went wrong. */
export async function onRenewFailed(
  cmk: AnswerContext,
  trx: Trx,
  answer: Answer,
  payload: JobPayload<'RENEW'>,
  error: TaskError,
): Promise<void> {
  const id = { tenant: payload.tenant, region: answer.region, epoch: payload.epoch };
  if (!(await advance(trx, id, ['active'], { error: error.code }))) return;
  const asked = error.code === 'EPOCH_CLOSED' ? await askSuccessor(cmk, trx, id) : undefined;
  await tell(trx, answer, id, 'link.renewed', 'failed', {
    error: error.code,
    ...(asked === undefined ? {} : { askedAgain: asked }),
  });
}

/**
 * The region has closed the epoch that is the active one here: it may have gone on to a younger one whose answer did not
 * reach us in time. It is asked once more, and answers from its record. Returns that epoch.
 */
async function askSuccessor(cmk: AnswerContext, trx: Trx, id: LinkId): Promise<number | undefined> {
  const newest: Link | undefined = (await linkRows(trx, id.tenant)).find((row) => row.region === id.region);
  // Any other error is the region's own word that it has not.
  if (newest?.state !== 'failed' || newest.error !== 'DEADLINE') return undefined;
  if (newest.wrapped_secret === null || newest.job === null) return undefined;
  try {
    await cmk.retryJob(trx, newest.job);
    return newest.epoch;
  } catch (error) {
    // It has been forgotten, or is being tried already.
    if (error instanceof OrbitalError) return undefined;
    throw error;
  }
}

/** A closure that failed stays `closing`: nothing else may happen to that epoch. */
export async function onUnlinkFailed(
  trx: Trx,
  answer: Answer,
  payload: JobPayload<'UNLINK'>,
  error: TaskError,
): Promise<void> {
  const id = { tenant: payload.tenant, region: answer.region, epoch: payload.epoch };
  if (await advance(trx, id, ['closing'], { error: error.code }))
    await tell(trx, answer, id, 'link.closed', 'failed', { error: error.code });
}
