/** What the core serves, by operation. An operation that is not here is answered with Operation Not Supported. */
import { type KnownOperation, Operation, OperationV2 } from '../../../kmip/index.ts';
import type { Handler } from '../context.ts';
import { activateHandler } from './activate.ts';
import { addAttributeHandler } from './add-attribute.ts';
import { archiveHandler } from './archive.ts';
import { cancelHandler } from './cancel.ts';
import { certifyHandler } from './certify.ts';
import { checkHandler } from './check.ts';
import { createHandler } from './create.ts';
import { createKeyPairHandler } from './create-key-pair.ts';
import { createSplitKeyHandler } from './create-split-key.ts';
import { decryptHandler } from './decrypt.ts';
import { deleteAttributeHandler } from './delete-attribute.ts';
import { deriveKeyHandler } from './derive-key.ts';
import { destroyHandler } from './destroy.ts';
import { encryptHandler } from './encrypt.ts';
import { exportHandler } from './export.ts';
import { getHandler } from './get.ts';
import { getAttributeListHandler } from './get-attribute-list.ts';
import { getAttributesHandler } from './get-attributes.ts';
import { getUsageAllocationHandler } from './get-usage-allocation.ts';
import { hashHandler } from './hash.ts';
import { importHandler } from './import.ts';
import { joinSplitKeyHandler } from './join-split-key.ts';
import { locateHandler } from './locate.ts';
import { macHandler } from './mac.ts';
import { macVerifyHandler } from './mac-verify.ts';
import { modifyAttributeHandler } from './modify-attribute.ts';
import { obtainLeaseHandler } from './obtain-lease.ts';
import { pollHandler } from './poll.ts';
import { reCertifyHandler } from './re-certify.ts';
import { reKeyHandler } from './re-key.ts';
import { reKeyKeyPairHandler } from './re-key-key-pair.ts';
import { recoverHandler } from './recover.ts';
import { registerHandler } from './register.ts';
import { revokeHandler } from './revoke.ts';
import { rngRetrieveHandler } from './rng-retrieve.ts';
import { rngSeedHandler } from './rng-seed.ts';
import { discoverVersionsHandler, queryHandler } from './server.ts';
import { setAttributeHandler } from './set-attribute.ts';
import { signHandler } from './sign.ts';
import { signatureVerifyHandler } from './signature-verify.ts';
import { validateHandler } from './validate.ts';

const handlers = {
  [Operation.Create]: createHandler,
  [Operation.Register]: registerHandler,
  [Operation.ReKey]: reKeyHandler,
  [Operation.Locate]: locateHandler,
  [Operation.Check]: checkHandler,
  [Operation.Get]: getHandler,
  [Operation.GetAttributes]: getAttributesHandler,
  [Operation.GetAttributeList]: getAttributeListHandler,
  [Operation.AddAttribute]: addAttributeHandler,
  [Operation.ModifyAttribute]: modifyAttributeHandler,
  [Operation.DeleteAttribute]: deleteAttributeHandler,
  [Operation.ObtainLease]: obtainLeaseHandler,
  [Operation.GetUsageAllocation]: getUsageAllocationHandler,
  [Operation.Activate]: activateHandler,
  [Operation.Revoke]: revokeHandler,
  [Operation.Destroy]: destroyHandler,
  [Operation.Archive]: archiveHandler,
  [Operation.Recover]: recoverHandler,
  [Operation.Query]: queryHandler,
  [Operation.Cancel]: cancelHandler,
  [Operation.Poll]: pollHandler,
  [Operation.DiscoverVersions]: discoverVersionsHandler,
  [Operation.Encrypt]: encryptHandler,
  [Operation.Decrypt]: decryptHandler,
  [Operation.CreateSplitKey]: createSplitKeyHandler,
  [Operation.JoinSplitKey]: joinSplitKeyHandler,
  [Operation.Export]: exportHandler,
  [Operation.Import]: importHandler,
  [Operation.CreateKeyPair]: createKeyPairHandler,
  [Operation.ReKeyKeyPair]: reKeyKeyPairHandler,
  [Operation.DeriveKey]: deriveKeyHandler,
  [Operation.Certify]: certifyHandler,
  [Operation.ReCertify]: reCertifyHandler,
  [Operation.Validate]: validateHandler,
  [Operation.Sign]: signHandler,
  [Operation.SignatureVerify]: signatureVerifyHandler,
  [Operation.MAC]: macHandler,
  [Operation.MACVerify]: macVerifyHandler,
  [Operation.RNGRetrieve]: rngRetrieveHandler,
  [Operation.RNGSeed]: rngSeedHandler,
  [Operation.Hash]: hashHandler,
  [OperationV2.SetAttribute]: setAttributeHandler,
} satisfies { [O in KnownOperation]?: Handler<O> };

export type ServedOperation = keyof typeof handlers;

export function isServed(operation: number): operation is ServedOperation {
  return Object.hasOwn(handlers, operation);
}

/** The table knows which handler belongs to which operation; an index of union type does not. */
export function handlerOf<O extends ServedOperation>(operation: O): Handler<O> {
  return handlers[operation] as unknown as Handler<O>;
}
