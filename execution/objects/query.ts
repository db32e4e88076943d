/**
 * What the server says of itself: Query (KMIP 1.4 §4.25) and Discover Versions (§4.26). The gateway answers for the
 * whole region, since an application sees one endpoint (split record §3); the core answers the same when it is asked.
 */
import {
  ClientRegistrationMethod,
  compareVersions,
  DestroyAction,
  enumerationKnown,
  isSupported,
  knows,
  ObjectType,
  Operation,
  OperationV2,
  operationSince,
  ProfileName,
  QueryFunction,
  type RequestOf,
  type ResponseOf,
  RNGMode,
  ShreddingAlgorithm,
  SUPPORTED_VERSIONS,
  structureItem,
  Tag,
  UnwrapMode,
  type Version,
} from '../kmip/index.ts';
import { rngParameters } from './random-source.ts';

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
  Operation.ObtainLease,
  Operation.GetUsageAllocation,
  Operation.Activate,
  Operation.Revoke,
  Operation.Destroy,
  Operation.Archive,
  Operation.Recover,
  Operation.Query,
  Operation.Cancel,
  Operation.Poll,
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

/** The profiles (KMIP Profiles 1.4) of a server whose test cases are answered as they have it: suites/conformance replays them. */
const servedProfiles: readonly number[] = [
  ProfileName.BaselineServerBasicKMIPV1_4,
  ProfileName.BaselineServerTLSV1_2KMIPV1_4,
  ProfileName.SymmetricKeyLifecycleServerKMIPV1_4,
  ProfileName.SymmetricKeyFoundryServerKMIPV1_4,
  ProfileName.OpaqueManagedObjectStoreServerKMIPV1_4,
  ProfileName.AsymmetricKeyLifecycleServerKMIPV1_4,
  ProfileName.BasicCryptographicServerKMIPV1_4,
  ProfileName.AdvancedCryptographicServerKMIPV1_4,
  ProfileName.RNGCryptographicServerKMIPV1_4,
  ProfileName.StorageArrayWithSelfEncryptingDriveServerKMIPV1_4,
  ProfileName.TapeLibraryServerKMIPV1_4,
  ProfileName.HTTPSServerKMIPV1_4,
  ProfileName.JSONServerKMIPV1_4,
  ProfileName.XMLServerKMIPV1_4,
];

const VENDOR = 'OpenKCM';

const capabilities = {
  // Encrypt, Decrypt, Sign, MAC and Hash in parts: see execution/cipher/streams.ts.
  streamingCapability: true,
  // Slow operations, where the client allows it: see execution/core/kmip/asynchronous.ts.
  asynchronousCapability: true,
  attestationCapability: false,
  batchUndoCapability: true,
  batchContinueCapability: true,
  // A wrapped key is kept as it came, and unwrapped where it is used; Import unwraps it where it is told to.
  unwrapMode: UnwrapMode.NotProcessed,
  // The envelope is deleted; what is left cannot be told from what a database keeps of any deleted row.
  destroyAction: DestroyAction.KeyMaterialDeleted,
  shreddingAlgorithm: ShreddingAlgorithm.Unsupported,
  rngMode: RNGMode.SharedInstantiation,
} as const;

type QueryAnswer = ResponseOf<typeof Operation.Query>;

/**
 * What each function is answered with (§4.25). Of Application Namespaces, Extensions, Attestation Types and Validations
 * there are none, and none is the answer: no Application Data is made up, no vendor tag is for clients, attestation is not
 * asked for, and no laboratory has looked at this yet.
 */
const answers: Readonly<Record<QueryFunction, (version: Version) => QueryAnswer>> = {
  [QueryFunction.QueryOperations]: (version) => ({
    operation: servedOperations.filter((operation) => {
      const since = operationSince(operation);
      return since !== undefined && knows(version, since);
    }),
  }),
  [QueryFunction.QueryObjects]: (version) => ({
    objectType: servedObjectTypes.filter((type) => enumerationKnown(Tag.ObjectType, type, version)),
  }),
  [QueryFunction.QueryServerInformation]: () => ({
    vendorIdentification: VENDOR,
    serverInformation: structureItem(Tag.ServerInformation, []),
  }),
  [QueryFunction.QueryApplicationNamespaces]: () => ({}),
  [QueryFunction.QueryExtensionList]: () => ({}),
  [QueryFunction.QueryExtensionMap]: () => ({}),
  [QueryFunction.QueryAttestationTypes]: () => ({}),
  [QueryFunction.QueryRNGs]: () => ({ rngParameters: [rngParameters] }),
  [QueryFunction.QueryValidations]: () => ({}),
  [QueryFunction.QueryProfiles]: () => ({
    profileInformation: servedProfiles.map((profileName) => ({ profileName })),
  }),
  [QueryFunction.QueryCapabilities]: () => ({ capabilityInformation: [capabilities] }),
  // D10: whoever runs the region registers the key that a client brings.
  [QueryFunction.QueryClientRegistrationMethods]: () => ({
    clientRegistrationMethod: [ClientRegistrationMethod.ClientRegistered],
  }),
};

function isQueryFunction(asked: number): asked is QueryFunction {
  return Object.hasOwn(answers, asked);
}

/** A function that there is not is answered with nothing, as one about which there is nothing to say. */
export function answerQuery(request: RequestOf<typeof Operation.Query>, version: Version): QueryAnswer {
  const given = request.queryFunction.filter(isQueryFunction).map((asked) => answers[asked](version));
  return Object.assign({}, ...given) as QueryAnswer;
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
