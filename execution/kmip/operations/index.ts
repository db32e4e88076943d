/** Every operation by its number, with the types that follow from it. */

import { Operation } from '../names/messages.ts';
import { OperationV2 } from '../names/v2.ts';
import type { Infer } from '../schema/index.ts';
import { activate } from './activate.ts';
import { addAttribute } from './add-attribute.ts';
import { archive } from './archive.ts';
import { cancel } from './cancel.ts';
import { certify } from './certify.ts';
import { check } from './check.ts';
import { create } from './create.ts';
import { createKeyPair } from './create-key-pair.ts';
import { createSplitKey } from './create-split-key.ts';
import { decrypt } from './decrypt.ts';
import type { OperationDefinition } from './define.ts';
import { deleteAttribute } from './delete-attribute.ts';
import { deriveKey } from './derive-key.ts';
import { destroy } from './destroy.ts';
import { discoverVersions } from './discover-versions.ts';
import { encrypt } from './encrypt.ts';
import { exportObject } from './export.ts';
import { get } from './get.ts';
import { getAttributeList } from './get-attribute-list.ts';
import { getAttributes } from './get-attributes.ts';
import { getUsageAllocation } from './get-usage-allocation.ts';
import { hash } from './hash.ts';
import { importObject } from './import.ts';
import { joinSplitKey } from './join-split-key.ts';
import { locate } from './locate.ts';
import { mac } from './mac.ts';
import { macVerify } from './mac-verify.ts';
import { modifyAttribute } from './modify-attribute.ts';
import { notify } from './notify.ts';
import { obtainLease } from './obtain-lease.ts';
import { poll } from './poll.ts';
import { put } from './put.ts';
import { query } from './query.ts';
import { reCertify } from './re-certify.ts';
import { reKey } from './re-key.ts';
import { reKeyKeyPair } from './re-key-key-pair.ts';
import { recover } from './recover.ts';
import { register } from './register.ts';
import { revoke } from './revoke.ts';
import { rngRetrieve } from './rng-retrieve.ts';
import { rngSeed } from './rng-seed.ts';
import { setAttribute } from './set-attribute.ts';
import { sign } from './sign.ts';
import { signatureVerify } from './signature-verify.ts';
import { validate } from './validate.ts';

export const operationSchemas = {
  [Operation.Create]: create,
  [Operation.CreateKeyPair]: createKeyPair,
  [Operation.Register]: register,
  [Operation.ReKey]: reKey,
  [Operation.ReKeyKeyPair]: reKeyKeyPair,
  [Operation.DeriveKey]: deriveKey,
  [Operation.Certify]: certify,
  [Operation.ReCertify]: reCertify,
  [Operation.Locate]: locate,
  [Operation.Check]: check,
  [Operation.Get]: get,
  [Operation.GetAttributes]: getAttributes,
  [Operation.GetAttributeList]: getAttributeList,
  [Operation.AddAttribute]: addAttribute,
  [Operation.ModifyAttribute]: modifyAttribute,
  [Operation.DeleteAttribute]: deleteAttribute,
  [Operation.ObtainLease]: obtainLease,
  [Operation.GetUsageAllocation]: getUsageAllocation,
  [Operation.Activate]: activate,
  [Operation.Revoke]: revoke,
  [Operation.Destroy]: destroy,
  [Operation.Archive]: archive,
  [Operation.Recover]: recover,
  [Operation.Validate]: validate,
  [Operation.Query]: query,
  [Operation.DiscoverVersions]: discoverVersions,
  [Operation.Cancel]: cancel,
  [Operation.Poll]: poll,
  [Operation.Encrypt]: encrypt,
  [Operation.Decrypt]: decrypt,
  [Operation.Sign]: sign,
  [Operation.SignatureVerify]: signatureVerify,
  [Operation.MAC]: mac,
  [Operation.MACVerify]: macVerify,
  [Operation.RNGRetrieve]: rngRetrieve,
  [Operation.RNGSeed]: rngSeed,
  [Operation.Hash]: hash,
  [Operation.CreateSplitKey]: createSplitKey,
  [Operation.JoinSplitKey]: joinSplitKey,
  [Operation.Export]: exportObject,
  [Operation.Import]: importObject,
  [Operation.Notify]: notify,
  [Operation.Put]: put,
  [OperationV2.SetAttribute]: setAttribute,
} as const;

export type KnownOperation = keyof typeof operationSchemas;
/** The payload of a request: `RequestOf<typeof Operation.Create>`. */
export type RequestOf<O extends KnownOperation> = Infer<(typeof operationSchemas)[O]['request']>;
/** The payload of a response. */
export type ResponseOf<O extends KnownOperation> = Infer<(typeof operationSchemas)[O]['response']>;

export function isKnownOperation(operation: number): operation is KnownOperation {
  return Object.hasOwn(operationSchemas, operation);
}

/** The schemas of an operation, with their types; for a number that is only known at run time use `isKnownOperation` first. */
export function schemasOf<O extends KnownOperation>(
  operation: O,
): OperationDefinition<number, RequestOf<O>, ResponseOf<O>> {
  return operationSchemas[operation] as unknown as OperationDefinition<number, RequestOf<O>, ResponseOf<O>>;
}
