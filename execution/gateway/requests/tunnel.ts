/**
 * The transparent proxy (split record §3): hands the client's own bytes to the core, beside who sent them, and brings
 * back the answer once what it changed is in effect here (D6).
 */
import { decodeResponse, KmipError, type ResponseItem } from '../../kmip/index.ts';
import { MeshOperation, type NumberedPush } from '../../mesh/index.ts';
import { MAX_TUNNEL_QUEUE, TUNNEL_TIMEOUT_MS } from '../limits.ts';
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
  readonly applier: PushApplier;
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
  #waiting = 0;

  constructor(options: TunnelOptions) {
    this.#options = options;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /**
   * Has the core run the items `indexes` of `message`; all of them when absent.
   *
   * @throws GatewayRefusal CORE_UNREACHABLE, CORE_BUSY (nothing was done), CORE_SILENT, CORE_ANSWER_UNREADABLE (perhaps
   * done); KmipError with which the core refused the tunnel itself.
   */
  async send(
    message: Uint8Array,
    indexes: readonly number[] | undefined,
    idPlaceholder: string | undefined,
    context: RequestContext,
  ): Promise<Tunnelled> {
    const { link, announcer, applier, crew } = this.#options;
    if (this.#waiting >= MAX_TUNNEL_QUEUE) throw new GatewayRefusal('CORE_BUSY');
    this.#waiting += 1;
    try {
      const { tenant, application, fingerprint } = context.requester.identity;
      // So that a client reads its own writes: what it created here, the core must know (D6).
      await announcer.flush(tenant);
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
    } finally {
      this.#waiting -= 1;
    }
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
