/**
 * A server made with the kit: AES keys in memory, for nobody but itself to lose. What a real one adds is everything that
 * the kit does not know: who may ask, where keys are kept, in which states they may be used.
 */
import { createCipheriv, createDecipheriv, randomBytes, randomUUID } from 'node:crypto';
import type { Server as HttpsServer } from 'node:https';
import { createServer, type Server, type TlsOptions } from 'node:tls';
import {
  answerAnyVersion,
  decodeRequest,
  encodeResponse,
  failedItem,
  KmipError,
  Operation,
  operationName,
  operationSchemas,
  type RequestItem,
  type RequestOf,
  type ResponseOf,
  responseHeaderFor,
  SUPPORTED_VERSIONS,
  serveKmip,
  serveKmipHttps,
  successItem,
  type Ttlv,
  type Version,
} from '../index.ts';
import { greeting } from './own-operation.ts';

let greeted = 0;
const keys = new Map<string, Uint8Array>();

/** From a request to its answer. A failed operation is an answer too. */
export function answer(request: Uint8Array): Uint8Array {
  const { header, items } = decodeRequest(request);
  const answers = items.map((item) => {
    try {
      return successItem(item, run(item, header.protocolVersion));
    } catch (error) {
      return failedItem(item, error);
    }
  });
  return encodeResponse({ header: responseHeaderFor(header, nowS(), answers.length), items: answers });
}

/** TTLV over TLS, for clients of KMIP 1 and 2. */
export function serveTls(tls: TlsOptions): Server {
  return createServer({ ...tls, allowHalfOpen: true }, (socket) => {
    serveKmip(socket, { handle: (request) => answerAnyVersion(request, answer) });
  });
}

/** The same over HTTPS, in TTLV, XML or JSON. */
export function serveHttps(tls: TlsOptions): HttpsServer {
  return serveKmipHttps(tls, { handle: (request) => answerAnyVersion(request, answer) });
}

/** The payload of the answer. What is thrown becomes the reason and message of a failed item. */
function run({ operation, payload }: RequestItem, version: Version): Ttlv {
  switch (operation) {
    case Operation.Create: {
      const { request, response } = operationSchemas[operation];
      return response.write(create(request.read(payload, version)), version);
    }
    case Operation.Encrypt: {
      const { request, response } = operationSchemas[operation];
      return response.write(encrypt(request.read(payload, version)), version);
    }
    case Operation.Decrypt: {
      const { request, response } = operationSchemas[operation];
      return response.write(decrypt(request.read(payload, version)), version);
    }
    case greeting.operation: {
      greeting.request.read(payload, version);
      return greeting.response.write({ count: ++greeted }, version);
    }
    case Operation.DiscoverVersions:
      return operationSchemas[operation].response.write({ protocolVersion: SUPPORTED_VERSIONS }, version);
    default:
      throw KmipError.operationNotSupported(`${operationName(operation)} is not served here`);
  }
}

function create({ objectType }: RequestOf<typeof Operation.Create>): ResponseOf<typeof Operation.Create> {
  const uniqueIdentifier = randomUUID();
  keys.set(uniqueIdentifier, randomBytes(32));
  return { objectType, uniqueIdentifier };
}

function encrypt(request: RequestOf<typeof Operation.Encrypt>): ResponseOf<typeof Operation.Encrypt> {
  const { uniqueIdentifier, key } = keyOf(request.uniqueIdentifier);
  const ivCounterNonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, ivCounterNonce);
  const data = Buffer.concat([cipher.update(request.data ?? new Uint8Array()), cipher.final()]);
  return { uniqueIdentifier, data, ivCounterNonce, authenticatedEncryptionTag: cipher.getAuthTag() };
}

function decrypt(request: RequestOf<typeof Operation.Decrypt>): ResponseOf<typeof Operation.Decrypt> {
  const { uniqueIdentifier, key } = keyOf(request.uniqueIdentifier);
  const { ivCounterNonce, authenticatedEncryptionTag: tag } = request;
  if (ivCounterNonce === undefined || tag?.length !== 16)
    throw KmipError.missingData('nonce and tag are needed');
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, ivCounterNonce, { authTagLength: 16 });
    decipher.setAuthTag(tag);
    const data = Buffer.concat([decipher.update(request.data ?? new Uint8Array()), decipher.final()]);
    return { uniqueIdentifier, data };
  } catch {
    throw KmipError.cryptographicFailure('the data is not what was encrypted under this key');
  }
}

function keyOf(uniqueIdentifier: string | undefined): { uniqueIdentifier: string; key: Uint8Array } {
  const key = uniqueIdentifier === undefined ? undefined : keys.get(uniqueIdentifier);
  if (uniqueIdentifier === undefined || key === undefined) {
    throw KmipError.itemNotFound('no object has this unique identifier');
  }
  return { uniqueIdentifier, key };
}

const nowS = (): number => Math.floor(Date.now() / 1000);
