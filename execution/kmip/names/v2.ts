/**
 * The few names of KMIP 2 that this library also speaks. They stand apart from the tables of KMIP 1, so that
 * nothing offers them to a client by walking those.
 */

/** KMIP 2.0, Operation enumeration. */
export const OperationV2 = {
  SetAttribute: 0x31,
} as const;
export type OperationV2 = (typeof OperationV2)[keyof typeof OperationV2];

/** KMIP 2.0, table of tags. */
export const TagV2 = {
  NewAttribute: 0x42013d,
} as const;
