/** The declarations of a folder, validated, held against one another, and in the form in which they are compared. */
import { X509Certificate } from 'node:crypto';
import { dirname, resolve } from 'node:path';
import { errorMessage } from '../../platform/errors.ts';
import { keyFingerprint } from '../../platform/tls-identity.ts';
import { CliError } from '../errors.ts';
import { type Mistake, type ReadDocument, readDocuments } from './documents.ts';
import { readFiles, readNamed, type SourceFile } from './files.ts';
import { DeclarationsInvalid } from './invalid.ts';
import type { Document } from './kinds.ts';
import { MAX_CERTIFICATE_BYTES, MAX_DOCUMENTS, MAX_MISTAKES } from './limits.ts';
import {
  type Declared,
  type Fields,
  type Id,
  isNamedByTenant,
  type Kind,
  keyOf,
  titleOf,
  type Value,
} from './things.ts';

/** Errors: DECLARATIONS_INVALID, with a line for each mistake; and those of readFiles. */
export async function readDeclarations(from: string): Promise<Declared[]> {
  const declared: Declared[] = [];
  const mistakes: Mistake[] = [];
  for (const file of await readFiles(from)) {
    const read = readDocuments(file);
    mistakes.push(...read.mistakes);
    for (const document of read.documents) {
      const one = await declare(from, file, document, mistakes);
      if (one !== undefined) declared.push(one);
    }
    if (declared.length > MAX_DOCUMENTS)
      throw new CliError('DECLARATIONS_TOO_LARGE', `there are more than ${MAX_DOCUMENTS} declarations`);
    if (mistakes.length >= MAX_MISTAKES) break;
  }
  mistakes.push(...together(declared));
  if (mistakes.length > 0) throw invalid(mistakes);
  if (declared.length === 0) throw new CliError('NOTHING_DECLARED', `${from} declares nothing`);
  return declared;
}

const invalid = (mistakes: readonly Mistake[]): DeclarationsInvalid =>
  new DeclarationsInvalid(
    mistakes
      .slice(0, MAX_MISTAKES)
      .map(
        ({ file, line, field, message }) => `${file}:${line}: ${field === '' ? '' : `${field}: `}${message}`,
      ),
  );

async function declare(
  root: string,
  file: SourceFile,
  read: ReadDocument,
  mistakes: Mistake[],
): Promise<Declared | undefined> {
  const { document, at } = read;
  const wrong = (field: string, message: string): undefined => {
    mistakes.push({ ...read.placeOf(field), field, message });
  };
  const id = idOf(document);
  if (document.kind === 'Key' && (document.spec.create === true) === (document.spec.reference !== undefined))
    return wrong('spec', 'give either reference or create: true');
  if (document.kind !== 'Application' && document.kind !== 'Issuer')
    return { id, at, needs: needsOf(document), making: makingOf(document), fields: fieldsOf(document) };
  try {
    const named = document.spec.certificateFile;
    const pem = await readNamed(
      baseOf(root, file),
      resolve(dirname(file.path), named),
      named,
      MAX_CERTIFICATE_BYTES,
    );
    const certificate = describeCertificate(pem);
    const fields =
      document.kind === 'Issuer'
        ? { fingerprint: certificate.fingerprint }
        : { ...fieldsOf(document), ...certificate };
    const making = { ...makingOf(document), certificate: pem };
    return { id, at, needs: needsOf(document), making, fields };
  } catch (error) {
    return wrong('spec.certificateFile', errorMessage(error));
  }
}

/** What is applied: the folder, or that of the one file. */
const baseOf = (root: string, { name, path }: SourceFile): string =>
  name === root ? dirname(path) : resolve(root);

const PRIVATE = /-----BEGIN [A-Z ]*PRIVATE KEY-----/;

function describeCertificate(pem: string): { fingerprint: string; certificate: string } {
  if (PRIVATE.test(pem))
    throw new CliError('FILE_UNREADABLE', 'the file holds a private key, and a declaration never does');
  let parsed: X509Certificate;
  try {
    parsed = new X509Certificate(pem);
  } catch {
    throw new CliError('FILE_UNREADABLE', 'the file holds no certificate in PEM');
  }
  return { fingerprint: keyFingerprint(parsed), certificate: certificateWord(certificateOf(parsed)) };
}

const oneLine = (name: string): string => name.replaceAll('\n', ', ');
const certificateOf = ({ subject, issuer, validFromDate, validToDate }: X509Certificate) => ({
  subject: oneLine(subject),
  issuer: oneLine(issuer),
  notBefore: validFromDate.toISOString(),
  notAfter: validToDate.toISOString(),
});

/** By which a renewed certificate of the same key is told from the one before. */
export const certificateWord = (certificate: {
  readonly subject: string;
  readonly issuer: string;
  readonly notBefore: string;
  readonly notAfter: string;
}): string =>
  `${certificate.subject} by ${certificate.issuer}, ${certificate.notBefore} to ${certificate.notAfter}`;

