// A local double of AWS KMS: its JSON protocol (X-Amz-Target: TrentService.…), signatures verified, real AES-256-GCM bound
// to key and encryption context, the states of keys and what each forbids, imports under RSA-OAEP with tokens that expire.
// aws-kms-model.py holds it to botocore's service model.
//
// Covered: CreateKey, DescribeKey, ListKeys, GenerateDataKey, Encrypt, Decrypt, CreateAlias, EnableKey, DisableKey,
// ScheduleKeyDeletion, CancelKeyDeletion, GetParametersForImport, ImportKeyMaterial, DeleteImportedKeyMaterial.
// Not covered: grants, policies in JSON (console.forbid stands for one), asymmetric and HMAC keys, multi-Region keys,
// custom key stores, rotation.
import { randomBytes } from 'node:crypto';
import { AwsKmsEngine, KmsException } from './aws-kms-engine.ts';
import { type AwsCredential, signatureError } from './aws-signature.ts';
import { startFakeServer } from './fake-server.ts';

export interface FakeAwsKms {
  readonly url: string;
  readonly region: string;
  /** Who may use keys, as long as their owner lets them. */
  readonly cmk: AwsCredential;
  /** The owner of the keys. */
  readonly customer: AwsCredential;
  /** What the owner does at the console. */
  readonly console: {
    createKey(): string;
    disable(key: string): void;
    enable(key: string): void;
    scheduleDeletion(key: string): void;
    /** Of a key whose material was imported. */
    deleteMaterial(key: string): void;
    /** The waiting period of a scheduled deletion is over. */
    purge(key: string): void;
    /** The key's policy no longer allows CMK anything. */
    forbid(key: string): void;
    /** It may do everything but this, such as Decrypt. */
    forbidOnly(key: string, operation: string): void;
    allow(key: string): void;
    pointAlias(alias: string, key: string): void;
  };
  /** CMK's credential is no longer one. */
  revokeCredential(): void;
  /** Answers so many requests with a ThrottlingException. */
  throttle(requests: number): void;
  /** Operations that were asked since the start. */
  readonly asked: string[];
  cutOff(): void;
  reconnect(): void;
  close(): Promise<void>;
}

const REGION = 'eu-west-1';

const credential = (prefix: string): AwsCredential => ({
  accessKeyId: `${prefix}${randomBytes(8).toString('hex').toUpperCase()}`,
  secretAccessKey: randomBytes(30).toString('base64'),
});

export async function startAwsKms(): Promise<FakeAwsKms> {
  const [cmk, customer] = [credential('AKIACMK'), credential('AKIACUST')];
  const engine = new AwsKmsEngine(REGION, cmk.accessKeyId);
  const asked: string[] = [];
  let known = [cmk, customer];
  let throttled = 0;

  const server = await startFakeServer((request, body, response) => {
    const requestId = crypto.randomUUID();
    const send = (status: number, answer: object): void => {
      response
        .writeHead(status, { 'content-type': 'application/x-amz-json-1.1', 'x-amzn-requestid': requestId })
        .end(JSON.stringify(answer));
    };
    try {
      const target = String(request.headers['x-amz-target'] ?? '');
      const operation = /^TrentService\.([A-Za-z]+)$/.exec(target)?.[1];
      if (request.method !== 'POST' || operation === undefined)
        throw new KmsException('UnknownOperationException', 'no such operation');
      const refusal = signatureError(request, body, known, { region: REGION, service: 'kms' });
      if (refusal !== undefined) throw new KmsException(refusal.name, refusal.message);
      asked.push(operation);
      if (throttled > 0) {
        throttled -= 1;
        throw new KmsException('ThrottlingException', 'Rate exceeded');
      }
      const caller = /Credential=([^/]+)/.exec(request.headers['authorization'] ?? '')?.[1] ?? '';
      send(200, engine.handle(operation, caller, parse(body)));
    } catch (error) {
      if (!(error instanceof KmsException)) throw error;
      send(error.status, { __type: error.name, message: error.message });
    }
  });

  return {
    url: server.url,
    region: REGION,
    cmk,
    customer,
    console: {
      createKey: () => engine.createKey('AWS_KMS'),
      disable: (key) => engine.setState(key, 'Disabled'),
      enable: (key) => engine.setState(key, 'Enabled'),
      scheduleDeletion: (key) => engine.setState(key, 'PendingDeletion'),
      deleteMaterial: (key) =>
        void engine.handle('DeleteImportedKeyMaterial', customer.accessKeyId, { KeyId: key }),
      purge: (key) => engine.purge(key),
      forbid: (key) => engine.setAllowed(key, false),
      forbidOnly: (key, operation) => engine.deny(key, operation),
      allow: (key) => engine.setAllowed(key, true),
      pointAlias: (alias, key) => engine.pointAlias(alias, key),
    },
    revokeCredential: () => {
      known = [customer];
    },
    throttle: (requests) => {
      throttled = requests;
    },
    asked,
    cutOff: server.cutOff,
    reconnect: server.reconnect,
    close: server.close,
  };
}

function parse(body: Buffer): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    if (typeof value === 'object' && value !== null) return { ...value };
  } catch {
    // Said below.
  }
  throw new KmsException('SerializationException', 'the body is no JSON object');
}
