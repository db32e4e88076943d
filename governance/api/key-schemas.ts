/** The shapes of keystores and L1 keys in the REST API. */
import { type TSchema, Type } from 'typebox';
import { importAlgorithms, MAX_WRAPPED_BYTES } from '../../platform/key-wrap.ts';
import { type KeystoreKind, keystoreConfigs } from '../keystores/configs.ts';
import { keyStates, MAX_REFERENCE_LENGTH } from '../keystores/provider.ts';
import { closed, freeText, Instant, Name, nullable } from './schemas.ts';

const Text = Type.String();

export const KeyPath = Type.Object({ tenant: Name, alias: Name }, closed);

const keystore = <K extends KeystoreKind, C extends TSchema>(kind: K, config: C) =>
  Type.Object(
    {
      name: Name,
      kind: Type.Literal(kind),
      config,
    },
    closed,
  );
export const NewKeystore = Type.Union([
  keystore('software', keystoreConfigs.software),
  keystore('aws-kms', keystoreConfigs['aws-kms']),
  keystore('azure-key-vault', keystoreConfigs['azure-key-vault']),
  keystore('google-kms', keystoreConfigs['google-kms']),
  keystore('openbao', keystoreConfigs.openbao),
  keystore('pkcs11', keystoreConfigs.pkcs11),
]);
export const Keystore = Type.Object(
  {
    name: Text,
    kind: Text,
    config: Type.Record(Text, Type.Unknown()),
    tenant: nullable(Text),
    createdAt: Instant,
  },
  closed,
);

export const NewKey = Type.Object(
  {
    alias: Name,
    keystore: Name,
    reference: Type.Optional(
      freeText({
        minLength: 1,
        maxLength: MAX_REFERENCE_LENGTH,
        description:
          'An ARN or alias, a key identifier, a resource name, a PKCS#11 URI: as the keystore calls it',
      }),
    ),
    create: Type.Optional(Type.Literal(true, { description: 'Have the keystore make the key' })),
    keyConfiguration: Type.Optional(Name),
  },
  closed,
);

const State = Type.Enum(Object.keys(keyStates) as (keyof typeof keyStates)[]);
const stateFields = {
  state: State,
  means: Type.String({ description: 'The state in words' }),
  stateSince: Instant,
  checkedAt: Type.String({ description: 'When the provider last gave a clear answer' }),
  lastEnabledAt: nullable(Instant),
  warning: nullable(
    Type.Object(
      { state: State, means: Text, since: Instant },
      { ...closed, description: 'Why CMK hears nothing clear of the key; changes nothing of its state' },
    ),
  ),
  mend: nullable(Type.Object({ by: Type.Enum(['customer', 'operator', 'time']), how: Text }, closed)),
};
export const Key = Type.Object(
  {
    alias: Text,
    keystore: Text,
    reference: Type.String({ description: "The provider's own name of the key" }),
    named: nullable(Type.String({ description: 'What it was registered by, where that is another name' })),
    origin: Type.Enum(['reference', 'created', 'imported']),
    version: nullable(Text),
    keyConfiguration: nullable(Text),
    primary: Type.Boolean({ description: 'It is the primary key of its key configuration' }),
    ...stateFields,
    provedAt: nullable(Instant),
    createdAt: Instant,
  },
  closed,
);
export const KeyTrouble = Type.Object(
  { tenant: Text, alias: Text, keystore: Text, kind: Text, ...stateFields },
  closed,
);

export const NewImport = Type.Object({ keystore: Name }, closed);
export const Import = Type.Object(
  {
    alias: Text,
    keystore: Text,
    reference: Text,
    algorithm: Type.Enum(importAlgorithms, {
      description: 'RSA_AES_KEY_WRAP_…: a fresh AES-256 key by RSA-OAEP, then the material by it (RFC 5649)',
    }),
    material: Type.Enum(['AES_256', 'RSA_PKCS8'], { description: '32 bytes, or an RSA private key in DER' }),
    publicKey: Type.String({ description: 'RSA, SubjectPublicKeyInfo PEM' }),
    expiresAt: Instant,
  },
  closed,
);
export const Upload = Type.Object(
  {
    wrapped: Type.String({
      pattern: '^[A-Za-z0-9+/]+={0,2}$',
      maxLength: Math.ceil(MAX_WRAPPED_BYTES / 3) * 4,
      description: 'The wrapped material, base64',
    }),
  },
  closed,
);
