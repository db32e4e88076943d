/**
 * From the bytes of a request to the bytes of its answer. A request with one item whose key is in memory is answered
 * at once, without a promise; whatever has to wait goes the long way.
 */
import { randomBytes } from 'node:crypto';
import { type CorrelationId, parseCorrelationId } from '../../../contracts/index.ts';
import { errorMessage } from '../../../platform/errors.ts';
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
import { MAX_REQUEST_BYTES } from '../limits.ts';
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
import { HotPath } from './hot/hot-path.ts';
import { lookUp, unopenedIn } from './look-up.ts';
import { planItem, uidIn } from './plan.ts';
import type { Tunnel } from './tunnel.ts';

export interface RequestHandlerOptions {
  readonly services: Services;
  readonly tunnel: Tunnel;
  readonly metrics: GatewayMetrics;
  readonly logger: Logger;
}

export class RequestHandler {
  readonly #options: RequestHandlerOptions;
  readonly #hot: HotPath;
  /** A correlation id is this process's random prefix and a number: unique, and cheap enough for every request. */
  readonly #prefix = `gw-${randomBytes(6).toString('hex')}`;
  #count = 0;

  constructor(options: RequestHandlerOptions) {
    this.#options = options;
    this.#hot = new HotPath({ ...options, nextCorrelationId: () => this.#nextCorrelationId() });
  }

  /** Answers one whole message; failures are answers too. */
  handle(message: Uint8Array, requester: Requester): Uint8Array | Promise<Uint8Array> {
    return this.#hot.answer(message, requester) ?? this.handleGenerally(message, requester);
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
        if (operation !== undefined)
          this.#options.metrics.requests.inc({ operation: operationName(operation), route: 'local' });
      }
      return response;
    } finally {
      context.lent.wipe();
    }
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
    if (error instanceof GatewayRefusal) logger.warn(line, 'operation refused');
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
    const { application } = requester.identity;
    const line = { reason: refusal.code, cause: refusal.message, peer: requester.peer, application };
    this.#options.logger.info(line, 'a message was refused as a whole');
    return refuseMessage(request, refusal, nowSeconds());
  }

  #unreadable(message: Uint8Array, error: unknown, requester: Requester): Uint8Array {
    const failure = KmipError.from(error);
    this.#options.metrics.refusals.inc({ reason: failure.code });
    this.#options.logger.info(
      {
        reason: failure.code,
        cause: failure.message,
        peer: requester.peer,
        application: requester.identity.application,
      },
      'a message could not be read',
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
      correlationId: this.#nextCorrelationId(),
      lent: new Lent(),
      staged: undefined,
      lookedUp,
    };
  }

  #nextCorrelationId(): CorrelationId {
    return parseCorrelationId(`${this.#prefix}-${(this.#count++).toString(36)}`);
  }
}
