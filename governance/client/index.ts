/** The client of CMK's REST API. */
export { type Client, type ClientOptions, createClient, everyItem } from './client.ts';
export { ApiProblem, ApiUnreachable } from './problem.ts';
export type * from './types.gen.ts';
