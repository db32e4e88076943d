/** What governance may ask about signing keys: whom the region trusts, and by what it signs itself. */
import type { JobKind, JobPayload } from '../../../contracts/index.ts';
import { appendAudit } from '../audit/trail.ts';
import type { JobDependencies } from '../jobs/dependencies.ts';
import { handlerFor, type RegionTaskContext, TaskRefusal } from '../jobs/outcome.ts';
import { TrustRefusedError } from './governance-keys.ts';

export function signingHandlers({ instance, signing, logger }: JobDependencies) {
  const tell = async (
    { trx, correlationId }: RegionTaskContext,
    event: string,
    reason: string,
  ): Promise<void> => {
    await appendAudit(trx, { source: instance }, [{ event, outcome: 'success', reason, correlationId }]);
  };

  async function trusted({ keys }: JobPayload<'GOVERNANCE_KEYS'>, context: RegionTaskContext) {
    try {
      return await signing.governance.adopt(context.trx, keys, context.signedBy);
    } catch (error) {
      if (!(error instanceof TrustRefusedError)) throw error;
      // Some process of governance has not gone over to the key that counts: the next message is signed by that.
      const code = error.why === 'SIGNER_MISSING' ? error.why : 'SIGNING_KEY_REFUSED';
      throw new TaskRefusal(code, error.message);
    }
  }

  return {
    GOVERNANCE_KEYS: handlerFor('GOVERNANCE_KEYS', async (payload, context) => {
      const names = await trusted(payload, context);
      const { signedBy, correlationId } = context;
      await tell(context, 'GOVERNANCE_KEYS_TRUSTED', `${names.join(', ')}; said by ${signedBy}`);
      logger.warn({ trusted: names, signedBy, correlationId }, 'governance signs by these keys from now on');
      return { trusted: [...names] };
    }),

    REGION_KEY_MAKE: handlerFor('REGION_KEY_MAKE', async ({ keyId }, context) => {
      const publicKey = await signing.own.make(context.trx, keyId);
      await tell(context, 'SIGNING_KEY_MADE', keyId);
      return { keyId, publicKey };
    }),

    REGION_KEY_USE: handlerFor('REGION_KEY_USE', async ({ keyId }, context) => {
      if (!(await signing.own.use(context.trx, keyId))) throw new TaskRefusal('SIGNING_KEY_UNKNOWN', keyId);
      await tell(context, 'SIGNING_KEY_USED', keyId);
      return { keyId };
    }),
  } satisfies Partial<Record<JobKind, unknown>>;
}
