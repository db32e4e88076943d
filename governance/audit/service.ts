/** The audit log of a running CMK: who signs its checkpoints, and what it does by itself. */
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { readPrivate } from '../../platform/config-file.ts';
import { OkcmError } from '../../platform/errors.ts';
import type { Logger } from '../../platform/log.ts';
import type { Registry } from '../../platform/metrics.ts';
import type { CmkConfig } from '../config.ts';
import { CHECKPOINT_EVERY_MS, OTLP_EVERY_MS } from '../limits.ts';
import { type Periodic, startPeriodic } from '../periodic.ts';
import type { Db } from '../store/transactions.ts';
import { type AuditSigner, logOf } from './checkpoints.ts';
import type { AuditConfig } from './config.ts';
import { createAuditMetrics } from './metrics.ts';
import { OtlpExporter } from './otlp-exporter.ts';
import { CheckpointWorker } from './signing.ts';

export interface AuditService {
  readonly signer: AuditSigner;
  readonly checkpoints: CheckpointWorker;
  /** Begins to sign and to send. */
  start(): Periodic[];
}

/** Errors: those of readPrivate, AUDIT_KEY. */
export async function openAudit(
  config: CmkConfig,
  { db, logger, registry }: { readonly db: Db; readonly logger: Logger; readonly registry: Registry },
): Promise<AuditService> {
  const { cluster } = config;
  const audit: AuditConfig = config.audit ?? {};
  const signer = await signerOf(config);
  await registerKey(db, signer);
  const metrics = createAuditMetrics(registry);
  const directory = audit.checkpointDirectory;
  const checkpoints = new CheckpointWorker({ db, signer, logger, metrics, directory });
  return {
    signer,
    checkpoints,
    start: () => {
      const everyMs = audit.checkpointEveryMs ?? CHECKPOINT_EVERY_MS;
      const works = [startPeriodic('sign audit chains', everyMs, logger, () => checkpoints.run())];
      const { otlp } = audit;
      if (otlp === undefined) return works;
      const exporter = new OtlpExporter({ db, cluster, otlp, logger, metrics });
      const send = startPeriodic('send audit events', otlp.everyMs ?? OTLP_EVERY_MS, logger, () =>
        exporter.run(),
      );
      return [...works, send];
    },
  };
}

async function signerOf({ audit, orbital, cluster }: CmkConfig): Promise<AuditSigner> {
  const { key, keyId } = audit?.signing ?? { key: orbital.signingKey, keyId: orbital.keyId };
  const privateKey = createPrivateKey(await readPrivate(key));
  if (privateKey.asymmetricKeyType !== 'ed25519')
    throw new OkcmError('AUDIT_KEY', `${key} holds no Ed25519 key`, {
      hint: 'openssl genpkey -algorithm ed25519 makes one.',
    });
  return { keyId, privateKey, log: logOf(cluster) };
}

/** So that whoever reads a checkpoint later finds the key that signed it. */
async function registerKey(db: Db, { keyId, privateKey }: AuditSigner): Promise<void> {
  const publicKey = createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }).toString();
  await db
    .insertInto('audit_keys')
    .values({ key_id: keyId, public_key: publicKey })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  const stored = await db
    .selectFrom('audit_keys')
    .select('public_key')
    .where('key_id', '=', keyId)
    .executeTakeFirstOrThrow();
  if (stored.public_key !== publicKey)
    throw new OkcmError('AUDIT_KEY', `another key has signed checkpoints as ${keyId}`, {
      hint: 'Give the new key a key id of its own.',
    });
}
