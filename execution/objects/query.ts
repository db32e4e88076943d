/**
 * What the server says of itself: Query (KMIP 1.4 §4.25) and Discover Versions (§4.26). The gateway answers for the
 * whole region, since an application sees one endpoint (split record §3); the core answers the same when it is asked.
 */
import {
  compareVersions,
  isSupported,
  knows,
  ObjectType,
  Operation,
  OperationV2,
  operationSince,
  QueryFunction,
  type RequestOf,
  type ResponseOf,
  SUPPORTED_VERSIONS,
  type Version,
} from '../kmip/index.ts';

/** Every operation that a request to the region may hold, whichever process serves it. */
export const servedOperations: readonly number[] = [
  Operation.Create,
  Operation.Register,
  Operation.ReKey,
  Operation.Locate,
  Operation.Check,
  Operation.Get,
  Operation.GetAttributes,
  Operation.GetAttributeList,
  Operation.AddAttribute,
  Operation.ModifyAttribute,
  Operation.DeleteAttribute,
  Operation.Activate,
  Operation.Revoke,
  Operation.Destroy,
  Operation.Query,
  Operation.DiscoverVersions,
  Operation.Encrypt,
  Operation.Decrypt,
  Operation.CreateSplitKey,
  Operation.JoinSplitKey,
  Operation.Import,
  Operation.Export,
  Operation.CreateKeyPair,
  Operation.ReKeyKeyPair,
  Operation.DeriveKey,
  Operation.Certify,
  Operation.ReCertify,
  Operation.Validate,
  Operation.Sign,
  Operation.SignatureVerify,
  Operation.MAC,
  Operation.MACVerify,
  Operation.RNGRetrieve,
  Operation.RNGSeed,
  Operation.Hash,
];

const servedObjectTypes: readonly number[] = [
  ObjectType.Certificate,
  ObjectType.SymmetricKey,
  ObjectType.PublicKey,
  ObjectType.PrivateKey,
  ObjectType.SplitKey,
  ObjectType.Template,
  ObjectType.SecretData,
  ObjectType.OpaqueObject,
  ObjectType.PGPKey,
];

const VENDOR = 'OpenKCM';

/** Functions that we have nothing to say about are answered with nothing, as §4.25 has it. */
export function answerQuery(
  request: RequestOf<typeof Operation.Query>,
  version: Version,
): ResponseOf<typeof Operation.Query> {
  const asked = new Set<number>(request.queryFunction);
  const operations = servedOperations.filter((operation) => {
    const since = operationSince(operation);
    return since !== undefined && knows(version, since);
  });
  return {
    ...(asked.has(QueryFunction.QueryOperations) ? { operation: operations } : {}),
    ...(asked.has(QueryFunction.QueryObjects) ? { objectType: servedObjectTypes } : {}),
    ...(asked.has(QueryFunction.QueryServerInformation) ? { vendorIdentification: VENDOR } : {}),
  };
}

/** §4.26: those of ours that the client named, in its order; all of ours, newest first, when it named none. */
export function answerDiscoverVersions(
  request: RequestOf<typeof Operation.DiscoverVersions>,
): ResponseOf<typeof Operation.DiscoverVersions> {
  const asked = request.protocolVersion ?? [];
  if (asked.length === 0) return { protocolVersion: SUPPORTED_VERSIONS };
  const shared = asked.filter((version) => isSupported(version));
  return {
    protocolVersion: shared.filter((v, i) => shared.findIndex((w) => compareVersions(v, w) === 0) === i),
  };
}

/** KMIP 2.0's SetAttribute is served too, but Query does not offer it to clients of KMIP 1 (D9). */
export const quietlyServed: readonly number[] = [OperationV2.SetAttribute];
