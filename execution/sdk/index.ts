/**
 * The client for applications: KMIP through the gateways of a region, with lanes, failover and retries where they are
 * safe, and envelope encryption with data keys.
 */

/** What payloads, attributes and batches are made of; more in `execution/kmip`. */
export {
  attribute,
  CryptographicAlgorithm,
  CryptographicUsageMask,
  call,
  customAttribute,
  ObjectType,
  Operation,
  ResultReason,
} from '../kmip/index.ts';
export { connect, type OpenKcm } from './client.ts';
export type { DataKeys, DataKeysOptions, SealOptions } from './data-keys/data-keys.ts';
export type { KeyReference } from './data-keys/header.ts';
export { type DataKeyLimits, DEFAULT_DATA_KEY_LIMITS } from './data-keys/key-cache.ts';
export type { DataKeySource } from './data-keys/key-sources.ts';
export {
  SealedDataError,
  type SealedDataErrorCode,
  sealedDataErrors,
} from './data-keys/sealed-data-error.ts';
export { SecretKey } from './data-keys/secret-key.ts';
export {
  OpenKcmError,
  type Outcome,
  type ReasonName,
  type Retry,
  type SdkErrorCode,
  type Settled,
  sdkErrors,
  settle,
} from './errors.ts';
export type { GatewayAddress } from './gateways/gateway.ts';
export { type TlsMaterial, type TlsSource, tlsFiles } from './gateways/tls.ts';
export type { LaneName } from './lanes/lane-of.ts';
export { DEFAULT_LANES, type LaneLimits } from './limits.ts';
export {
  type CipherOptions,
  type Ciphertext,
  type CreateOptions,
  type EncryptOptions,
  type KeyMaterial,
  type LocateOptions,
  ObjectAttributes,
  type RevokeOptions,
} from './operations.ts';
export type { ClientEvent, ConnectOptions, TracingOptions } from './options.ts';
export type { BatchResult, BatchResults, CallOptions } from './requester.ts';
export { type HistogramSnapshot, LATENCY_BUCKETS_MS } from './telemetry/histogram.ts';
export type { Metrics, MetricsSnapshot } from './telemetry/metrics.ts';
export type { TracingApi } from './telemetry/tracing.ts';
