/**
 * All that a region keeps of one tenant, as one text: the value of one secret. One text and not a tree of strings,
 * since OpenBao counts the strings of a request (1,000 by default) and its audit devices hash each of them.
 */
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { KeychainError } from '../errors.ts';
import type { KeyName, StoredRecords, TenantChange } from './key-store.ts';

const FORMAT = 1;
const MAX_INTEGER = 2 ** 31 - 1;

const Positive = Type.Integer({ minimum: 1, maximum: MAX_INTEGER });
const Bytes = Type.String({ pattern: '^[A-Za-z0-9+/]*={0,2}$' });
const Document = Type.Object(
  {
    format: Type.Literal(FORMAT),
    counter: Positive,
    manifest: Bytes,
    regionalSecret: Bytes,
    /** Service, version, envelope. */
    keys: Type.Array(Type.Tuple([Type.String(), Positive, Bytes])),
  },
  { additionalProperties: false },
);

export function encodeDocument(records: StoredRecords): string {
  return JSON.stringify({
    format: FORMAT,
    counter: records.counter,
    manifest: records.manifest.toString('base64'),
    regionalSecret: records.regionalSecret.toString('base64'),
    keys: records.keys.map(({ service, version, wrapped }) => [service, version, wrapped.toString('base64')]),
  });
}

/** @param where for the error's words. @throws KeychainError RECORD_REJECTED. */
export function decodeDocument(text: string, where: string): StoredRecords {
  const value = parsed(text);
  if (!Value.Check(Document, value))
    throw new KeychainError('RECORD_REJECTED', `${where} holds no keys of ours`);
  const keys = value.keys.map(([service, version, wrapped]) => ({
    service,
    version,
    wrapped: bytesOf(wrapped),
  }));
  if (new Set(keys.map(nameOf)).size !== keys.length) {
    throw new KeychainError('RECORD_REJECTED', `${where} holds two keys of one name and version`);
  }
  return {
    counter: value.counter,
    manifest: bytesOf(value.manifest),
    regionalSecret: bytesOf(value.regionalSecret),
    keys,
  };
}

/** What is stored once `change` is done to what was stored before. */
export function changed(before: StoredRecords | null, { record, put, remove }: TenantChange): StoredRecords {
  const keys = new Map((before?.keys ?? []).map((key) => [nameOf(key), key]));
  for (const name of remove) keys.delete(nameOf(name));
  for (const key of put) keys.set(nameOf(key), key);
  return { ...record, keys: [...keys.values()] };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function bytesOf(text: string): Buffer {
  return Buffer.from(text, 'base64');
}

/** The version comes first: no name, whatever it holds, reads like a version and another name. */
function nameOf({ service, version }: KeyName): string {
  return `${version}/${service}`;
}
