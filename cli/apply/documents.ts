/**
 * From the text of a file to its documents: parsed as YAML 1.2, of which JSON is a part, and held against their schemas. A mistake
 * names file, line and field. Anchors, aliases and tags are refused: a declaration says what it says where it says it, and
 * cannot grow when it is read.
 */
import type { TObject } from 'typebox';
import { Value } from 'typebox/value';
import {
  isCollection,
  isMap,
  isScalar,
  LineCounter,
  parseAllDocuments,
  visit,
  type Document as YamlDocument,
} from 'yaml';
import type { SourceFile } from './files.ts';
import { API_VERSION, type Document, keystoreSpecOf, schemas } from './kinds.ts';
import { MAX_DOCUMENT_DEPTH, MAX_MISTAKES } from './limits.ts';
import { nearest } from './nearest.ts';
import { type Kind, kinds, type Place } from './things.ts';
import { tooMuchAt } from './too-much.ts';

/** One thing that is wrong with the declarations. */
export interface Mistake extends Place {
  /** Dotted, such as spec.services.0; empty for the document as a whole. */
  readonly field: string;
  readonly message: string;
}

/** A document that follows its schema, and where its fields stand. */
export interface ReadDocument {
  readonly document: Document;
  readonly at: Place;
  readonly placeOf: (field: string) => Place;
}

export interface ReadResult {
  readonly documents: ReadDocument[];
  readonly mistakes: Mistake[];
}

export function readDocuments({ name, text }: SourceFile): ReadResult {
  const lines = new LineCounter();
  const much = tooMuchAt(text);
  if (much !== undefined) {
    const line = text.slice(0, much.offset).split('\n').length;
    return { documents: [], mistakes: [{ file: name, line, field: '', message: much.message }] };
  }
  const parsed = parseAllDocuments(text, {
    lineCounter: lines,
    version: '1.2',
    schema: 'core',
    strict: true,
    uniqueKeys: true,
    merge: false,
    prettyErrors: false,
    logLevel: 'silent',
  });
  const result: ReadResult = { documents: [], mistakes: [] };
  for (const yaml of parsed) {
    if (result.mistakes.length >= MAX_MISTAKES) break;
    const read = readOne(name, yaml, lines);
    if (read === undefined) continue;
    if (Array.isArray(read)) result.mistakes.push(...read);
    else result.documents.push(read);
  }
  return result;
}

const startOf = (yaml: YamlDocument): number => yaml.range?.[0] ?? 0;

/** Undefined for a document without content. */
function readOne(file: string, yaml: YamlDocument, lines: LineCounter): ReadDocument | Mistake[] | undefined {
  const lineAt = (offset: number): number => Math.max(1, lines.linePos(offset).line);
  const start = lineAt(yaml.contents?.range?.[0] ?? startOf(yaml));
  const broken = [...yaml.errors, ...yaml.warnings].slice(0, MAX_MISTAKES).map(({ message, pos }) => ({
    file,
    line: lineAt(pos[0]),
    field: '',
    message: message.split('\n')[0] ?? 'is not YAML',
  }));
  if (broken.length > 0) return broken;
  if (yaml.contents === null || (isScalar(yaml.contents) && yaml.contents.value === null)) return undefined;
  const unread = unreadable(file, yaml, lineAt);
  if (unread !== undefined) return [unread];
  const value: unknown = yaml.toJS({ maxAliasCount: 0 });
  const placeOf = (field: string): Place => ({ file, line: lineAt(offsetOf(yaml, field) ?? startOf(yaml)) });
  const mistakes = mistakesIn(value)
    .slice(0, MAX_MISTAKES)
    .map(({ field, message }) => ({ ...placeOf(field), field, message }));
  if (mistakes.length > 0) return mistakes;
  // It has just been held against the schema of its kind.
  return { document: value as Document, at: { file, line: start }, placeOf };
}

function unreadable(
  file: string,
  yaml: YamlDocument,
  lineAt: (offset: number) => number,
): Mistake | undefined {
  let found: Mistake | undefined;
  const refuse = (node: { readonly range?: readonly number[] | null }, message: string): symbol => {
    found = { file, line: lineAt(node.range?.[0] ?? startOf(yaml)), field: '', message };
    return visit.BREAK;
  };
  visit(yaml, {
    Alias: (_key, node) => refuse(node, 'aliases (*name) are not read: write the value out'),
    Node: (_key, node, path) => {
      if ('anchor' in node && node.anchor !== undefined)
        return refuse(node, 'anchors (&name) are not read: write the value out');
      if ('tag' in node && node.tag !== undefined) return refuse(node, 'tags (!type) are not read');
      if (path.filter(isCollection).length > MAX_DOCUMENT_DEPTH)
        return refuse(node, `nested more than ${MAX_DOCUMENT_DEPTH} deep`);
      return undefined;
    },
  });
  return found;
}

interface FieldMistake {
  readonly field: string;
  readonly message: string;
}

