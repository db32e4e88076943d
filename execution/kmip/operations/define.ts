/** What one file per operation defines: the number and how its two payloads are read and written. */
import type { Structure } from '../schema/index.ts';

export type OperationDefinition<O extends number, Request, Response> = {
  readonly operation: O;
  readonly request: Structure<Request>;
  readonly response: Structure<Response>;
};

/** Keeps the types of what it is given; vendors define their own operations with it. */
export function defineOperation<const O extends number, Request, Response>(
  definition: OperationDefinition<O, Request, Response>,
): OperationDefinition<O, Request, Response> {
  return definition;
}
