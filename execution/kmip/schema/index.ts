/** The schema layer as others use it, vendors' own structures included. */
export {
  anyItem,
  anyStructure,
  bigInteger,
  boolean,
  byteString,
  type Codec,
  dateTime,
  enumeration,
  integer,
  interval,
  longInteger,
  textString,
  type ValueOf,
} from './codec.ts';
export { SchemaError, type SchemaErrorCode, SchemaFault, schemaErrors } from './error.ts';
export {
  type Cardinality,
  type Field,
  type FieldOptions,
  oneOf,
  optional,
  repeated,
  repeatedOnce,
  required,
} from './field.ts';
export {
  type Infer,
  passThrough,
  type Shape,
  type ShapeValue,
  type Structure,
  structure,
} from './structure.ts';
