/** What each kind of keystore has to be told, and how it calls a key. */
import type { CreateKeystoreData } from '../../../../client/types.gen.ts';
import type { FieldSpec } from '../../design/fields.tsx';
import type { FormValues } from '../../design/form-values.ts';

export type NewKeystore = CreateKeystoreData['body'];
export type Kind = NewKeystore['kind'];

interface KindFacts {
  readonly title: string;
  readonly fields: readonly FieldSpec[];
  /** How a key is named there. */
  readonly reference: string;
}

const file = (name: string, label: string, hint: string, required = false): FieldSpec => ({
  name,
  label,
  hint: `${hint} On CMK’s machine, absolute, below its keystore directory; mode 0600.`,
  required,
});
const caFile: FieldSpec = {
  name: 'caFile',
  label: 'File of trusted authorities',
  hint: 'PEM. Left out: the usual ones.',
};
const text = (name: string, label: string, hint: string, required = false): FieldSpec => ({
  name,
  label,
  hint,
  required,
});

export const kinds: Readonly<Record<Kind, KindFacts>> = {
  'aws-kms': {
    title: 'AWS KMS',
    fields: [
      text('region', 'Region', 'Such as eu-west-1.', true),
      text('endpoint', 'Endpoint', 'Left out: the public one.'),
      file('credentialsFile', 'File of credentials', 'Left out: the machine’s own role.'),
      caFile,
    ],
    reference: 'ARN, id or alias of a symmetric key, such as alias/acme-l1',
  },
  'azure-key-vault': {
    title: 'Azure Key Vault',
    fields: [
      text('vaultUrl', 'Address of the vault', 'https://….vault.azure.net', true),
      {
        name: 'service',
        label: 'Service',
        kind: 'select',
        options: ['vault', 'managed-hsm'],
        required: true,
      },
      text('tenantId', 'Directory (tenant) id', 'Left out: a managed identity.'),
      text('clientId', 'Client id', 'With the two beside it.'),
      file('clientSecretFile', 'File of the client secret', 'With the two above.'),
      text('authorityHost', 'Authority host', 'Left out: the public one.'),
      caFile,
    ],
    reference: 'Name of the key, or its identifier without a version',
  },
  'google-kms': {
    title: 'Google Cloud KMS',
    fields: [
      text('keyRing', 'Key ring', 'projects/…/locations/…/keyRings/…', true),
      { name: 'protection', label: 'Protection', kind: 'select', options: ['SOFTWARE', 'HSM'] },
      text('endpoint', 'Endpoint', 'Left out: the public one.'),
      file('credentialsFile', 'File of credentials', 'Left out: the machine’s own identity.'),
      caFile,
    ],
    reference: 'projects/…/cryptoKeys/NAME of a symmetric key',
  },
  openbao: {
    title: 'OpenBao or Vault',
    fields: [
      text('address', 'Address', 'https://HOST:PORT', true),
      text('mount', 'Mount', 'Of the transit engine. Left out: transit.'),
      text('namespace', 'Namespace', 'Where there are some.'),
      file('tokenFile', 'File of the token', 'The token alone.', true),
      caFile,
    ],
    reference: 'Name of a transit key',
  },
  pkcs11: {
    title: 'PKCS#11 token or HSM',
    fields: [
      text(
        'module',
        'Library',
        'The vendor’s, absolute; its directory is allowed by CMK’s configuration.',
        true,
      ),
      text('tokenLabel', 'Label of the token', 'Which token.', true),
      file('pinFile', 'File of the PIN', 'The PIN alone.', true),
    ],
    reference: 'PKCS#11 URI with id or object, such as pkcs11:object=acme-l1',
  },
  software: {
    title: 'Software, for development alone',
    fields: [file('path', 'File', 'Where the keys lie.', true)],
    reference: 'Id in the file',
  },
};

export const kindNames = Object.keys(kinds) as readonly Kind[];
export const isKind = (name: string): name is Kind => Object.hasOwn(kinds, name);

/** CMK checks it against the schema of the kind; here it is put together from the fields that were filled in. */
export function newKeystoreOf(values: FormValues): NewKeystore {
  const kind = values.text('kind');
  if (!isKind(kind)) throw new Error(`there is no kind ${kind}`);
  const config = Object.fromEntries(
    kinds[kind].fields.flatMap(({ name }) => {
      const value = values.optional(name);
      return value === undefined ? [] : [[name, value]];
    }),
  );
  return { name: values.text('name'), kind, config } as unknown as NewKeystore;
}
