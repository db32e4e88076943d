/** The client: what an application calls. */
import {
  type Attribute,
  type AttributeName,
  type Call,
  call,
  enumName,
  KmipClientError,
  type KnownOperation,
  LATEST_VERSION,
  MAX_BATCH_ITEMS,
  ObjectType,
  Operation,
  type OperationDefinition,
  operationName,
  QueryFunction,
  type RequestOf,
  type ResponseOf,
  type RevocationReasonCode,
  type Version,
  versionText,
} from '../kmip/index.ts';
import { DataKeys, type DataKeysOptions } from './data-keys/data-keys.ts';
import { OpenKcmError } from './errors.ts';
import { Gateway, gatewayName, parseAddress } from './gateways/gateway.ts';
import { TlsIdentity } from './gateways/tls.ts';
import { Lane } from './lanes/lane.ts';
import { type LaneName, laneNames } from './lanes/lane-of.ts';
import {
  CONNECT_TIMEOUT_MS,
  HEALTH_INTERVAL_MS,
  MAX_ATTEMPTS,
  MAX_RESPONSE_BYTES,
  TLS_RELOAD_INTERVAL_MS,
} from './limits.ts';
import {
  type CipherOptions,
  type Ciphertext,
  type CreateOptions,
  ciphertextIn,
  createCall,
  decryptCall,
  type EncryptOptions,
  encryptCall,
  type KeyMaterial,
  keyIn,
  type LocateOptions,
  locateCall,
  ObjectAttributes,
  type RevokeOptions,
  revokeCall,
} from './operations.ts';
import {
  type ConnectOptions,
  checkedGateways,
  checkedHome,
  checkedLanes,
  checkedOptions,
} from './options.ts';
import { type BatchResults, type CallOptions, Requester } from './requester.ts';
import { type Levels, Metrics } from './telemetry/metrics.ts';
import { findTracingApi, Tracing } from './telemetry/tracing.ts';

const DRAIN_POLL_MS = 5;

/**
 * Connects to the gateways of a region. Resolves when one of them has answered, unless `lazy`.
 *
 * @throws OpenKcmError: INVALID_OPTION; UNREACHABLE, TLS_FAILED or CONNECTION_LOST when no gateway answers.
 */
export async function connect(options: ConnectOptions): Promise<OpenKcm> {
  const client = new OpenKcm(checkedOptions(options), await TlsIdentity.load(options.tls));
  if (options.lazy === true) return client;
  try {
    await client.discoverVersions();
  } catch (error) {
    // A gateway that refuses has answered: this identity may not be permitted to ask that.
    if (error instanceof OpenKcmError && error.code === 'REFUSED') return client;
    await client.close();
    throw error;
  }
  return client;
}

/**
 * A client of one region. Make one for a program, and share it: it holds the connections. All calls reject with
 * `OpenKcmError` and nothing else.
 */
export class OpenKcm implements AsyncDisposable {
  readonly metrics: Metrics;
  readonly #gateways: readonly Gateway[];
  readonly #lanes: Readonly<Record<LaneName, Lane>>;
  readonly #requester: Requester;
  readonly #tls: TlsIdentity;
  readonly #options: ConnectOptions;
  readonly #reload: NodeJS.Timeout | undefined;
  readonly #dataKeys = new Set<DataKeys>();
  #closed = false;

  /** @internal `connect` makes clients. */
  constructor(options: ConnectOptions, tls: TlsIdentity) {
    const version: Version = options.version ?? LATEST_VERSION;
    const lanes = checkedLanes(options.lanes);
    this.#options = options;
    this.#tls = tls;
    this.#gateways = checkedGateways(options.gateways.map(parseAddress)).map(
      (address) =>
        new Gateway(address, {
          tls,
          version,
          lanes,
          connectTimeoutMs: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
          maxResponseBytes: options.maxResponseBytes ?? MAX_RESPONSE_BYTES,
          healthIntervalMs: options.healthIntervalMs ?? HEALTH_INTERVAL_MS,
          onRoom: (lane) => this.#lanes?.[lane].dispatch(),
          onState: (lane, state, cause) =>
            options.onEvent?.({
              type: state === 'open' ? 'gateway-down' : 'gateway-up',
              gateway: gatewayName(address),
              lane,
              ...(cause === undefined ? {} : { error: cause }),
            }),
        }),
    );
    const home = checkedHome(options.home, this.#gateways.length);
    this.#lanes = Object.fromEntries(
      laneNames.map((name) => [name, new Lane(name, lanes[name], this.#gateways, home)]),
    ) as Record<LaneName, Lane>;
    this.metrics = new Metrics(() => this.#levels());
    this.#requester = new Requester({
      gateways: this.#gateways,
      lanes: this.#lanes,
      version,
      maxAttempts: options.attempts ?? MAX_ATTEMPTS,
      traceHot: options.tracing?.hot === true,
      metrics: this.metrics,
      tracing: new Tracing(
        options.tracing?.api === null ? undefined : (options.tracing?.api ?? findTracingApi()),
      ),
    });
    if (!tls.isFixed) {
      this.#reload = setInterval(
        () => void this.reloadTls().catch(() => undefined), // told by an event
        options.tlsReloadIntervalMs ?? TLS_RELOAD_INTERVAL_MS,
      );
      this.#reload.unref();
    }
  }

