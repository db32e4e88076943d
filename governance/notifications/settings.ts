/**
 * How this installation sends notifications, read from its configuration once. Whoever runs CMK decides where tenants may
 * have it connect to: a webhook is a request that a tenant makes from inside our network.
 */
import { createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';
import { type Static, Type } from 'typebox';
import { readPrivate } from '../../platform/config-file.ts';
import { OkcmError } from '../../platform/errors.ts';
import { type AddressGuard, guardOf } from './addresses.ts';

const closed = { additionalProperties: false } as const;
const Path = Type.String({ minLength: 1, maxLength: 4096 });
/** An address and a prefix length, such as `10.20.0.0/16` or `fd00::/8`. */
const Network = Type.String({ pattern: '^[0-9A-Fa-f.:]{2,45}/[0-9]{1,3}$' });

export const NotificationsConfig = Type.Object(
  {
    /** A private file with at least 32 random characters: every webhook's secret is derived from it. */
    keyFile: Path,
    webhooks: Type.Optional(
      Type.Object(
        {
          /** Networks that webhooks may reach although they are not on the public internet. Default: none. */
          allow: Type.Optional(Type.Array(Network, { maxItems: 64 })),
          /** Whether plain http is accepted, too: bodies are signed, and not encrypted then. Default: false. */
          http: Type.Optional(Type.Boolean()),
        },
        closed,
      ),
    ),
    /** The server that takes our mail; left out: no mail is sent. */
    smtp: Type.Optional(
      Type.Object(
        {
          host: Type.String({ minLength: 1, maxLength: 255 }),
          port: Type.Integer({ minimum: 1, maximum: 65_535 }),
          /** `starttls` is demanded, not tried. `none` is for a server on this machine. */
          tls: Type.Enum(['implicit', 'starttls', 'none']),
          from: Type.String({ pattern: '^[^\\s<>,;:"()\\\\@]{1,64}@[A-Za-z0-9.-]{1,255}$' }),
          user: Type.Optional(Type.String({ minLength: 1, maxLength: 255 })),
          /** A private file with the password of `user`. */
          passwordFile: Type.Optional(Path),
        },
        closed,
      ),
    ),
  },
  closed,
);
export type NotificationsConfig = Static<typeof NotificationsConfig>;

export interface SmtpSettings {
  readonly host: string;
  readonly port: number;
  readonly tls: 'implicit' | 'starttls' | 'none';
  readonly from: string;
  readonly login: { readonly user: string; readonly password: string } | undefined;
}

export interface NotificationSettings {
  readonly guard: AddressGuard;
  readonly http: boolean;
  readonly smtp: SmtpSettings | undefined;
  /** The secret of a webhook (32 bytes), the caller's to wipe. */
  secretOf(channel: { readonly id: string; readonly generation: number }): Uint8Array;
}

const MIN_KEY_LENGTH = 32;
const SECRET_BYTES = 32;

/** Errors: those of readPrivate, and NOTIFICATION_KEY_INVALID. */
export async function readNotificationSettings(config: NotificationsConfig): Promise<NotificationSettings> {
  const key = await readKey(config.keyFile);
  const { smtp } = config;
  return {
    guard: guardOf(config.webhooks?.allow ?? []),
    http: config.webhooks?.http ?? false,
    smtp: smtp === undefined ? undefined : { ...smtp, login: await loginOf(smtp) },
    // Derived instead of stored: a copy of the database signs nothing (NIST SP 800-56C, HKDF as of RFC 5869).
    secretOf: ({ id, generation }) =>
      new Uint8Array(hkdfSync('sha256', key, '', `openkcm webhook v1 ${id} ${generation}`, SECRET_BYTES)),
  };
}

async function readKey(path: string): Promise<KeyObject> {
  const text = (await readPrivate(path)).trim();
  if (text.length < MIN_KEY_LENGTH)
    throw new OkcmError('NOTIFICATION_KEY_INVALID', `${path}: fewer than ${MIN_KEY_LENGTH} characters`, {
      hint: 'Write 32 random bytes in base64 into it: openssl rand -base64 32.',
    });
  return createSecretKey(text, 'utf8');
}

async function loginOf({
  user,
  passwordFile,
}: NonNullable<NotificationsConfig['smtp']>): Promise<SmtpSettings['login']> {
  if (user === undefined || passwordFile === undefined) return undefined;
  return { user, password: (await readPrivate(passwordFile)).trim() };
}
