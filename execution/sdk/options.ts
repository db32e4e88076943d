/** What `connect` takes, with defaults and bounds. */
import type { KmipClientError, Version } from '../kmip/index.ts';
import { OpenKcmError } from './errors.ts';
import { type GatewayAddress, gatewayName } from './gateways/gateway.ts';
import type { TlsSource } from './gateways/tls.ts';
import { type LaneName, laneNames } from './lanes/lane-of.ts';
import { DEFAULT_LANES, type LaneLimits, MAX_GATEWAYS, MAX_MESSAGE_BYTES } from './limits.ts';
import type { TracingApi } from './telemetry/tracing.ts';

export interface ConnectOptions {
  /** The gateways of one region, as `host:port` or with a `servername`. Any of them serves any request. */
  readonly gateways: readonly (string | GatewayAddress)[];
  /**
   * Which of them is asked as long as it is well, by its place in `gateways`; default: one by chance, so that many clients
   * spread. Whoever stays at one gateway sees its own changes at once: other gateways learn of them within a second.
   * `any`: the least loaded is asked, for a client that one gateway cannot serve.
   */
  readonly home?: number | 'any' | undefined;
  /** The application's certificate and who vouches for gateways; `tlsFiles(…)` reads files, again and again. */
  readonly tls: TlsSource;
  /** Default KMIP 1.4. */
  readonly version?: Version | undefined;
  readonly lanes?: Partial<Record<LaneName, Partial<LaneLimits>>> | undefined;
  /** Attempts of one call, the first one included. Default 4. */
  readonly attempts?: number | undefined;
  /** Default 3 s. */
  readonly connectTimeoutMs?: number | undefined;
  /** Default 1 MiB. */
  readonly maxResponseBytes?: number | undefined;
  /** Silence after which a gateway is asked whether it is well. Default 5 s. */
  readonly healthIntervalMs?: number | undefined;
  /** How often a source of TLS material is asked for something new. Default 60 s. */
  readonly tlsReloadIntervalMs?: number | undefined;
  /** Do not wait for a gateway's answer. */
  readonly lazy?: boolean | undefined;
  readonly tracing?: TracingOptions | undefined;
  /** Told of what happens to gateways and certificates, for logs. It must not throw. */
  readonly onEvent?: ((event: ClientEvent) => void) | undefined;
}

export interface TracingOptions {
  /** Default: `@opentelemetry/api` where it is installed. `null`: no tracing. */
  readonly api?: TracingApi | null | undefined;
  /**
   * Hot requests carry the trace as well. Default false: gateways answer the plainest requests in one pass over their bytes,
   * and one with a Client Correlation Value is not of them.
   */
  readonly hot?: boolean | undefined;
}

export type ClientEvent =
  | {
      /** `gateway-down`: it is left alone in this lane until it has answered a probe. */
      readonly type: 'gateway-down' | 'gateway-up';
      readonly gateway: string;
      readonly lane: LaneName;
      readonly error?: KmipClientError;
    }
  | { readonly type: 'tls-reloaded' }
  | { readonly type: 'tls-reload-failed'; readonly error: Error };

/** A timer of Node takes no more. */
const MAX_MS = 2 ** 31 - 1;
/** The least and the largest of those that are numbers. */
const numbers = {
  attempts: [1, 100],
  connectTimeoutMs: [1, MAX_MS],
  maxResponseBytes: [1, MAX_MESSAGE_BYTES],
  healthIntervalMs: [1, MAX_MS],
  tlsReloadIntervalMs: [1, MAX_MS],
} as const satisfies Partial<Record<keyof ConnectOptions, readonly [number, number]>>;
const known: Readonly<Record<keyof ConnectOptions, true>> = {
  gateways: true,
  home: true,
  tls: true,
  version: true,
  lanes: true,
  attempts: true,
  connectTimeoutMs: true,
  maxResponseBytes: true,
  healthIntervalMs: true,
  tlsReloadIntervalMs: true,
  lazy: true,
  tracing: true,
  onEvent: true,
};

/**
 * What a type would have refused, for callers without types: a name that is none, something missing, a number out of bounds.
 * @throws OpenKcmError INVALID_OPTION
 */
export function checkedOptions(options: ConnectOptions): ConnectOptions {
  if (typeof options !== 'object' || options === null)
    throw new OpenKcmError('INVALID_OPTION', 'connect takes an object with gateways and tls');
  for (const name of Object.keys(options))
    if (!Object.hasOwn(known, name))
      throw new OpenKcmError(
        'INVALID_OPTION',
        `${name}: no option; there are ${Object.keys(known).join(', ')}`,
      );
  if (!Array.isArray(options.gateways))
    throw new OpenKcmError('INVALID_OPTION', "gateways: a list, such as ['gateway-1.internal:5696']");
  if (options.tls === undefined)
    throw new OpenKcmError(
      'INVALID_OPTION',
      'tls: the certificate, its key and the issuers, as tlsFiles(…) reads them',
    );
  for (const [name, [least, most]] of Object.entries(numbers)) {
    const value = options[name as keyof typeof numbers];
    if (value !== undefined && !(Number.isInteger(value) && value >= least && value <= most))
      throw new OpenKcmError('INVALID_OPTION', `${name}: a whole number from ${least} to ${most}`);
  }
  return options;
}

/** @throws OpenKcmError INVALID_OPTION */
export function checkedGateways(addresses: readonly GatewayAddress[]): readonly GatewayAddress[] {
  if (addresses.length < 1 || addresses.length > MAX_GATEWAYS)
    throw new OpenKcmError('INVALID_OPTION', `gateways: name 1 to ${MAX_GATEWAYS} of them`);
  const names = new Set(addresses.map(gatewayName));
  if (names.size < addresses.length) throw new OpenKcmError('INVALID_OPTION', 'gateways: one is named twice');
  return addresses;
}

/** @throws OpenKcmError INVALID_OPTION */
export function checkedHome(home: ConnectOptions['home'], count: number): number | undefined {
  if (home === 'any') return undefined;
  if (home === undefined) return Math.floor(Math.random() * count);
  if (Number.isInteger(home) && home >= 0 && home < count) return home;
  throw new OpenKcmError('INVALID_OPTION', `home: 'any', or a number from 0 to ${count - 1}`);
}

/** @throws OpenKcmError INVALID_OPTION */
export function checkedLanes(given: ConnectOptions['lanes'] = {}): Readonly<Record<LaneName, LaneLimits>> {
  for (const name of Object.keys(given))
    if (!laneNames.some((known) => known === name))
      throw new OpenKcmError('INVALID_OPTION', `lanes.${name}: no lane; there are ${laneNames.join(', ')}`);
  const lanes = laneNames.map((name) => {
    const limits = { ...DEFAULT_LANES[name], ...given[name] };
    for (const [field, value] of Object.entries(limits)) {
      if (!Object.hasOwn(DEFAULT_LANES[name], field))
        throw new OpenKcmError('INVALID_OPTION', `lanes.${name}.${field}: no limit of a lane`);
      const least = field === 'queue' ? 0 : 1;
      if (!Number.isInteger(value) || value < least)
        throw new OpenKcmError('INVALID_OPTION', `lanes.${name}.${field}: a whole number from ${least}`);
    }
    return [name, limits] as const;
  });
  return Object.fromEntries(lanes) as Record<LaneName, LaneLimits>;
}