function mistakesIn(value: unknown): FieldMistake[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return [{ field: '', message: 'a declaration is a map with apiVersion, kind, metadata and spec' }];
  const { apiVersion, kind, spec } = value as Record<string, unknown>;
  if (apiVersion !== API_VERSION) return [{ field: 'apiVersion', message: `must be ${API_VERSION}` }];
  if (!isKind(kind)) {
    const near = typeof kind === 'string' ? nearest(kind, kinds) : undefined;
    const known = near === undefined ? `it is one of ${kinds.join(', ')}` : `did you mean ${near}?`;
    return [{ field: 'kind', message: `there is no such kind; ${known}` }];
  }
  return held(narrowed(kind, spec), value);
}

const isKind = (value: unknown): value is Kind => kinds.some((kind) => kind === value);

/** Of the variants of a keystore only that is asked which it says it is: else every variant would complain. */
function narrowed(kind: Kind, spec: unknown): TObject {
  const schema = schemas[kind] as unknown as TObject;
  const named = typeof spec === 'object' && spec !== null ? Reflect.get(spec, 'kind') : undefined;
  const variant = kind === 'Keystore' ? keystoreSpecOf(named) : undefined;
  return variant === undefined ? schema : { ...schema, properties: { ...schema.properties, spec: variant } };
}

type SchemaError = ReturnType<typeof Value.Errors>[number];

function held(schema: TObject, value: unknown): FieldMistake[] {
  const told = new Map<string, FieldMistake>();
  const errors = Value.Errors(schema, value);
  // An unknown field is an error of its own, and one of what it stands in, which is told only where there are few others.
  for (const each of [errors.filter((error) => !isOfField(error)), errors.filter(isOfField)].flat()) {
    for (const mistake of describe(schema, each)) {
      // A union complains once for each of its parts, and once more as a whole: the first says enough.
      if (!told.has(mistake.field)) told.set(mistake.field, mistake);
    }
  }
  // Errors are a few of many, to be told; this alone says that there are none.
  if (told.size === 0 && !Value.Check(schema, value))
    return [{ field: '', message: 'does not follow its schema' }];
  return [...told.values()];
}

const isOfField = ({ keyword }: SchemaError): boolean => keyword === 'boolean';

function describe(schema: TObject, error: SchemaError): FieldMistake[] {
  const field = error.instancePath.split('/').slice(1).join('.');
  const inside = (name: string): string => (field === '' ? name : `${field}.${name}`);
  switch (error.keyword) {
    case 'boolean': {
      const parts = field.split('.');
      return [{ field, message: noSuchField(schema, parts.slice(0, -1).join('.'), parts.at(-1) ?? '') }];
    }
    case 'additionalProperties':
      return error.params.additionalProperties.map((name) => ({
        field: inside(name),
        message: noSuchField(schema, field, name),
      }));
    case 'required':
      return error.params.requiredProperties.map((name) => ({ field: inside(name), message: 'is missing' }));
    case 'const':
      return [{ field, message: `must be ${JSON.stringify(error.params.allowedValue)}` }];
    case 'enum':
      return [{ field, message: `must be one of ${error.params.allowedValues.join(', ')}` }];
    case 'anyOf':
      return [{ field, message: 'is not one of the values that it may have' }];
    default:
      return [{ field, message: error.message }];
  }
}

function noSuchField(schema: TObject, parent: string, name: string): string {
  const near = nearest(name, propertiesAt(schema, parent));
  return `there is no such field${near === undefined ? '' : `; did you mean ${near}?`}`;
}

/** The names that an object of the schema may have; those in a list are not looked for. */
function propertiesAt(schema: TObject, field: string): string[] {
  let at: unknown = schema;
  for (const part of field === '' ? [] : field.split('.'))
    at = Reflect.get((Reflect.get(Object(at), 'properties') as object | undefined) ?? {}, part);
  return Object.keys((Reflect.get(Object(at), 'properties') as object | undefined) ?? {});
}

/** Where a field stands, or what it would stand in; its name rather than its value, where it has one. */
function offsetOf(yaml: YamlDocument, field: string): number | undefined {
  let node: unknown = yaml.contents;
  let offset = rangeOf(node);
  for (const part of field === '' ? [] : field.split('.')) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === part);
      if (pair === undefined) return offset;
      offset = rangeOf(pair.key) ?? offset;
      node = pair.value;
    } else {
      node = yaml.contents === null ? undefined : itemOf(node, part);
      offset = rangeOf(node) ?? offset;
    }
  }
  return offset;
}

const itemOf = (node: unknown, part: string): unknown => {
  const items: unknown = typeof node === 'object' && node !== null ? Reflect.get(node, 'items') : undefined;
  return Array.isArray(items) ? items[Number(part)] : undefined;
};

const rangeOf = (node: unknown): number | undefined => {
  const range: unknown = typeof node === 'object' && node !== null ? Reflect.get(node, 'range') : undefined;
  const start: unknown = Array.isArray(range) ? range[0] : undefined;
  return typeof start === 'number' ? start : undefined;
};