function idOf({ kind, metadata }: Document): Id {
  const tenant = 'tenant' in metadata ? metadata.tenant : undefined;
  return { kind, name: metadata.name, tenant: tenant ?? (isNamedByTenant(kind) ? metadata.name : null) };
}

const makingOf = ({ spec }: Document): Declared['making'] => ({
  ...('create' in spec && spec.create === true ? { create: true } : {}),
  ...('drillTarget' in spec && spec.drillTarget !== undefined ? { drillTarget: spec.drillTarget } : {}),
});

/** Lists are sets here: CMK sorts them, and takes each only once. */
const sorted = (values: readonly string[]): string[] => [...new Set(values)].sort();

function fieldsOf(document: Document): Fields {
  switch (document.kind) {
    case 'Link':
      return stated(document.spec, ['key']);
    case 'Issuer':
      return {};
    case 'Keystore':
      return keystoreFields(document.spec.kind, document.spec.config);
    case 'Tenant': {
      const { provision, ...spec } = document.spec;
      // Only requested is how a tenant begins; nothing takes it back there.
      return { ...stated(spec), ...(provision === false ? {} : { provisioned: true }) };
    }
    case 'Key':
      return stated(document.spec, ['keystore', 'reference', 'keyConfiguration', 'primary']);
    case 'Application':
      // Left out they are all that the role allows; neither is changed later.
      return { operations: null, ...stated(document.spec, ['services', 'operations']) };
    case 'ApprovalRule':
      return { approvals: document.spec.approvals, groups: sorted(document.spec.groups ?? []) };
    default:
      return stated(document.spec);
  }
}

function stated(spec: object, only?: readonly string[]): Fields {
  return Object.fromEntries(
    Object.entries(spec)
      .filter(([field, value]) => value !== undefined && (only === undefined || only.includes(field)))
      .map(([field, value]: [string, Value]): [string, Value] => [
        field,
        Array.isArray(value) ? sorted(value) : value,
      ]),
  );
}

/** Field by field, so that a difference names the one. */
export const keystoreFields = (kind: string, config: Readonly<Record<string, unknown>>): Fields => ({
  kind,
  ...Object.fromEntries(Object.entries(config).map(([field, value]) => [`config.${field}`, String(value)])),
});

function needsOf(document: Document): Id[] {
  const { kind } = document;
  const tenant = idOf(document).tenant;
  if (tenant === null || kind === 'Tenant') return [];
  const own = (needed: Kind, name: string): Id => ({ kind: needed, tenant, name });
  const needs: Id[] = [own('Tenant', tenant)];
  switch (kind) {
    case 'ApprovalRule':
      needs.push(...(document.spec.groups ?? []).map((group) => own('ApproverGroup', group)));
      break;
    case 'Key':
      needs.push(own('Keystore', document.spec.keystore), {
        kind: 'Keystore',
        tenant: null,
        name: document.spec.keystore,
      });
      needs.push(own('KeyConfiguration', document.spec.keyConfiguration ?? 'default'));
      break;
    case 'Link':
      needs.push(own('Key', document.spec.key));
      break;
    case 'Workspace':
    case 'Application':
      needs.push(...(document.spec.services ?? []).map((service) => own('Service', service)));
      break;
    case 'System':
      if (typeof document.spec.service === 'string') needs.push(own('Service', document.spec.service));
      if (typeof document.spec.keyConfiguration === 'string')
        needs.push(own('KeyConfiguration', document.spec.keyConfiguration));
      break;
    default:
  }
  return needs;
}

/** What only shows when all are seen: the same thing twice, and two primary keys of one configuration. */
function together(declared: readonly Declared[]): Mistake[] {
  const mistakes: Mistake[] = [];
  const seen = new Map<string, Declared>();
  const claim = (word: string, one: Declared, field: string, message: (other: Declared) => string): void => {
    const other = seen.get(word);
    if (other === undefined) seen.set(word, one);
    else mistakes.push({ ...one.at, field, message: message(other) });
  };
  const place = ({ at }: Declared): string => `${at.file}:${at.line}`;
  for (const one of declared) {
    const { id, fields } = one;
    const taken = (other: Declared): string => `${titleOf(id)} is declared in ${place(other)} already`;
    claim(keyOf(id), one, 'metadata.name', taken);
    // Keystores share their names, whosever they are.
    if (id.kind === 'Keystore' && id.tenant !== null)
      claim(keyOf({ ...id, tenant: null }), one, 'metadata.name', taken);
    if (fields['primary'] === true)
      claim(
        `primary ${id.tenant} ${String(fields['keyConfiguration'] ?? 'default')}`,
        one,
        'spec.primary',
        (other) => `${titleOf(other.id)} is the primary key of that configuration, by ${place(other)}`,
      );
  }
  return mistakes;
}
