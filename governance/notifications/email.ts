/** Sends one notification by mail. The library is loaded when the first mail is sent: most installations send none. */
import { hostname } from 'node:os';
import { errorCode } from '../../platform/errors.ts';
import { NOTIFICATION_TIMEOUT_MS } from '../limits.ts';
import { DeliveryError } from './addresses.ts';
import type { SmtpSettings } from './settings.ts';

export interface Mail {
  /** The same however often it is sent. */
  readonly id: string;
  readonly to: readonly string[];
  readonly subject: string;
  readonly text: string;
}

/** Errors: DeliveryError with a short code, such as SMTP_550, EAUTH, ECONNECTION. */
export async function sendMail(smtp: SmtpSettings, mail: Mail): Promise<void> {
  const { createTransport } = await import('nodemailer');
  const transport = createTransport({
    host: smtp.host,
    port: smtp.port,
    secure: smtp.tls === 'implicit',
    requireTLS: smtp.tls === 'starttls',
    ignoreTLS: smtp.tls === 'none',
    ...(smtp.login === undefined ? {} : { auth: { user: smtp.login.user, pass: smtp.login.password } }),
    connectionTimeout: NOTIFICATION_TIMEOUT_MS,
    greetingTimeout: NOTIFICATION_TIMEOUT_MS,
    socketTimeout: NOTIFICATION_TIMEOUT_MS,
    // A mail is text that we have written: nothing in it is to be fetched from anywhere.
    disableFileAccess: true,
    disableUrlAccess: true,
    logger: false,
  });
  try {
    await transport.sendMail({
      from: smtp.from,
      to: [...mail.to],
      subject: mail.subject,
      text: mail.text,
      messageId: `<${mail.id}@${hostname()}>`,
      headers: { 'auto-submitted': 'auto-generated' },
      xMailer: false,
    });
  } catch (error) {
    const status: unknown = error instanceof Error ? Reflect.get(error, 'responseCode') : undefined;
    throw new DeliveryError(typeof status === 'number' ? `SMTP_${status}` : (errorCode(error) ?? 'FAILED'));
  } finally {
    transport.close();
  }
}
