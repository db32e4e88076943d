/**
 * Sends one notification to a webhook, signed as Standard Webhooks (https://www.standardwebhooks.com) has it: HMAC-SHA256
 * over id, time and body, so that a receiver knows who sent it, that it is fresh, and whether it was had before.
 */
import { createHmac } from 'node:crypto';
import { request as requestHttps } from 'node:https';
import { isIP } from 'node:net';
import { withDeadline } from '../../platform/backoff.ts';
import { errorCode } from '../../platform/errors.ts';
import { request as requestHttp } from '../../platform/http.ts';
import { NOTIFICATION_TIMEOUT_MS } from '../limits.ts';
import { checkedAddress, DeliveryError, hostOf } from './addresses.ts';
import type { NotificationSettings } from './settings.ts';

export interface Envelope {
  /** The same however often it is sent. */
  readonly id: string;
  readonly body: string;
}

/** How receivers are given the secret, and how they hand it to a library that verifies. */
export const secretText = (secret: Uint8Array): string => `whsec_${Buffer.from(secret).toString('base64')}`;

/** `timestamp` in seconds since the epoch. */
export function signatureOf(secret: Uint8Array, { id, body }: Envelope, timestamp: number): string {
  return `v1,${createHmac('sha256', secret).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
}

/** Why the address will never be delivered to; undefined where it may. A name is looked up when something is sent. */
export function whyRefused(address: string, settings: NotificationSettings): string | undefined {
  let url: URL;
  try {
    url = new URL(address);
  } catch {
    return 'it is no URL';
  }
  if (url.protocol !== 'https:' && !(settings.http && url.protocol === 'http:')) return 'it is not https';
  if (url.username !== '' || url.password !== '') return 'it holds a user name or password';
  const host = hostOf(url);
  if (isIP(host) !== 0 && !settings.guard.permits(host)) return `${host} may not be reached from here`;
  return undefined;
}

/**
 * Resolves once the receiver has answered 2xx. Redirects are not followed: what they lead to was not checked.
 * Errors: DeliveryError with a short code, such as HTTP_500, TIMEOUT, ADDRESS_REFUSED, ECONNREFUSED.
 */
export async function postWebhook(
  address: string,
  envelope: Envelope,
  secret: Uint8Array,
  settings: NotificationSettings,
): Promise<void> {
  if (whyRefused(address, settings) !== undefined) throw new DeliveryError('ADDRESS_REFUSED');
  const url = new URL(address);
  try {
    await withDeadline(NOTIFICATION_TIMEOUT_MS, 'a webhook', async (signal) => {
      const host = await checkedAddress(hostOf(url), settings.guard);
      const status = await post(url, host, envelope, secret, signal);
      if (status < 200 || status > 299) throw new DeliveryError(`HTTP_${status}`);
    });
  } catch (error) {
    if (error instanceof DeliveryError) throw error;
    const code = errorCode(error) ?? 'FAILED';
    throw new DeliveryError(code === 'DEADLINE_EXCEEDED' ? 'TIMEOUT' : code);
  }
}

function post(
  url: URL,
  host: string,
  envelope: Envelope,
  secret: Uint8Array,
  signal: AbortSignal,
): Promise<number> {
  const timestamp = Math.floor(Date.now() / 1000);
  const request = url.protocol === 'https:' ? requestHttps : requestHttp;
  const name = hostOf(url);
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        method: 'POST',
        // The address that was checked; the certificate is still held against the name.
        host,
        ...(isIP(name) === 0 ? { servername: name } : {}),
        port: url.port === '' ? undefined : Number(url.port),
        path: `${url.pathname}${url.search}`,
        agent: false,
        signal,
        headers: {
          host: url.host,
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(envelope.body),
          'user-agent': 'OpenKCM',
          'webhook-id': envelope.id,
          'webhook-timestamp': String(timestamp),
          'webhook-signature': signatureOf(secret, envelope, timestamp),
        },
      },
      (response) => {
        resolve(response.statusCode ?? 0);
        // Nobody reads what the receiver says, however long it is.
        response.destroy();
      },
    );
    sent.on('error', reject);
    sent.end(envelope.body);
  });
}
