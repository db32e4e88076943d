/** The gateway's end of the mesh, as small as it can be: asks one thing after another, or receives pushes. */
import { randomUUID } from 'node:crypto';
import { connect, type TLSSocket } from 'node:tls';
import {
  parseApplicationName,
  parseCorrelationId,
  parseKeyFingerprint,
  parseTenantId,
} from '../../../contracts/index.ts';
import type { KeyAndCertificate } from '../../../platform/pki.ts';
import {
  decodeResponse,
  encodeRequest,
  FrameReader,
  KmipError,
  type KnownOperation,
  LATEST_VERSION,
  type RequestHeader,
  type RequestOf,
  type ResponseItem,
  type ResponseOf,
  ResultStatus,
  schemasOf,
} from '../../kmip/index.ts';
import {
  type Caller,
  decodeMeshResponse,
  decodePush,
  encodeMeshRequest,
  encodePushAnswer,
  MAX_MESH_MESSAGE_BYTES,
  MeshOperation,
  type MeshRequest,
  type MeshResponse,
  type NumberedPush,
  type TunnelResponse,
} from '../../mesh/index.ts';

/** A busy machine is no fault of the core. */
const ANSWER_TIMEOUT_MS = 20_000;

export interface ClientRequest {
  readonly operation: number;
  readonly payload: ReturnType<ReturnType<typeof schemasOf>['request']['write']>;
}

export function request<O extends KnownOperation>(operation: O, payload: RequestOf<O>): ClientRequest {
  return { operation, payload: schemasOf(operation).request.write(payload) };
}

export function callerOf(fingerprint: string, tenant: string, application: string): Caller {
  return {
    fingerprint: parseKeyFingerprint(fingerprint),
    tenant: parseTenantId(tenant),
    application: parseApplicationName(application),
  };
}

export interface Tunnelled extends TunnelResponse {
  readonly items: readonly ResponseItem[];
}

export class GatewayClient {
  readonly #socket: TLSSocket;
  readonly #reader = new FrameReader({ maxFrameBytes: MAX_MESH_MESSAGE_BYTES });
  readonly #frames: Uint8Array[] = [];
  #wake: (() => void) | undefined;
  #closed = false;

  constructor(port: number, ca: string, identity?: KeyAndCertificate) {
    this.#socket = connect({
      host: '127.0.0.1',
      port,
      ca,
      servername: 'localhost',
      ...(identity === undefined ? {} : { cert: identity.certificatePem, key: identity.privateKeyPem }),
    });
    this.#socket.on('data', (chunk: Buffer) => {
      this.#frames.push(...this.#reader.push(chunk));
      this.#wake?.();
    });
    this.#socket.on('error', () => {});
    this.#socket.on('close', () => {
      this.#closed = true;
      this.#wake?.();
    });
  }

  get isClosed(): boolean {
    return this.#closed;
  }
  close(): void {
    this.#socket.destroy();
  }
  send(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** The next whole message from the core. Throws when the connection ends or nothing comes. */
  async next(timeoutMs = ANSWER_TIMEOUT_MS): Promise<Uint8Array> {
    const until = Date.now() + timeoutMs;
    for (;;) {
      const frame = this.#frames.shift();
      if (frame !== undefined) return frame;
      if (this.#closed) throw new Error('the core closed the connection');
      const left = until - Date.now();
      if (left <= 0) throw new Error('the core did not answer');
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  async ask<O extends MeshOperation>(operation: O, value: MeshRequest<O>): Promise<MeshResponse<O>> {
    this.send(encodeMeshRequest(operation, value));
    return decodeMeshResponse(operation, await this.next());
  }

  /** Tunnels a client's message of one or more operations. */
  async tunnel(
    caller: Caller,
    requests: readonly ClientRequest[],
    options: { header?: Partial<RequestHeader>; items?: readonly number[]; idPlaceholder?: string } = {},
  ): Promise<Tunnelled> {
    const { header, ...rest } = options;
    const message = encodeRequest({
      header: { protocolVersion: LATEST_VERSION, ...header, batchCount: requests.length },
      items: requests.map(({ operation, payload }, i) => ({
        operation,
        payload,
        ...(requests.length > 1 ? { uniqueBatchItemId: Uint8Array.of(i) } : {}),
      })),
    });
    const correlationId = parseCorrelationId(randomUUID());
    const response = await this.ask(MeshOperation.Tunnel, { message, caller, correlationId, ...rest });
    return { ...response, items: decodeResponse(response.message).items };
  }

  /** One operation of a client. Throws its KmipError. */
  async run<O extends KnownOperation>(
    caller: Caller,
    operation: O,
    payload: RequestOf<O>,
  ): Promise<ResponseOf<O>> {
    const { items } = await this.tunnel(caller, [request(operation, payload)]);
    return payloadOf(operation, items[0]);
  }

  /** Turns this connection round. */
  async subscribe(after: number): Promise<number> {
    return (await this.ask(MeshOperation.Subscribe, { after })).head;
  }

  /** The next push; answered at once unless `answer` is false. */
  async nextPush(answer = true, timeoutMs?: number): Promise<NumberedPush> {
    const { item, numbered } = decodePush(await this.next(timeoutMs));
    if (answer) this.send(encodePushAnswer(item));
    return numbered;
  }
}

/** The payload of a successful item. Throws its KmipError. */
export function payloadOf<O extends KnownOperation>(
  operation: O,
  item: ResponseItem | undefined,
): ResponseOf<O> {
  if (item?.payload === undefined || item.resultStatus !== ResultStatus.Success) {
    throw new KmipError(item?.resultReason ?? 0, item?.resultMessage ?? 'no item');
  }
  return schemasOf(operation).response.read(item.payload);
}
