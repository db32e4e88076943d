// The server's side of Signature Version 4: who signed a request, or why nobody has. Headers alone, no presigned addresses.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

export interface AwsCredential {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

const MAX_SKEW_MS = 5 * 60_000;
const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, ?SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})$/;

/** The error that AWS names, or undefined when the signature holds. */
export function signatureError(
  request: IncomingMessage,
  body: Buffer,
  credentials: readonly AwsCredential[],
  scope: { readonly region: string; readonly service: string },
): { readonly name: string; readonly message: string } | undefined {
  const header = request.headers['authorization'];
  if (header === undefined)
    return { name: 'MissingAuthenticationTokenException', message: 'Missing Authentication Token' };
  const parts = AUTHORIZATION.exec(header);
  if (parts === null)
    return { name: 'IncompleteSignatureException', message: 'Authorization header is incomplete.' };
  const [, accessKeyId = '', day = '', region = '', service = '', signedHeaders = '', signature = ''] = parts;
  const credential = credentials.find((each) => each.accessKeyId === accessKeyId);
  if (credential === undefined)
    return {
      name: 'UnrecognizedClientException',
      message: 'The security token included in the request is invalid.',
    };
  const date = String(request.headers['x-amz-date'] ?? '');
  const at = Date.parse(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
  if (!(Math.abs(Date.now() - at) < MAX_SKEW_MS) || !date.startsWith(day))
    return { name: 'InvalidSignatureException', message: 'Signature expired or not yet valid' };
  if (region !== scope.region || service !== scope.service)
    return {
      name: 'InvalidSignatureException',
      message: `Credential should be scoped to a valid region, not '${region}'.`,
    };
  const url = new URL(request.url ?? '/', 'http://any');
  const canonical = [
    request.method,
    url.pathname,
    '',
    ...signedHeaders.split(';').map(
      (name) =>
        `${name}:${String(request.headers[name] ?? '')
          .trim()
          .replaceAll(/ +/g, ' ')}`,
    ),
    '',
    signedHeaders,
    sha256(body),
  ].join('\n');
  const toSign = [
    'AWS4-HMAC-SHA256',
    date,
    `${day}/${region}/${service}/aws4_request`,
    sha256(canonical),
  ].join('\n');
  const key = [day, region, service, 'aws4_request'].reduce<Buffer | string>(
    (secret, part) => hmac(secret, part),
    `AWS4${credential.secretAccessKey}`,
  );
  const expected = hmac(key, toSign);
  return timingSafeEqual(expected, Buffer.from(signature, 'hex'))
    ? undefined
    : {
        name: 'InvalidSignatureException',
        message: 'The request signature we calculated does not match the signature you provided.',
      };
}

const sha256 = (data: Buffer | string): string => createHash('sha256').update(data).digest('hex');
const hmac = (key: Buffer | string, data: string): Buffer => createHmac('sha256', key).update(data).digest();
