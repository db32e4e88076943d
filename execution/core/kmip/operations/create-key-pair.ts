/** Create Key Pair (KMIP 1.4 §4.2): a private and a public key, which point to each other. */
import type { Operation } from '../../../kmip/index.ts';
import type { Handler } from '../context.ts';
import { kindOf } from '../key-pairs/kinds.ts';
import { addKeyPair, generateKeys, makeKeyPair } from '../key-pairs/make.ts';
import { attributesOfPair, wishOf } from '../key-pairs/templates.ts';
import { serviceForNew } from '../objects.ts';

export const createKeyPairHandler: Handler<typeof Operation.CreateKeyPair> = async (request, context) => {
  const attributes = await attributesOfPair(context, request);
  const kind = kindOf(wishOf(attributes), context.allowWeak);
  const service = serviceForNew(context);
  const keys = generateKeys(context, kind);
  const pair = await makeKeyPair(context, { keys, kind, attributes, service });
  await addKeyPair(context, pair);
  return {
    privateKeyUniqueIdentifier: pair.privateKey.uid,
    publicKeyUniqueIdentifier: pair.publicKey.uid,
  };
};
