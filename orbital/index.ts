/**
 * Orbital: the one road between the planes (D11, D12). Governance runs a manager, each region an operator, and a
 * broker lies between them. Orbital knows no kind of job; it carries `kind`, `entity`, `lane` and a JSON payload.
 */
export { BrokerConfig, brokerTls } from './broker-config.ts';
export { connectTransport } from './connect.ts';
export type { JsonValue } from './json.ts';
export { ExchangeableSigner, isKey, KeyDirectory, publicPemOf, readSigner } from './keys/signer.ts';
export {
  adoptKeys,
  canonicalPem,
  type KnownKey,
  type NamedKey,
  trustedOf,
  trustRefusals,
  withConfigured,
} from './keys/trust.ts';
export { JobConflictError, type ManagerErrorCode, managerErrors, OrbitalError } from './manager/errors.ts';
export type { EndedTask, JobSpec } from './manager/jobs.ts';
export type { HandlersByKind, JobHandlers, SettledJob } from './manager/progress.ts';
export type {
  EntityGroup,
  JobFilter,
  JobView,
  ListedTask,
  ManagerOverview,
  TaskFilter,
  TaskView,
} from './manager/queries.ts';
export { type JobState, orbitalManagerMigrations, type TaskState } from './manager/schema.ts';
export { createManager, type Manager, type ManagerOptions } from './manager.ts';
export {
  type Lane,
  lanes,
  type Rejection,
  type RejectionCode,
  rejectionCodes,
  type Signer,
  type TaskError,
  type TrustedKey,
  UnsendableMessageError,
} from './messages.ts';
export { type HandlerOutcome, operatorErrors } from './operator/inbox.ts';
export { orbitalOperatorMigrations } from './operator/schema.ts';
export {
  createOperator,
  type Operator,
  type OperatorOptions,
  type TaskContext,
  type TaskHandler,
} from './operator.ts';
export type { BrokerProbe, BrokerTrouble } from './probe/answers.ts';
export { probeBroker } from './probe/probe.ts';
export { type RejectionSum, RejectionSums } from './rejections.ts';
export {
  reportChannel,
  type Subscription,
  statusChannel,
  type Transport,
  TransportError,
  type TransportErrorCode,
  type TransportOptions,
  type TransportRole,
  taskChannel,
  transportErrors,
} from './transport.ts';
export { type EmbeddedBrokerUsers, prepareEmbeddedBroker } from './transports/embedded-setup.ts';
export { type NatsUsers, natsAccounts } from './transports/nats-accounts.ts';
export { rabbitRegionPermissions } from './transports/rabbitmq.ts';
