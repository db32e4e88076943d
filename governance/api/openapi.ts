/**
 * What the OpenAPI document says beyond the schemas that validate: a name for every operation and every model, which the
 * client made from it has too (client/), and what all routes have in common. Names follow from method and path alone,
 * so no table of names can fall behind the routes.
 */
import { type TProperties, Type } from 'typebox';
import { CHANGING, IdempotencyKey } from './idempotency.ts';
import { Problem } from './problem.ts';

/** As much of a route as is read here; fastify's own type has it. */
export interface DescribedRoute {
  readonly method: string | readonly string[];
  readonly url: string;
  readonly config?: { readonly public?: boolean } | undefined;
  schema?: object;
}

interface RouteSchema {
  readonly operationId?: string;
  readonly tags?: readonly string[];
  readonly headers?: { readonly properties?: TProperties };
  readonly response?: Readonly<Record<string, unknown>>;
}

/** Completes the schema of a route, when it is registered. */
export function describeRoute(route: DescribedRoute): object {
  const schema = (route.schema ?? {}) as RouteSchema;
  const [method = 'GET'] = typeof route.method === 'string' ? [route.method] : route.method;
  const isList = 'items' in propertiesOf(schema.response?.['200']);
  return {
    operationId: operationIdOf(method, route.url, isList),
    tags: [tagOf(route.url)],
    // Whatever a route does not ask for is refused, and not passed over.
    ...(route.config?.public === true
      ? {}
      : { querystring: Type.Object({}, { additionalProperties: false }) }),
    ...schema,
    ...(CHANGING.has(method) && route.config?.public !== true
      ? { headers: Type.Object({ ...schema.headers?.properties, 'idempotency-key': IdempotencyKey }) }
      : {}),
    // One schema of failure for every route, so that the document tells it.
    response: { ...schema.response, '4xx': Problem, '5xx': Problem },
  };
}

/** Of a schema of an object; none of whatever else. */
export const propertiesOf = (schema: unknown): object => {
  const properties: unknown =
    typeof schema === 'object' && schema !== null ? Reflect.get(schema, 'properties') : undefined;
  return typeof properties === 'object' && properties !== null ? properties : {};
};

/** Resources stand in groups by the last collection of their path: `services` of tenants, `gateways` of regions. */
function tagOf(url: string): string {
  return segmentsOf(url).find((segment) => !isParameter(segment)) ?? 'status';
}

const VERBS: Readonly<Record<string, string>> = {
  GET: 'get',
  PUT: 'set',
  PATCH: 'update',
  DELETE: 'remove',
};

/**
 *     GET    /v1/tenants                        listTenants
 *     GET    /v1/tenants/:tenant/services/:name getTenantService
 *     POST   /v1/tenants/:tenant/services       createTenantService
 *     POST   /v1/tenants/:tenant/link           linkTenant
 *     POST   /v1/tenants/:tenant/link/rotate    rotateTenantLink
 *     DELETE /v1/regions/:region/gateways/:name removeRegionGateway
 */
export function operationIdOf(method: string, url: string, isList: boolean): string {
  const segments = segmentsOf(url);
  const last = segments.at(-1) ?? '';
  const words = segments.filter((segment) => !isParameter(segment));
  const name = words.at(-1) ?? '';
  const owners = words.slice(0, -1).map(singular);
  if (isParameter(last)) return camel([VERBS[method] ?? 'do', ...owners, singular(name)]);
  if (method === 'GET') return camel([isList ? 'list' : 'get', ...owners, name]);
  if (method !== 'POST') return camel([VERBS[method] ?? 'do', ...owners, name]);
  const makes = singular(name) !== name;
  return camel(makes ? ['create', ...owners, singular(name)] : [name, ...owners]);
}

const segmentsOf = (url: string): string[] => url.split('/').filter((part) => part !== '' && part !== 'v1');
const isParameter = (segment: string): boolean => segment.startsWith(':');

function singular(word: string): string {
  if (word.endsWith('ies')) return `${word.slice(0, -3)}y`;
  if (word.endsWith('aliases')) return word.slice(0, -2);
  return /[^su]s$/.test(word) ? word.slice(0, -1) : word;
}

const camel = (parts: readonly string[]): string =>
  parts
    .flatMap((part) => part.split(/[^A-Za-z0-9]+/))
    .filter((word) => word !== '')
    .map((word, at) => (at === 0 ? word : `${word[0]?.toUpperCase() ?? ''}${word.slice(1)}`))
    .join('');

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/**
 * Moves every object schema with a title to the document's models and refers to it there. Two that share a title are the
 * same, or the document would lie: then this throws.
 */
export function nameModels<T extends object>(document: T): T {
  const models = new Map<string, Json>();
  const walked = walk(document as unknown as Json, models) as { components?: { schemas?: object } };
  const components = {
    ...walked.components,
    schemas: { ...walked.components?.schemas, ...Object.fromEntries([...models].sort()) },
  };
  return { ...walked, components } as unknown as T;
}

function walk(value: Json, models: Map<string, Json>): Json {
  if (Array.isArray(value)) return value.map((item) => walk(item, models));
  if (typeof value !== 'object' || value === null) return value;
  const copy = Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, walk(inner, models)]));
  const { title, type } = copy;
  if (type !== 'object' || typeof title !== 'string') return copy;
  const known = models.get(title);
  if (known !== undefined && JSON.stringify(known) !== JSON.stringify(copy))
    throw new Error(`two different schemas are called ${title}`);
  models.set(title, copy);
  return { $ref: `#/components/schemas/${title}` };
}
