/** What the core serves, by operation. An operation that is not here is answered with Operation Not Supported. */
import { type KnownOperation, Operation, OperationV2 } from '../../../kmip/index.ts';
import type { Handler } from '../context.ts';
import {
  addAttributeHandler,
  deleteAttributeHandler,
  getAttributeListHandler,
  getAttributesHandler,
  modifyAttributeHandler,
  setAttributeHandler,
} from './attributes.ts';
import { archiveHandler } from './archive.ts';
import { cancelHandler } from './cancel.ts';
import { checkHandler } from './check.ts';
import { getUsageAllocationHandler } from './get-usage-allocation.ts';
import { obtainLeaseHandler } from './obtain-lease.ts';
import { pollHandler } from './poll.ts';
import { recoverHandler } from './recover.ts';
import { createHandler } from './create.ts';
import { decryptHandler } from './decrypt.ts';
import { encryptHandler } from './encrypt.ts';
import { getHandler } from './get.ts';
import { hashHandler } from './hash.ts';
import { activateHandler, destroyHandler, revokeHandler } from './lifecycle.ts';
import { locateHandler } from './locate.ts';
import { macHandler } from './mac.ts';
import { macVerifyHandler } from './mac-verify.ts';
import { reKeyHandler } from './re-key.ts';
import { registerHandler } from './register.ts';
import { rngRetrieveHandler } from './rng-retrieve.ts';
import { rngSeedHandler } from './rng-seed.ts';
import { discoverVersionsHandler, queryHandler } from './server.ts';
import { signHandler } from './sign.ts';
import { signatureVerifyHandler } from './signature-verify.ts';

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
