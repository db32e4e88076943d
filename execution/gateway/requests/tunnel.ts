/**
 * The transparent proxy (split record §3): hands the client's own bytes to the core, beside who sent them, and brings
 * back the answer once what it changed is in effect here (D6).
 */
import { QueueFullError, Semaphore } from '../../../platform/semaphore.ts';
import { decodeResponse, KmipError, type ResponseItem } from '../../kmip/index.ts';
import { MeshOperation, type NumberedPush } from '../../mesh/index.ts';
import {
  MAX_TUNNEL_QUEUE,
  MAX_TUNNEL_QUEUE_PER_TENANT,
  MAX_TUNNEL_WAIT_MS,
  MAX_TUNNELLED_PER_TENANT,
  TUNNEL_CONNECTIONS,
  TUNNEL_TIMEOUT_MS,
} from '../limits.ts';
import type { Announcer } from '../link/announcer.ts';
import type { CoreLink } from '../link/core-link.ts';
import type { PushApplier } from '../link/push-applier.ts';
import { GatewayRefusal } from '../refusals.ts';
import type { Crew } from '../workers/crew.ts';
import type { ObjectChange } from '../workers/messages.ts';
import type { RequestContext } from './context.ts';

export interface TunnelOptions {
  readonly link: CoreLink;
  readonly announcer: Pick<Announcer, 'flush'>;
  readonly applier: Pick<PushApplier, 'applyEffects'>;
  /** Other processes of this gateway learn what the request has changed before its answer is relayed (D6). */
  readonly crew?: Pick<Crew, 'changed'>;
}

export interface Tunnelled {
  /** The whole response message of the core. */
  readonly message: Uint8Array;
  readonly idPlaceholder: string | undefined;
}

export class Tunnel {
  readonly #options: TunnelOptions;
  /** One place for each connection, and no tenant takes those of the others, at work or in line (D8). */
  readonly #places = new Semaphore({
    max: TUNNEL_CONNECTIONS,
    maxPerKey: MAX_TUNNELLED_PER_TENANT,
    maxQueued: MAX_TUNNEL_QUEUE,
    maxQueuedPerKey: MAX_TUNNEL_QUEUE_PER_TENANT,
    maxWaitMs: MAX_TUNNEL_WAIT_MS,
  });

  constructor(options: TunnelOptions) {
    this.#options = options;
  }

  /** Requests in line. */
  get waiting(): number {
    return this.#places.queued;
  }

  /**
   * Has the core run the items `indexes` of `message`; all of them when absent. `named`: the keys that they are about, if
   * they name them all.
   *
   * @throws GatewayRefusal CORE_UNREACHABLE, CORE_BUSY (nothing was done), CORE_SILENT, CORE_ANSWER_UNREADABLE (perhaps
   * done); KmipError with which the core refused the tunnel itself.
   */
  async send(
    message: Uint8Array,
    indexes: readonly number[] | undefined,
    idPlaceholder: string | undefined,
    context: RequestContext,
    named?: readonly string[],
  ): Promise<Tunnelled> {
    // Known at once, whatever stands in line.
    if (!this.#options.link.isUp) throw new GatewayRefusal('CORE_UNREACHABLE');
    try {
      return await this.#places.run(
        () => this.#ask(message, indexes, idPlaceholder, context, named),
        context.requester.identity.tenant,
      );
    } catch (error) {
      throw error instanceof QueueFullError ? new GatewayRefusal('CORE_BUSY') : error;
    }
  }

  async #ask(
    message: Uint8Array,
    indexes: readonly number[] | undefined,
    idPlaceholder: string | undefined,
    context: RequestContext,
    named: readonly string[] | undefined,
  ): Promise<Tunnelled> {
    const { link, announcer, applier, crew } = this.#options;
    const { tenant, application, fingerprint } = context.requester.identity;
    // So that a client reads its own writes: what it created here, the core must know (D6).
    // What names keys that it knows already waits for no others.
    const { keys } = context.services.store;
    if (named?.every((uid) => !keys.mayWait(tenant, uid)) !== true) await announcer.flush(tenant);
    const response = await link.ask(
      'lifecycle',
      MeshOperation.Tunnel,
      {
        message,
        caller: { tenant, application, fingerprint },
        correlationId: context.correlationId,
        ...(indexes === undefined ? {} : { items: indexes }),
        ...(idPlaceholder === undefined ? {} : { idPlaceholder }),
      },
      TUNNEL_TIMEOUT_MS,
    );
    applier.applyEffects(response.effects);
    await crew?.changed(changesOf(response.effects));
    return { message: response.message, idPlaceholder: response.idPlaceholder };
  }
}

function changesOf(effects: readonly NumberedPush[]): ObjectChange[] {
  return effects.flatMap(({ push }): ObjectChange[] => {
    if (push.kind === 'object.put') return [{ uid: push.object.uid, isGone: push.object.wrapped === null }];
    return push.kind === 'object.destroyed' ? [{ uid: push.uid, isGone: true }] : [];
  });
}

/** The batch items of the core's answer. @throws KmipError General Failure when it cannot be read. */
export function itemsOf({ message }: Tunnelled): readonly ResponseItem[] {
  try {
    return decodeResponse(message).items;
  } catch {
    throw KmipError.generalFailure('the regional core gave an answer that cannot be read');
  }
}
