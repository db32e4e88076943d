/**
 * Node takes a key as bytes, which spares the copy that a `KeyObject` is, but first asks whether it is one by catching an
 * error, whose stack costs ten times what a small encryption does. So it is not collected.
 */
export function withRawKey<T>(create: () => T): T {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return create();
  } finally {
    Error.stackTraceLimit = limit;
  }
}
