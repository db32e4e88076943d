/**
 * Schemas of a server with hundreds of routes: each is compiled when something is first held against it, and not all at
 * every start. One that cannot be compiled fails the request that needs it: the tests of CMK's API compile all its answers,
 * and whatever else a route takes or gives is compiled where a test calls it.
 */
import { SerializerSelector } from '@fastify/fast-json-stringify-compiler';
import { TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox';
import type { FastifySchemaCompiler, FastifySerializerCompiler } from 'fastify';
import type { TSchema } from 'typebox';

export const validatorCompiler: FastifySchemaCompiler<TSchema> = (route) => {
  let validate: ReturnType<typeof TypeBoxValidatorCompiler> | undefined;
  return (data) => {
    validate ??= TypeBoxValidatorCompiler(route);
    return validate(data);
  };
};

const compileSerializer = SerializerSelector()();

export const serializerCompiler: FastifySerializerCompiler<unknown> = ({ httpStatus = '', ...route }) => {
  let serialize: ReturnType<typeof compileSerializer> | undefined;
  return (data) => {
    serialize ??= compileSerializer({ ...route, httpStatus });
    return serialize(data);
  };
};
