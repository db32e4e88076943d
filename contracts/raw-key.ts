/**
 * Node takes a key as bytes, which spares the copy that a `KeyObject` is, but first asks whether it is a `KeyObject` by
 * catching an error: the stack of that error costs ten times what a small encryption does. So it is not collected.
 */

/** Runs `create`, which makes a cipher or HMAC with its key as bytes, and nothing else: errors in it have no stack. */
export function withRawKey<T>(create: () => T): T {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return create();
  } finally {
    Error.stackTraceLimit = limit;
  }
}
