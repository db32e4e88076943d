/** Hash (KMIP 1.4 §4.37): without a key. */
import { createHash } from 'node:crypto';
import { hashFunctionOf, partOf } from '../../../cipher/index.ts';
import { KmipError, Operation } from '../../../kmip/index.ts';
import type { Handler } from '../context.ts';
import { dataOf } from '../cryptography.ts';

export const hashHandler: Handler<typeof Operation.Hash> = async (request, context) => {
  const part = partOf(request);
  const data = dataOf(request, part);
  if (part.kind === 'next') {
    const stream = context.turn.take(part.correlationValue, Operation.Hash);
    context.turn.count(stream, data.length);
    stream.work.update(data);
    if (!part.isLast) return { correlationValue: stream.correlationValue };
    context.turn.finish(stream);
    return { data: stream.work.digest() };
  }
  const { hashingAlgorithm } = request.cryptographicParameters;
  if (hashingAlgorithm === undefined) throw KmipError.missingData('a Hashing Algorithm is required');
  const work = createHash(hashFunctionOf(hashingAlgorithm, context.allowWeak).name);
  work.update(data);
  if (part.kind === 'whole') return { data: work.digest() };
  const stream = context.turn.open({ operation: Operation.Hash, uid: undefined, work });
  context.turn.count(stream, data.length);
  return { correlationValue: stream.correlationValue };
};
