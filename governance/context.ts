/** What the parts of a running CMK share. */
import type { Manager, Signer } from '../orbital/index.ts';
import type { Logger } from '../platform/log.ts';
import type { AuditService } from './audit/service.ts';
import type { CmkConfig } from './config.ts';
import type { KeystoreRegistry } from './keystores/registry.ts';
import type { CmkMetrics } from './metrics.ts';
import type { NotificationSettings } from './notifications/settings.ts';
import type { CmkDatabase } from './store/schema.ts';
import type { Db } from './store/transactions.ts';

export interface Cmk {
  readonly cluster: string;
  readonly startedAt: Date;
  /** Whether this installation takes what is good for development alone. */
  readonly development: boolean;
  readonly db: Db;
  readonly manager: Manager<CmkDatabase>;
  readonly keystores: KeystoreRegistry;
  /** The files of software keystores lie below it. */
  readonly keystoreDirectory: string;
  /** The PKCS#11 libraries that keystores may name. */
  readonly pkcs11Modules: readonly string[];
  readonly link: CmkConfig['link'];
  readonly drift: NonNullable<CmkConfig['drift']>;
  readonly logger: Logger;
  readonly metrics: CmkMetrics;
  /** Whether the broker can be reached now. */
  readonly brokerHealthy: () => boolean;
  /** How notifications are sent; undefined: none are. */
  readonly notifications: NotificationSettings | undefined;
  readonly audit: Pick<AuditService, 'signer' | 'checkpoints'>;
  /** The keys that jobs are signed by (signing/signer.ts). */
  readonly signing: { keyOf(keyId: string): Promise<Signer>; wake(): void };
  /** Who has a token of a development installation, and so may approve everywhere. */
  readonly developmentOperators: readonly string[];
}
