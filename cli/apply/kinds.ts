/**
 * The declarations, as TypeBox schemas: by these they are validated, typed, and described to editors (schema.ts). Where the
 * REST API has a schema for a field, it is that one (governance/api/schemas.ts), so that both refuse the same.
 */
import { type Static, type TObject, type TProperties, type TSchema, Type } from 'typebox';
import {
  closed,
  freeText,
  Name,
  NewApplication,
  NewTenant,
  nullable,
  RotateAfter,
} from '../../governance/api/schemas.ts';
import { type KeystoreKind, keystoreConfigs, keystoreKinds } from '../../governance/keystores/configs.ts';
import { MAX_REFERENCE_LENGTH } from '../../governance/keystores/provider.ts';
import { MAX_APPROVALS, MAX_APPROVERS, MAX_GROUPS_PER_RULE } from '../../governance/limits.ts';
import type { Kind } from './things.ts';

export const API_VERSION = 'openkcm.io/v1';

const Metadata = {
  global: Type.Object({ name: Name }, closed),
  either: Type.Object(
    {
      name: Name,
      tenant: Type.Optional({ ...Name, description: 'Whose it is; left out: everybody’s' }),
    },
    closed,
  ),
  ofTenant: Type.Object({ name: Name, tenant: Name }, closed),
};

const document = <K extends Kind, M extends TSchema, S extends TSchema>(
  kind: K,
  metadata: M,
  spec: S,
  description: string,
) =>
  Type.Object(
    { apiVersion: Type.Literal(API_VERSION), kind: Type.Literal(kind), metadata, spec },
    { ...closed, title: kind, description },
  );
const spec = <P extends TProperties>(properties: P): TObject<P> => Type.Object(properties, closed);

const CertificateFile = Type.String({
  minLength: 1,
  maxLength: 1024,
  description: 'PEM, one certificate; a path from the folder of this file, and not out of what is applied',
});
const Description = freeText({ maxLength: 256 });
const Rotation = nullable(Type.Union([RotateAfter, Type.Literal(0)]));

/** One variant for each kind of keystore, of which the API's own schema checks the configuration. */
const keystoreSpecs = keystoreKinds.map((kind) =>
  Type.Object({ kind: Type.Literal(kind), config: keystoreConfigs[kind] as TObject }, closed),
);
interface KeystoreSpec {
  readonly kind: KeystoreKind;
  readonly config: Readonly<Record<string, unknown>>;
}
/** The variant for a kind of keystore, by which its mistakes are told; undefined for a kind that there is not. */
export const keystoreSpecOf = (kind: unknown): TObject | undefined =>
  keystoreSpecs[keystoreKinds.indexOf(kind as KeystoreKind)];

export const schemas = {
  Issuer: document(
    'Issuer',
    { ...Metadata.global, description: 'The name is for people: CMK knows an issuer by its key' },
    spec({ certificateFile: CertificateFile }),
    'A certificate authority that every region trusts',
  ),
  Keystore: document(
    'Keystore',
    Metadata.either,
    Type.Unsafe<KeystoreSpec>(Type.Union(keystoreSpecs)),
    'Where L1 keys lie. Its configuration names files with secrets on the host of CMK, and holds none',
  ),
  Tenant: document(
    'Tenant',
    Metadata.global,
    spec({
      displayName: NewTenant.properties.displayName,
      regions: NewTenant.properties.regions,
      policy: NewTenant.properties.policy,
      provision: NewTenant.properties.provision,
      rotateLinkAfterSeconds: Type.Optional({
        ...nullable(RotateAfter),
        description: 'How old the secret of its link may become; null: it is not rotated by itself',
      }),
      rotateKeyAfterSeconds: Type.Optional({
        ...Rotation,
        description:
          'How old its tenant key (L2) may become; 0: never rotated; null: as regions do by default',
      }),
    }),
    'A customer, with keys of its own in each of its regions',
  ),
  ApproverGroup: document(
    'ApproverGroup',
    Metadata.ofTenant,
    spec({
      members: Type.Array(freeText({ minLength: 1, maxLength: 320 }), {
        minItems: 1,
        maxItems: MAX_APPROVERS,
        description: 'As roles and the audit log name them',
      }),
    }),
    'Who may approve where a rule names the group',
  ),
  ApprovalRule: document(
    'ApprovalRule',
    { ...Metadata.ofTenant, description: 'The name is the action, or "any"' },
    spec({
      approvals: Type.Integer({ minimum: 1, maximum: MAX_APPROVALS }),
      groups: Type.Optional(Type.Array(Name, { maxItems: MAX_GROUPS_PER_RULE })),
    }),
    'How many of whom have to approve an action',
  ),
  Service: document(
    'Service',
    Metadata.ofTenant,
    spec({
      rotateAfterSeconds: Type.Optional({
        ...Rotation,
        description: 'How old its key (L3) may become; 0: never rotated; null: as regions do by default',
      }),
    }),
    'What applications belong to; it has a key of its own in every region',
  ),
  KeyConfiguration: document(
    'KeyConfiguration',
    Metadata.ofTenant,
    spec({ description: Type.Optional(Description) }),
    'L1 keys that may take each other’s place; keys say themselves which one they are in',
  ),
  Key: document(
    'Key',
    { ...Metadata.ofTenant, description: 'The name is the alias of the key' },
    spec({
      keystore: Name,
      reference: Type.Optional(
        freeText({
          minLength: 1,
          maxLength: MAX_REFERENCE_LENGTH,
          description: 'Of a key that is there, as the keystore calls it',
        }),
      ),
      create: Type.Optional(Type.Literal(true, { description: 'Have the keystore make the key, once' })),
      keyConfiguration: Type.Optional({ ...Name, description: 'Left out: default' }),
      primary: Type.Optional(
        Type.Literal(true, { description: 'It is the primary key of its configuration' }),
      ),
    }),
    'A reference to an L1 key in a keystore; either reference or create',
  ),
  Link: document(
    'Link',
    { ...Metadata.global, description: 'The name is the tenant’s' },
    spec({
      key: { ...Name, description: 'The alias of one of the tenant’s keys' },
      drillTarget: NewApplication.properties.drillTarget,
    }),
    'By which L1 key the tenant’s keys open in every region',
  ),
  Workspace: document(
    'Workspace',
    Metadata.ofTenant,
    spec({
      displayName: Type.Optional(freeText({ minLength: 1, maxLength: 128 })),
      externalId: Type.Optional(freeText({ minLength: 1, maxLength: 255 })),
      services: Type.Optional(Type.Array(Name, { maxItems: 1000 })),
    }),
    'A place on the customer’s platform, and the services that live there',
  ),
  System: document(
    'System',
    Metadata.ofTenant,
    spec({
      kind: freeText({ minLength: 1, maxLength: 64, description: 'What sort of system it is' }),
      externalId: freeText({ minLength: 1, maxLength: 256, description: 'How the customer knows it' }),
      service: Type.Optional(nullable(Name)),
      keyConfiguration: Type.Optional(nullable(Name)),
    }),
    'What a customer runs, and the key configuration that it stands on',
  ),
  Application: document(
    'Application',
    Metadata.ofTenant,
    spec({
      services: NewApplication.properties.services,
      operations: NewApplication.properties.operations,
      certificateFile: CertificateFile,
      drillTarget: NewApplication.properties.drillTarget,
    }),
    'A program that uses keys over KMIP, known by the key of its certificate',
  ),
} as const satisfies Record<Kind, TSchema>;

export type Document = { [K in Kind]: Static<(typeof schemas)[K]> }[Kind];
export type DocumentOf<K extends Kind> = Static<(typeof schemas)[K]>;
