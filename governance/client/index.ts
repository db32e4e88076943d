/** The client of CMK's REST API. */
export {
  ApiProblem,
  ApiUnreachable,
  type Client,
  type ClientOptions,
  createClient,
  everyItem,
} from './client.ts';
export type * from './types.gen.ts';
