/**
 * Encrypt and Decrypt in parts (KMIP 1.4 §2.1.15–2.1.17) with an L4 that this gateway holds. Each part has found the key
 * usable and its lease alive before it comes here; the stream holds the cipher and not the key.
 */
import { type CipherSetup, decryptor, encryptor, type Part, type StreamTurn } from '../../../cipher/index.ts';
import type { SecretBytes } from '../../../envelope/index.ts';
import {
  KmipError,
  Operation,
  operationSchemas,
  type RequestOf,
  type ResponseOf,
} from '../../../kmip/index.ts';
import type { ManagedObject } from '../../../objects/index.ts';
import { type LocalResult, type RequestContext, streamOwner } from '../context.ts';

export type EncryptRequest = RequestOf<typeof Operation.Encrypt>;
export type DecryptRequest = RequestOf<typeof Operation.Decrypt>;
type NextPart = Part & { readonly kind: 'next' };

export function beginEncrypt(
  key: SecretBytes,
  setup: CipherSetup,
  request: EncryptRequest,
  { uid }: ManagedObject,
  context: RequestContext,
): LocalResult {
  return inTurn(context, (turn) => {
    const work = encryptor(key, setup);
    const stream = turn.open({
      operation: Operation.Encrypt,
      uid,
      work,
      discard: () => work.discard(),
      heldBytes: () => work.heldBytes,
    });
    const data = request.data ?? new Uint8Array(0);
    turn.count(stream, data.length);
    return encrypted(
      {
        uniqueIdentifier: uid,
        data: unlessEmpty(work.update(data)),
        ivCounterNonce: work.iv,
        correlationValue: stream.correlationValue,
      },
      context,
    );
  });
}

export function encryptOn(
  request: EncryptRequest,
  part: NextPart,
  { uid }: ManagedObject,
  context: RequestContext,
): LocalResult {
  refuseLateAad(request);
  return inTurn(context, (turn) => {
    const stream = turn.take(part.correlationValue, Operation.Encrypt, uid);
    const { work, correlationValue } = stream;
    const data = request.data ?? new Uint8Array(0);
    turn.count(stream, data.length);
    const out = work.update(data);
    if (!part.isLast) {
      return encrypted({ uniqueIdentifier: uid, data: unlessEmpty(out), correlationValue }, context);
    }
    turn.finish(stream);
    const { data: rest, tag } = work.final();
    const last = Buffer.concat([out, rest]);
    return encrypted(
      { uniqueIdentifier: uid, data: unlessEmpty(last), authenticatedEncryptionTag: tag },
      context,
    );
  });
}

export function beginDecrypt(
  key: SecretBytes,
  setup: CipherSetup,
  request: DecryptRequest,
  { uid }: ManagedObject,
  context: RequestContext,
): LocalResult {
  return inTurn(context, (turn) => {
    const work = decryptor(key, setup);
    const stream = turn.open({
      operation: Operation.Decrypt,
      uid,
      work: { decryptor: work, tag: request.authenticatedEncryptionTag },
      discard: () => work.discard(),
      heldBytes: () => work.heldBytes,
    });
    const data = request.data ?? new Uint8Array(0);
    turn.count(stream, data.length);
    const plain = context.lent.keep(work.update(data));
    return decrypted(
      { uniqueIdentifier: uid, data: unlessEmpty(plain), correlationValue: stream.correlationValue },
      context,
    );
  });
}

/** The tag belongs to the first part (§4.30); one that comes later is taken as well, once. */
export function decryptOn(
  request: DecryptRequest,
  part: NextPart,
  { uid }: ManagedObject,
  context: RequestContext,
): LocalResult {
  refuseLateAad(request);
  return inTurn(context, (turn) => {
    const stream = turn.take(part.correlationValue, Operation.Decrypt, uid);
    const { work, correlationValue } = stream;
    const data = request.data ?? new Uint8Array(0);
    turn.count(stream, data.length);
    work.tag ??= request.authenticatedEncryptionTag;
    const out = context.lent.keep(work.decryptor.update(data));
    if (!part.isLast) {
      return decrypted({ uniqueIdentifier: uid, data: unlessEmpty(out), correlationValue }, context);
    }
    turn.finish(stream);
    const rest = context.lent.keep(work.decryptor.final(work.tag));
    return decrypted({ uniqueIdentifier: uid, data: unlessEmpty(Buffer.concat([out, rest])) }, context);
  });
}

/** Data is optional in the parts of a stream only. @throws KmipError Missing Data */
export function dataOf({ data }: EncryptRequest | DecryptRequest, part: Part): Uint8Array {
  if (data === undefined && part.kind === 'whole') throw KmipError.missingData('Data is required');
  return data ?? new Uint8Array(0);
}

export function encrypted(
  response: ResponseOf<typeof Operation.Encrypt>,
  { version }: RequestContext,
): LocalResult {
  return { payload: operationSchemas[Operation.Encrypt].response.write(response, version) };
}

/** The data is zeroised with the end of the request. */
export function decrypted(
  response: ResponseOf<typeof Operation.Decrypt>,
  { lent, version }: RequestContext,
): LocalResult {
  if (response.data !== undefined) lent.keep(response.data);
  return { payload: operationSchemas[Operation.Decrypt].response.write(response, version) };
}

/** An error ends the stream, and so does a batch that is undone: a cipher has no way back. */
function inTurn<T>(context: RequestContext, work: (turn: StreamTurn) => T): T {
  const { services, staged } = context;
  if (staged !== undefined) return work(staged.turn(services.streams, streamOwner(context)));
  const turn = services.streams.turn(streamOwner(context));
  try {
    const result = work(turn);
    turn.settle();
    return result;
  } catch (error) {
    turn.abort();
    throw error;
  }
}

function unlessEmpty<T extends Uint8Array>(data: T): T | undefined {
  return data.length === 0 ? undefined : data;
}

function refuseLateAad({ authenticatedEncryptionAdditionalData }: EncryptRequest | DecryptRequest): void {
  if (authenticatedEncryptionAdditionalData === undefined) return;
  throw KmipError.invalidField('Authenticated Encryption Additional Data belongs to the first part');
}
