/**
 * What follows from a region's answer, for each kind of job. Orbital calls these inside the transaction that ends the
 * task, so the row and the task change together. They call nothing outside the database (D13).
 */
import { Value } from 'typebox/value';
import { type JobKind, type JobPayload, type JobResult, jobs } from '../../contracts/index.ts';
import type { EndedTask, HandlersByKind, JobHandlers, JsonValue, TaskError } from '../../orbital/index.ts';
import { onClosed } from '../domain/lifecycle-answers.ts';
import { pageRead } from '../drift/pages.ts';
import {
  type Answer,
  type AnswerContext,
  INVALID_RESULT,
  onLinked,
  onLinkFailed,
  onPrepared,
  onRenewed,
  onRenewFailed,
  onUnlinked,
  onUnlinkFailed,
} from '../links/answers.ts';
import { rotationAnswers } from '../rotation/answers.ts';
import { regionKeyAnswers } from '../signing/region-keys.ts';
import { trustAnswers } from '../signing/trust-answers.ts';
import { alsoForSimulations, useInspected } from '../simulation/answers.ts';
import * as drills from '../simulation/drill-answers.ts';
import type { CmkDatabase } from '../store/schema.ts';
import { scopeToPlatform, type Trx } from '../store/transactions.ts';
import * as provisioned from './provisioned.ts';

interface Handling<K extends JobKind> {
  done(trx: Trx, answer: Answer, payload: JobPayload<K>, result: JobResult<K>): Promise<void>;
  failed(trx: Trx, answer: Answer, payload: JobPayload<K>, error: TaskError): Promise<void>;
  /** In the transaction that cancels, with what that one sees; left out where the rows have been told already. */
  cancelled?(trx: Trx, answer: Answer, payload: JobPayload<K>): Promise<void>;
}

function handler<K extends JobKind>(kind: K, handling: Handling<K>): JobHandlers<CmkDatabase> {
  const parse = async (trx: Trx, task: EndedTask): Promise<[Answer, JobPayload<K>]> => {
    await scopeToPlatform(trx);
    // Our own payload, as it was checked when the job was created.
    const payload = task.payload as JobPayload<K>;
    return [
      { region: task.target, who: { actor: `region:${task.target}`, correlationId: task.correlationId } },
      payload,
    ];
  };
  const { cancelled } = handling;
  return {
    ...(cancelled === undefined
      ? {}
      : {
          async onTaskCancelled(trx: Trx, task: EndedTask) {
            const who = { actor: 'system:jobs', correlationId: task.correlationId };
            await cancelled(trx, { region: task.target, who }, task.payload as JobPayload<K>);
          },
        }),
    async onTaskDone(trx, task: EndedTask, result: JsonValue) {
      const [answer, payload] = await parse(trx, task);
      const answered: unknown = result;
      if (Value.Check(jobs[kind].result, answered))
        await handling.done(trx, answer, payload, answered as JobResult<K>);
      else await handling.failed(trx, answer, payload, INVALID_RESULT);
    },
    async onTaskFailed(trx, task: EndedTask, error: TaskError) {
      const [answer, payload] = await parse(trx, task);
      await handling.failed(trx, answer, payload, error);
    },
  };
}

export function createHandlers(cmk: AnswerContext): HandlersByKind<CmkDatabase> {
  const rotation = rotationAnswers(cmk.metrics);
  const regionKeys = regionKeyAnswers(cmk);
  const byKind = {
    TENANT_PROVISION: handler('TENANT_PROVISION', provisioned.tenant),
    SERVICE_PROVISION: handler('SERVICE_PROVISION', provisioned.service),
    IDENTITY_PUT: handler('IDENTITY_PUT', provisioned.identityPut),
    IDENTITY_REMOVE: handler('IDENTITY_REMOVE', provisioned.identityRemoved),
    ISSUER_PUT: handler('ISSUER_PUT', provisioned.issuer),
    LINK_PREPARE: handler('LINK_PREPARE', { done: onPrepared, failed: onLinkFailed }),
    LINK: handler('LINK', {
      done: (trx, answer, payload, result) => onLinked(cmk, trx, answer, payload, result),
      failed: onLinkFailed,
    }),
    ROTATE_LINK: handler('ROTATE_LINK', {
      done: async (trx, answer, payload, result) => {
        await onLinked(cmk, trx, answer, payload, result);
        cmk.metrics.keyJob('ROTATE_LINK', 'done');
      },
      failed: async (trx, answer, payload, error) => {
        await onLinkFailed(trx, answer, payload, error);
        cmk.metrics.keyJob('ROTATE_LINK', 'failed');
      },
    }),
    RENEW: handler('RENEW', {
      done: onRenewed,
      failed: (trx, answer, payload, error) => onRenewFailed(cmk, trx, answer, payload, error),
    }),
    UNLINK: handler('UNLINK', {
      done: async (trx, answer, payload, result) => {
        await onUnlinked(trx, answer, payload, result);
        await onClosed(trx, answer.who, { ...payload, region: answer.region }, null);
      },
      failed: async (trx, answer, payload, error) => {
        await onUnlinkFailed(trx, answer, payload, error);
        await onClosed(trx, answer.who, { ...payload, region: answer.region }, error.code);
      },
    }),
    KEY_ROTATE: handler('KEY_ROTATE', rotation.rotated),
    KEY_COMPROMISE: handler('KEY_COMPROMISE', rotation.compromised),
    ROTATION_POLICY: handler('ROTATION_POLICY', rotation.policy),
    KEY_INSPECT: handler('KEY_INSPECT', alsoForSimulations(rotation.inspected)),
    KEY_DESTROY: handler('KEY_DESTROY', rotation.destroyed),
    USE_INSPECT: handler('USE_INSPECT', useInspected),
    DRILL_CUT: handler('DRILL_CUT', drills.cut),
    DRILL_RESTORE: handler('DRILL_RESTORE', drills.restored),
    GOVERNANCE_KEYS: handler('GOVERNANCE_KEYS', trustAnswers),
    REGION_KEY_MAKE: handler('REGION_KEY_MAKE', regionKeys.made),
    REGION_KEY_USE: handler('REGION_KEY_USE', regionKeys.used),
    MANIFEST_READ: handler('MANIFEST_READ', pageRead),
  } satisfies Record<JobKind, JobHandlers<CmkDatabase>>;
  return byKind;
}
