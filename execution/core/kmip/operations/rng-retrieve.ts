/** RNG Retrieve (KMIP 1.4 §4.35): what OpenSSL's generator gives, seeded by the system alone. */
import { randomBytes } from 'node:crypto';
import { MAX_RNG_BYTES } from '../../../cipher/index.ts';
import { KmipError, type Operation } from '../../../kmip/index.ts';
import type { Handler } from '../context.ts';

export const rngRetrieveHandler: Handler<typeof Operation.RNGRetrieve> = async ({ dataLength }, context) => {
  if (dataLength < 1 || dataLength > MAX_RNG_BYTES) {
    throw KmipError.invalidField(`Data Length is 1 to ${MAX_RNG_BYTES} bytes`);
  }
  // Whoever asked may make a key of it.
  return { data: context.lent.keep(randomBytes(dataLength)) };
};
