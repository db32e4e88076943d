/**
 * From the bytes of a request to the bytes of its answer. A request with one item whose key is in memory is answered
 * at once, without a promise; whatever has to wait goes the long way.
 */
import { errorMessage } from '../../../platform/errors.ts';
import { LineBudget } from '../../../platform/line-budget.ts';
import type { Logger } from '../../../platform/log.ts';
import { SecretWipedError } from '../../envelope/index.ts';
import {
  BatchErrorContinuationOption,
  decodeRequest,
  encodeResponse,
  errorResponse,
  failedItem,
  KmipError,
  messageRefusal,
  operationName,
  type PlainAnswers,
  peekVersion,
  type RequestItem,
  type RequestMessage,
  type ResponseItem,
  ResultReason,
  refuseMessage,
  responseHeaderFor,
  successItem,
  TtlvError,
  withinMaximumSize,
} from '../../kmip/index.ts';
import { nowSeconds } from '../../objects/index.ts';
import { MAX_REFUSAL_LINE_KINDS, MAX_REQUEST_BYTES, REFUSAL_LINES_PER_SECOND } from '../limits.ts';
import type { GatewayMetrics } from '../metrics.ts';
import { GatewayRefusal } from '../refusals.ts';
import { Batch } from './batch.ts';
import {
  Lent,
  type LocalResult,
  type LookedUp,
  type RequestContext,
  type Requester,
  type Services,
  Staged,
} from './context.ts';
import { Correlations } from './correlation.ts';
import { HotPath } from './hot/hot-path.ts';
import { lookUp, unopenedIn } from './look-up.ts';
import { planItem, uidIn } from './plan.ts';
import type { Tunnel } from './tunnel.ts';

export interface RequestHandlerOptions {
  readonly services: Services;
  readonly tunnel: Tunnel;
  readonly metrics: GatewayMetrics;
  readonly logger: Logger;
  /** Default: a sequence of its own. */
  readonly correlations?: Correlations | undefined;
  /** Off, the general path answers everything: for measurement and diagnosis. Default: on. */
  readonly hotPath?: 'on' | 'off' | undefined;
}

export class RequestHandler {
  readonly #options: RequestHandlerOptions;
  readonly #hot: HotPath | undefined;
  readonly #correlations: Correlations;
  readonly #lines = new LineBudget({ perSecond: REFUSAL_LINES_PER_SECOND, maxKinds: MAX_REFUSAL_LINE_KINDS });

  constructor(options: RequestHandlerOptions) {
    this.#options = options;
    this.#correlations = options.correlations ?? new Correlations();
    this.#hot =
      options.hotPath === 'off'
        ? undefined
        : new HotPath({
            ...options,
            correlations: this.#correlations,
            failed: (message, error, requester) => this.#failedAlone(message, error, requester),
          });
  }

  /** For a connection on which TTLV is spoken: what can be answered where it lies. */
  plainAnswers(requester: () => Requester | undefined): PlainAnswers | undefined {
    return this.#hot?.plainAnswers(requester);
  }

  /** Answers one whole message; failures are answers too. */
  handle(message: Uint8Array, requester: Requester): Uint8Array | Promise<Uint8Array> {
    return (
      this.#hot?.answer(message, requester) ??
      this.#hot?.create(message, requester) ??
      this.handleGenerally(message, requester)
    );
  }

  /** By the general codec, which reads whatever KMIP has. The hot path gives no other answer. */
  handleGenerally(message: Uint8Array, requester: Requester): Uint8Array | Promise<Uint8Array> {
    let request: RequestMessage;
    try {
      request = decodeRequest(message, { maxBytes: MAX_REQUEST_BYTES });
    } catch (error) {
      return this.#unreadable(message, error, requester);
    }
    const refusal = messageRefusal(request);
    if (refusal !== undefined) return this.#refused(request, refusal, requester);
    const { services } = this.#options;
    if (services.store.keys.answersAtOnce) return this.#answer(message, request, requester);
    const { tenant } = requester.identity;
    const uids = unopenedIn(request.items, tenant, services);
    if (uids.length === 0) return this.#answer(message, request, requester);
    return lookUp(services, tenant, uids).then((found) => this.#answer(message, request, requester, found));
  }

  #answer(
    message: Uint8Array,
    request: RequestMessage,
    requester: Requester,
    lookedUp?: LookedUp,
  ): Uint8Array | Promise<Uint8Array> {
    const context = this.#contextFor(request, requester, lookedUp);
    const [only] = request.items;
    if (only === undefined || request.items.length > 1) return this.#runBatch(message, request, context);
    try {
      const plan = planItem(only, undefined, context);
      if (plan.route === 'core') return this.#runBatch(message, request, context);
      const result = plan.run();
      if (!(result instanceof Promise)) return this.#one(only, result, request, context);
      return result.then(
        (value) => this.#one(only, value, request, context),
        (error: unknown) =>
          this.#encode(request, [failedItem(only, this.#failed(only, error, context))], context),
      );
    } catch (error) {
      return this.#encode(request, [failedItem(only, this.#failed(only, error, context))], context);
    }
  }

