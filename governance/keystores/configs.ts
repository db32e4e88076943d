/**
 * How each kind of keystore is configured; registry.ts opens them. A configuration holds no secret: where one is
 * needed it names a private file, which lies below the keystore directory (confinement.ts) and is read when it is used.
 */
import { type Static, type TSchema, Type } from 'typebox';

const closed = { additionalProperties: false } as const;
const text = (maxLength: number, description: string) =>
  Type.String({ minLength: 1, maxLength, pattern: '^[^\\p{Cc}\\p{Cs}\\p{Zl}\\p{Zp}]*$', description });
const file = (description: string) =>
  text(4096, `${description}; absolute, below the keystore directory of the configuration`);
const Authorities = Type.Optional(file('PEM of the authorities that are trusted instead of the usual ones'));
const Address = text(
  2048,
  'https://HOST[:PORT]; http on the loopback alone. Left out: the public address of the provider',
);

export const keystoreConfigs = {
  software: Type.Object({ path: file('The JSON file with the keys: for development') }, closed),
  'aws-kms': Type.Object(
    {
      region: Type.String({ pattern: '^[a-z0-9-]{1,64}$' }),
      endpoint: Type.Optional(Address),
      credentialsFile: Type.Optional(
        file(
          'JSON, mode 0600: accessKeyId, secretAccessKey, sessionToken if any. Left out: as the AWS SDK finds them',
        ),
      ),
      caFile: Authorities,
    },
    closed,
  ),
  'azure-key-vault': Type.Object(
    {
      vaultUrl: Address,
      service: Type.Enum(['vault', 'managed-hsm']),
      /** Of the Entra directory. */
      tenantId: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9.-]{1,128}$' })),
      clientId: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9-]{1,64}$' })),
      clientSecretFile: Type.Optional(
        file('Mode 0600. Left out, with tenantId and clientId: as the Azure SDK finds an identity'),
      ),
      authorityHost: Type.Optional(Address),
      caFile: Authorities,
    },
    closed,
  ),
  'google-kms': Type.Object(
    {
      keyRing: Type.String({
        pattern: '^projects/[A-Za-z0-9:.-]{1,64}/locations/[a-z0-9-]{1,63}/keyRings/[A-Za-z0-9_-]{1,63}$',
        description:
          'Where keys are made and imported, and by which CMK tells whether its own credential is good',
      }),
      protection: Type.Optional(Type.Enum(['SOFTWARE', 'HSM'])),
      endpoint: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9.-]{1,255}(:[0-9]{1,5})?$' })),
      credentialsFile: Type.Optional(
        file('Mode 0600, the JSON key of a service account. Left out: as the Google SDK finds credentials'),
      ),
      caFile: Authorities,
    },
    closed,
  ),
  openbao: Type.Object(
    {
      address: Address,
      mount: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$', maxLength: 128 })),
      namespace: Type.Optional(
        Type.String({ pattern: '^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$', maxLength: 128 }),
      ),
      tokenFile: file('Mode 0600, the token'),
      caFile: Authorities,
    },
    closed,
  ),
  pkcs11: Type.Object(
    {
      module: text(
        4096,
        "The vendor's PKCS#11 library; absolute. Its directory is allowed by the configuration of CMK",
      ),
      tokenLabel: text(32, 'Which token'),
      pinFile: file('Mode 0600, the PIN'),
    },
    closed,
  ),
} as const satisfies Record<string, TSchema>;

export type KeystoreKind = keyof typeof keystoreConfigs;
export type KeystoreConfig<K extends KeystoreKind> = Static<(typeof keystoreConfigs)[K]>;
export const keystoreKinds = Object.keys(keystoreConfigs) as KeystoreKind[];

/** Files that an operator has named, by field. `module` is not among them: it is code, and lies elsewhere. */
const FILES = ['path', 'credentialsFile', 'clientSecretFile', 'tokenFile', 'pinFile', 'caFile'] as const;
const ADDRESSES = ['endpoint', 'vaultUrl', 'authorityHost', 'address'] as const;

export const filesOf = (config: Readonly<Record<string, unknown>>): string[] =>
  FILES.flatMap((field) => (typeof config[field] === 'string' ? [config[field]] : []));

/** What others than its owner may see of it. */
export const withoutFiles = (config: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(config).filter(([field]) => !FILES.some((each) => each === field)));

/** Where the credential stands, for kinds whose SDK would otherwise find one of CMK's host. */
const CREDENTIALS: Readonly<Partial<Record<KeystoreKind, (typeof FILES)[number]>>> = {
  'aws-kms': 'credentialsFile',
  'azure-key-vault': 'clientSecretFile',
  'google-kms': 'credentialsFile',
};

/** Whether it brings a credential of its own. A tenant chooses where its keystore is: CMK's own would be lent to it there. */
export function bringsCredential(kind: KeystoreKind, config: Readonly<Record<string, unknown>>): boolean {
  const field = CREDENTIALS[kind];
  return field === undefined || config[field] !== undefined;
}

/**
 * Why an address of the configuration may not be called; undefined when all may be. A tenant's keystore is never on CMK's
 * own host, where CMK would reach what the tenant cannot.
 */
export function addressProblem(
  kind: KeystoreKind,
  config: Readonly<Record<string, unknown>>,
  allow: { readonly loopback: boolean },
): string | undefined {
  for (const field of ADDRESSES) {
    const value = config[field];
    if (typeof value !== 'string') continue;
    // Google's is host and port, and always called by TLS.
    const url = URL.parse(kind === 'google-kms' ? `https://${value}` : value);
    if (url === null) return `${field} is no address`;
    if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '')
      return `${field} holds more than an address`;
    if (isLoopback(url.hostname)) {
      if (!allow.loopback) return `${field} is on the host of CMK`;
    } else if (url.protocol !== 'https:') return `${field} is not https`;
    if (url.protocol !== 'https:' && url.protocol !== 'http:') return `${field} is not https`;
  }
  return undefined;
}

/** As an address says it; a name that resolves to this host is the resolver's doing. */
export const isLoopback = (hostname: string): boolean =>
  hostname === 'localhost' ||
  hostname.endsWith('.localhost') ||
  hostname === '[::1]' ||
  /^127\./.test(hostname);