  /** Makes a symmetric key and returns its Unique Identifier. It is Active at once, unless `activation` says otherwise. */
  async create(options: CreateOptions = {}, callOptions?: CallOptions): Promise<string> {
    return (await this.#requester.one(createCall(options), callOptions)).uniqueIdentifier;
  }

  /** A symmetric key in the clear, for the caller to wipe: `using key = await kms.get(uid)`. */
  async get(uid: string, options?: CallOptions): Promise<KeyMaterial> {
    return keyIn(await this.#requester.one(call(Operation.Get, { uniqueIdentifier: uid }), options));
  }

  /** Encrypts under a key, or under a service's key by its address `l3:<service>`. */
  async encrypt(
    uid: string,
    data: Uint8Array,
    options: EncryptOptions & CallOptions = {},
  ): Promise<Ciphertext> {
    return ciphertextIn(await this.#requester.one(encryptCall(uid, data, options), options));
  }

  /** Decrypts what `encrypt` gave, with the same additional data. */
  async decrypt(
    uid: string,
    ciphertext: Ciphertext,
    options: CipherOptions & CallOptions = {},
  ): Promise<Uint8Array> {
    const answer = await this.#requester.one(decryptCall(uid, ciphertext, options), options);
    return answer.data ?? new Uint8Array();
  }

  /** Unique Identifiers of what matches. */
  async locate(filter: LocateOptions = {}, options?: CallOptions): Promise<readonly string[]> {
    return (await this.#requester.one(locateCall(filter), options)).uniqueIdentifier ?? [];
  }

  /** The attributes that are named, or all. */
  async getAttributes(
    uid: string,
    names: readonly (AttributeName | (string & {}))[] = [],
    options?: CallOptions,
  ): Promise<ObjectAttributes> {
    const answer = await this.request(
      Operation.GetAttributes,
      { uniqueIdentifier: uid, attributeName: [...names] },
      options,
    );
    return new ObjectAttributes(answer.attribute ?? []);
  }

  async addAttribute(uid: string, attribute: Attribute, options?: CallOptions): Promise<void> {
    await this.request(Operation.AddAttribute, { uniqueIdentifier: uid, attribute }, options);
  }

  async modifyAttribute(uid: string, attribute: Attribute, options?: CallOptions): Promise<void> {
    await this.request(Operation.ModifyAttribute, { uniqueIdentifier: uid, attribute }, options);
  }

  /** `index`: which instance, where there are several; default the first. */
  async deleteAttribute(
    uid: string,
    attributeName: string,
    options: CallOptions & { readonly index?: number } = {},
  ): Promise<void> {
    const { index } = options;
    const payload = {
      uniqueIdentifier: uid,
      attributeName,
      ...(index === undefined ? {} : { attributeIndex: index }),
    };
    await this.request(Operation.DeleteAttribute, payload, options);
  }

  async activate(uid: string, options?: CallOptions): Promise<void> {
    await this.request(Operation.Activate, { uniqueIdentifier: uid }, options);
  }

  /** Deactivates; with the reason KeyCompromise the key becomes Compromised. */
  async revoke(
    uid: string,
    reason: keyof typeof RevocationReasonCode,
    options: RevokeOptions & CallOptions = {},
  ): Promise<void> {
    await this.#requester.one(revokeCall(uid, reason, options), options);
  }

  async destroy(uid: string, options?: CallOptions): Promise<void> {
    await this.request(Operation.Destroy, { uniqueIdentifier: uid }, options);
  }

  /** Makes a key that replaces this one, and returns its Unique Identifier. The old one stays as it is. */
  async rekey(uid: string, options: CallOptions & { readonly offsetS?: number } = {}): Promise<string> {
    const { offsetS } = options;
    const payload = { uniqueIdentifier: uid, ...(offsetS === undefined ? {} : { offset: offsetS }) };
    return (await this.request(Operation.ReKey, payload, options)).uniqueIdentifier;
  }

  async query(options?: CallOptions): Promise<{
    readonly vendor: string | undefined;
    readonly operations: readonly string[];
    readonly objectTypes: readonly string[];
  }> {
    const { QueryOperations, QueryObjects, QueryServerInformation } = QueryFunction;
    const queryFunction = [QueryOperations, QueryObjects, QueryServerInformation];
    const answer = await this.request(Operation.Query, { queryFunction }, options);
    return {
      vendor: answer.vendorIdentification,
      operations: (answer.operation ?? []).map(operationName),
      objectTypes: (answer.objectType ?? []).map((type) => enumName(ObjectType, type)),
    };
  }

  async discoverVersions(options?: CallOptions): Promise<readonly string[]> {
    const answer = await this.request(Operation.DiscoverVersions, { protocolVersion: [] }, options);
    return (answer.protocolVersion ?? []).map(versionText);
  }

  /** Any operation of KMIP 1.4, or one of a vendor by its definition, with its payload as KMIP has it. */
  async request<O extends KnownOperation>(
    operation: O,
    payload: RequestOf<O>,
    options?: CallOptions,
  ): Promise<ResponseOf<O>>;
  async request<Request, Response>(
    definition: OperationDefinition<number, Request, Response>,
    payload: Request,
    options?: CallOptions,
  ): Promise<Response>;
  async request(operation: never, payload: never, options?: CallOptions): Promise<unknown> {
    return this.#requester.one(call(operation, payload) as Call<unknown>, options);
  }

  /**
   * Several operations in one message, 256 at most, and their outcomes in order. One that fails is a result; unless
   * `header` says to continue, those after it are not run.
   */
  async batch<const Calls extends readonly Call<unknown>[]>(
    calls: Calls,
    options?: CallOptions,
  ): Promise<BatchResults<Calls>> {
    if (calls.length < 1 || calls.length > MAX_BATCH_ITEMS)
      throw new OpenKcmError('INVALID_REQUEST', `a batch has 1 to ${MAX_BATCH_ITEMS} operations`);
    return this.#requester.many(calls, options);
  }

  /** Envelope encryption with data keys that gateways make or wrap: of buffers and of streams. */
  dataKeys(options: DataKeysOptions = {}): DataKeys {
    if (this.#closed) throw new OpenKcmError('CLOSED', 'the client has been closed');
    const dataKeys = new DataKeys(this, options, () => this.#dataKeys.delete(dataKeys));
    this.#dataKeys.add(dataKeys);
    return dataKeys;
  }

  /**
   * Asks the source of TLS material for something new; the client does so by itself every minute. New connections
   * show the new certificate, and the old ones end when they have answered what they were asked.
   *
   * @returns whether there was something new.
   * @throws OpenKcmError INVALID_OPTION when what there is is of no use: the old material serves on.
   */
  async reloadTls(): Promise<boolean> {
    try {
      if (!(await this.#tls.reload())) return false;
    } catch (error) {
      if (error instanceof Error) this.#options.onEvent?.({ type: 'tls-reload-failed', error });
      throw error;
    }
    for (const gateway of this.#gateways) gateway.renew();
    this.#options.onEvent?.({ type: 'tls-reloaded' });
    return true;
  }

  /**
   * Takes no more calls, waits up to `graceMs` (default 0) for those under way, then ends all connections and wipes all
   * data keys. What still waits rejects with CLOSED.
   */
  async close({ graceMs = 0 }: { readonly graceMs?: number } = {}): Promise<void> {
    this.#closed = true;
    clearInterval(this.#reload);
    const giveUpAt = performance.now() + graceMs;
    while (this.#requester.underWay > 0 && performance.now() < giveUpAt)
      await new Promise((resolve) => setTimeout(resolve, DRAIN_POLL_MS));
    for (const dataKeys of [...this.#dataKeys]) dataKeys.close();
    for (const name of laneNames) this.#lanes[name].close();
    const error = new KmipClientError('KMIP_CLOSED', 'the client has been closed');
    for (const gateway of this.#gateways) gateway.close(error);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #levels(): Levels {
    const lanes = laneNames.map((name) => {
      const gateways = this.#gateways.map((gateway) => {
        const { isWell, connections, load: inFlight } = gateway.lanes[name];
        return { name: gateway.name, isWell, connections, inFlight };
      });
      return [name, { waiting: this.#lanes[name].waiting, gateways }] as const;
    });
    const sum = (of: 'all' | 'resumed'): number =>
      this.#gateways.reduce((total, { handshakes }) => total + handshakes[of], 0);
    return {
      lanes: Object.fromEntries(lanes),
      handshakes: { all: sum('all'), resumed: sum('resumed') },
      retriesLeft: this.#requester.budget.left,
    };
  }
}