  #one(
    item: RequestItem,
    { payload }: LocalResult,
    request: RequestMessage,
    context: RequestContext,
  ): Uint8Array {
    return this.#encode(request, [successItem(item, payload)], context);
  }

  async #runBatch(message: Uint8Array, request: RequestMessage, shared: RequestContext): Promise<Uint8Array> {
    const undo =
      request.header.batchErrorContinuationOption === BatchErrorContinuationOption.Undo &&
      request.items.length > 1;
    const context = undo ? { ...shared, staged: new Staged() } : shared;
    const batch = new Batch(
      { tunnel: this.#options.tunnel, failed: (item, error, of) => this.#failed(item, error, of) },
      message,
      request,
      context,
    );
    const result = !undo
      ? await batch.run()
      : batch.isAllLocal()
        ? await batch.runUndoable()
        : await batch.relayWhole();
    if ('relayed' in result) {
      for (const { operation } of request.items)
        this.#options.metrics.requests.inc({ operation: operationName(operation), route: 'core' });
      return result.relayed;
    }
    return this.#encode(request, result.items, context);
  }

  #encode(request: RequestMessage, items: readonly ResponseItem[], context: RequestContext): Uint8Array {
    try {
      const header = responseHeaderFor(request.header, context.nowS, items.length);
      const response = withinMaximumSize(request.header, items, (kept) =>
        encodeResponse({ header, items: kept }),
      );
      for (const { operation } of items) {
        if (operation !== undefined) this.#options.metrics.countLocal(operation);
      }
      return response;
    } finally {
      context.lent.wipe();
    }
  }

  /** The answer to a message of one item that has failed. */
  #failedAlone(message: Uint8Array, error: unknown, requester: Requester): Uint8Array {
    const request = decodeRequest(message, { maxBytes: MAX_REQUEST_BYTES });
    const context = this.#contextFor(request, requester);
    const items = request.items.map((item) => failedItem(item, this.#failed(item, error, context)));
    return this.#encode(request, items, context);
  }

  /** What the client is told of a failure, once log, metrics and audit trail have been told. */
  #failed(item: RequestItem, cause: unknown, context: RequestContext): KmipError {
    const error = cause instanceof SecretWipedError ? new GatewayRefusal('LEASE_LOST') : cause;
    const { logger, metrics, services } = this.#options;
    const failure = KmipError.from(error);
    const reason = error instanceof GatewayRefusal ? error.refusal : failure.code;
    const { tenant, application, fingerprint } = context.requester.identity;
    const operation = operationName(item.operation);
    // Cut between the halves of a surrogate pair it would be no text any more.
    const uid = uidIn(item)?.slice(0, 128).toWellFormed();
    const { correlationId } = context;
    metrics.refusals.inc({ reason });
    const line = { reason, correlationId, operation, uid, tenant, application, peer: context.requester.peer };
    if (error instanceof GatewayRefusal)
      this.#lines.spend(`${reason} ${tenant} ${application}`, (besides) =>
        logger.warn({ ...line, ...besides }, 'operation refused'),
      );
    else if (error instanceof KmipError || failure.resultReason !== ResultReason.GeneralFailure)
      logger.debug(line, 'operation failed');
    else logger.error({ ...line, cause: errorMessage(error) }, 'operation failed unexpectedly');
    if (error instanceof GatewayRefusal && error.audited) {
      services.audit.refused({
        event: 'OPERATION_REFUSED',
        outcome: 'refused',
        reason,
        tenant,
        application,
        fingerprint,
        operation,
        ...(uid === undefined ? {} : { uid }),
        peer: context.requester.peer,
        correlationId,
      });
    }
    return failure;
  }

  #refused(request: RequestMessage, refusal: KmipError, requester: Requester): Uint8Array {
    this.#options.metrics.refusals.inc({ reason: refusal.code });
    const { tenant, application } = requester.identity;
    const line = { reason: refusal.code, cause: refusal.message, peer: requester.peer, tenant, application };
    this.#lines.spend(`message ${refusal.code} ${tenant} ${application}`, (besides) =>
      this.#options.logger.info({ ...line, ...besides }, 'a message was refused as a whole'),
    );
    return refuseMessage(request, refusal, nowSeconds());
  }

  #unreadable(message: Uint8Array, error: unknown, requester: Requester): Uint8Array {
    const failure = KmipError.from(error);
    this.#options.metrics.refusals.inc({ reason: failure.code });
    const { tenant, application } = requester.identity;
    const line = { reason: failure.code, cause: failure.message, peer: requester.peer, tenant, application };
    this.#lines.spend(`unreadable ${tenant} ${application}`, (besides) =>
      this.#options.logger.info({ ...line, ...besides }, 'a message could not be read'),
    );
    // Whoever sends what is no TTLV is answered and shown the door; a wrong field alone ends no conversation.
    if (failure.cause instanceof TtlvError) throw failure;
    return errorResponse(peekVersion(message), failure.resultReason, failure.message);
  }

  #contextFor(request: RequestMessage, requester: Requester, lookedUp?: LookedUp): RequestContext {
    return {
      services: this.#options.services,
      requester,
      version: request.header.protocolVersion,
      nowS: nowSeconds(),
      correlationId: this.#correlations.next(),
      lent: new Lent(),
      staged: undefined,
      lookedUp,
    };
  }
}
