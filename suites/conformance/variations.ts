/**
 * Where an answer may differ from the expected one and still be right: the variations that KMIP Profiles 1.4 permits in
 * test cases. Each has a name, which a report tells when a case needed it. Whatever is not here is a failure.
 */
import {
  BlockCipherMode,
  ItemType,
  KeyFormatType,
  ObjectType,
  Operation,
  PaddingMethod,
  QueryFunction,
  Tag,
  type Ttlv,
} from '../../execution/kmip/index.ts';
import type { Expected } from './expected.ts';
import { type Answered, bytesAt, childrenOf, itemAt, numberAt, textAt } from './items.ts';
import type { Ledger } from './ledger.ts';
import { type Leaf, sameLeaf } from './variables.ts';

/** A place where expectation and answer differ. */
export interface Site {
  readonly tag: number;
  /** Tags from the message down to the structure that holds the place. */
  readonly parents: readonly number[];
  /** Name of the Attribute that it belongs to. */
  readonly attribute: string | undefined;
  /** Undefined: the answer has something that was not expected. */
  readonly expected: Expected | undefined;
  /** Undefined: what was expected is not there. */
  readonly got: Ttlv | undefined;
  readonly gotParent: Ttlv | undefined;
  readonly item: (Answered & { readonly uid: string | undefined }) | undefined;
  /** The seconds of the case until the answer. */
  readonly span: { readonly fromS: number; readonly toS: number };
}

interface Variation {
  readonly about: string;
  readonly permits: (site: Site, ledger: Ledger) => boolean;
}

/** Both are there, of one type and, where they are bytes, of one length. */
function isOtherValue({ expected, got }: Site, sameLength = true): boolean {
  if (expected?.kind !== 'value' || got === undefined || got.type !== expected.leaf.type) return false;
  if (got.type !== ItemType.ByteString || expected.leaf.type !== ItemType.ByteString) return true;
  return sameLength ? got.value.length === expected.leaf.value.length : got.value.length > 0;
}

const isIn = (site: Site, tag: number): boolean => site.parents.includes(tag);
const isOf = (site: Site, ...operations: readonly number[]): boolean =>
  site.item?.operation !== undefined && operations.includes(site.item.operation);
const isDirectlyInPayload = ({ parents }: Site): boolean => parents.at(-1) === Tag.ResponsePayload;

/** The material of public and private keys is DER: a leading zero more or less changes its length. */
function isKeyPair(uid: string | undefined, ledger: Ledger): boolean {
  const type = ledger.of(uid)?.objectType;
  return type === ObjectType.PublicKey || type === ObjectType.PrivateKey;
}

function paddingOf({ item }: Site, ledger: Ledger): number | undefined {
  return (
    numberAt(item?.request, Tag.CryptographicParameters, Tag.PaddingMethod) ??
    numberAt(ledger.of(item?.uid)?.parameters, Tag.PaddingMethod)
  );
}

const cipherOutputs: ReadonlySet<number> = new Set([
  Tag.Data,
  Tag.AuthenticatedEncryptionTag,
  Tag.SignatureData,
  Tag.MACData,
]);
const queryLists: ReadonlySet<number> = new Set([
  Tag.Operation,
  Tag.ObjectType,
  Tag.ApplicationNamespace,
  Tag.ExtensionInformation,
  Tag.AttestationType,
  Tag.RNGParameters,
  Tag.ProfileInformation,
  Tag.ValidationInformation,
  Tag.CapabilityInformation,
  Tag.ClientRegistrationMethod,
]);
/** Dates that a server sets by itself. */
const serverDates: ReadonlySet<string> = new Set([
  'Initial Date',
  'Activation Date',
  'Process Start Date',
  'Protect Stop Date',
  'Deactivation Date',
  'Destroy Date',
  'Compromise Occurrence Date',
  'Compromise Date',
  'Archive Date',
  'Last Change Date',
  'Original Creation Date',
]);
/** They give the same bytes for the same key and data. */
const steadyModes: ReadonlySet<number> = new Set([
  BlockCipherMode.NISTKeyWrap,
  BlockCipherMode.AESKeyWrapPadding,
  BlockCipherMode.ECB,
]);
/** What a certificate says of itself. */
const certificateAttributes: ReadonlySet<string> = new Set([
  'Certificate Length',
  'X.509 Certificate Identifier',
  'X.509 Certificate Subject',
  'X.509 Certificate Issuer',
  'Certificate Identifier',
  'Certificate Subject',
  'Certificate Issuer',
  'Digital Signature Algorithm',
]);

export const variations = {
  'result message': {
    about: 'The text of a Result Message, and whether there is one.',
    permits: ({ tag }) => tag === Tag.ResultMessage,
  },
  'server correlation': {
    about: 'A Server Correlation Value in the header, and the value of any correlation value of the server.',
    permits: (site) =>
      site.tag === Tag.ServerCorrelationValue ||
      ((site.tag === Tag.CorrelationValue || site.tag === Tag.AsynchronousCorrelationValue) &&
        isOtherValue(site, false)),
  },
  'template attribute': {
    about: 'Whether a response names the attributes that the server has set implicitly (Template Attribute).',
    permits: (site) =>
      isDirectlyInPayload(site) &&
      (site.tag === Tag.TemplateAttribute ||
        site.tag === Tag.PrivateKeyTemplateAttribute ||
        site.tag === Tag.PublicKeyTemplateAttribute),
  },
  'attribute index 0': {
    about: 'Whether an Attribute Index of 0 is written; absent it means the same.',
    permits: ({ tag, expected, got }) =>
      tag === Tag.AttributeIndex &&
      (expected === undefined || (expected.kind === 'value' && expected.leaf.value === 0)) &&
      (got === undefined || got.value === 0),
  },
  'more attributes': {
    about: 'Attributes beyond the expected ones, where the request named none: a server may hold more.',
    permits: ({ tag, parents, expected, item }) =>
      expected === undefined &&
      parents.at(-1) === Tag.ResponsePayload &&
      (tag === Tag.AttributeName ||
        (tag === Tag.Attribute && childrenOf(item?.request, Tag.AttributeName).length === 0)) &&
      (item?.operation === Operation.GetAttributes ||
        item?.operation === Operation.GetAttributeList ||
        item?.operation === Operation.Export),
  },
  'located items': {
    about: 'Located Items where none was expected, if it is the number of objects that were found.',
    permits: ({ tag, expected, got, gotParent, item }) => {
      if (tag !== Tag.LocatedItems || expected !== undefined || got?.type !== ItemType.Integer) return false;
      const named = childrenOf(gotParent, Tag.UniqueIdentifier).length;
      return itemAt(item?.request, Tag.MaximumItems) === undefined ? got.value === named : got.value >= named;
    },
  },
  'server information': {
    about: 'Vendor Identification, and what is in Server Information.',
    permits: (site) =>
      isOf(site, Operation.Query) &&
      (site.tag === Tag.VendorIdentification || isIn(site, Tag.ServerInformation)),
  },
  'more in Query': {
    about: 'Operations, object types and other things beyond those that a Query is expected to list.',
    permits: (site) =>
      isOf(site, Operation.Query) &&
      site.expected === undefined &&
      isDirectlyInPayload(site) &&
      queryLists.has(site.tag) &&
      wasAsked(site),
  },
  'server-to-client operations': {
    about:
      'Put and Notify, which a server sends and never takes, need not be among the operations of a Query.',
    permits: (site) =>
      isOf(site, Operation.Query) &&
      site.tag === Tag.Operation &&
      site.got === undefined &&
      site.expected?.kind === 'value' &&
      (site.expected.leaf.value === Operation.Put || site.expected.leaf.value === Operation.Notify),
  },
  'application namespaces': {
    about: 'Which application namespaces a Query lists.',
    permits: (site) => isOf(site, Operation.Query) && site.tag === Tag.ApplicationNamespace,
  },
  'more versions': {
    about: 'Protocol versions beyond the expected ones, where Discover Versions asked for all.',
    permits: (site) =>
      isOf(site, Operation.DiscoverVersions) &&
      site.expected === undefined &&
      site.tag === Tag.ProtocolVersion &&
      childrenOf(site.item?.request, Tag.ProtocolVersion).length === 0,
  },
  'lease time': {
    about: 'How long a lease lasts.',
    permits: (site) =>
      (site.tag === Tag.LeaseTime || site.attribute === 'Lease Time') &&
      isOtherValue(site) &&
      typeof site.got?.value === 'number' &&
      site.got.value > 0,
  },
  'random number generator': {
    about: 'Which random number generator the server has, and its parameters.',
    permits: (site) =>
      (site.attribute === 'Random Number Generator' || isIn(site, Tag.RNGParameters)) &&
      site.tag !== Tag.AttributeName &&
      itemAt(site.gotParent, Tag.RNGAlgorithm) !== undefined,
  },
  'material made by the server': {
    about:
      'Key material that the server chose or derived from what it chose; of the same length where it is symmetric, and the same whenever it is read.',
    permits: (site, ledger) => {
      const { item, got, tag } = site;
      const isMaterial =
        (tag === Tag.KeyMaterial || tag === Tag.KeyValue) &&
        isOtherValue(site, !isKeyPair(item?.uid, ledger));
      const isPart = isIn(site, Tag.KeyMaterial) && isOtherValue(site, false);
      if (!(isMaterial || isPart) || item?.uid === undefined || !ledger.isServerMade(item.uid)) return false;
      if (
        got?.type !== ItemType.ByteString ||
        itemAt(item.request, Tag.KeyWrappingSpecification) !== undefined
      )
        return true;
      const format = numberAt(item.request, Tag.KeyFormatType) ?? 'default';
      return ledger.isAsBefore(item.uid, `${tag} in format ${format}`, got.value);
    },
  },
  'digest of material made by the server': {
    about: 'The Digest of such material, which must be that of the material where that has been read.',
    permits: (site, ledger) => {
      const { item, got, tag, attribute } = site;
      return (
        attribute === 'Digest' &&
        tag === Tag.DigestValue &&
        got?.type === ItemType.ByteString &&
        isOtherValue(site) &&
        item?.uid !== undefined &&
        ledger.isServerMade(item.uid) &&
        ledger.mayBeDigest(item.uid, site.gotParent, got.value) &&
        ledger.isAsBefore(item.uid, `digest ${numberAt(site.gotParent, Tag.KeyFormatType)}`, got.value)
      );
    },
  },
  'key format chosen by the server': {
    about: 'The Key Format Type of a key pair that the server made, where the request asked for none.',
    permits: (site, ledger) =>
      site.tag === Tag.KeyFormatType &&
      isOtherValue(site) &&
      ledger.isServerMade(site.item?.uid) &&
      isKeyPair(site.item?.uid, ledger) &&
      itemAt(site.item?.request, Tag.KeyFormatType) === undefined,
  },
  'output under a key made by the server': {
    about: 'What Encrypt, Decrypt, Sign and MAC give under such a key; of the same length.',
    permits: (site, ledger) =>
      isOf(site, Operation.Encrypt, Operation.Decrypt, Operation.Sign, Operation.MAC) &&
      isDirectlyInPayload(site) &&
      cipherOutputs.has(site.tag) &&
      ledger.isServerMade(site.item?.uid) &&
      isOtherValue(site, !ledger.isDsa(site.item?.uid)),
  },
  'randomised signature': {
    about: 'The signature of a randomised scheme: RSASSA-PSS, DSA, ECDSA.',
    permits: (site, ledger) =>
      isOf(site, Operation.Sign) &&
      site.tag === Tag.SignatureData &&
      (paddingOf(site, ledger) === PaddingMethod.PSS || ledger.isDsa(site.item?.uid)) &&
      isOtherValue(site, !ledger.isDsa(site.item?.uid)),
  },
  'randomised encryption': {
    about: 'What is encrypted with a public key under a randomised padding: OAEP, PKCS#1 v1.5.',
    permits: (site, ledger) =>
      isOf(site, Operation.Encrypt) &&
      site.tag === Tag.Data &&
      isKeyPair(site.item?.uid, ledger) &&
      paddingOf(site, ledger) !== PaddingMethod.None &&
      isOtherValue(site),
  },
  'IV chosen by the server': {
    about: 'An IV/Counter/Nonce that the client left to the server, and what was encrypted with it.',
    permits: (site) =>
      isOf(site, Operation.Encrypt) &&
      isDirectlyInPayload(site) &&
      (site.tag === Tag.IVCounterNonce || cipherOutputs.has(site.tag)) &&
      itemAt(site.item?.request, Tag.IVCounterNonce) === undefined &&
      bytesAt(site.item?.response, Tag.IVCounterNonce) !== undefined &&
      isOtherValue(site),
  },
  'random bytes': {
    about: 'The bytes of RNG Retrieve; as many as expected.',
    permits: (site) => isOf(site, Operation.RNGRetrieve) && site.tag === Tag.Data && isOtherValue(site),
  },
  'wrapping that cannot be foretold': {
    about:
      "A wrapped Key Value, its IV and MAC, where the wrapping key is the server's, or the IV was left to the server; of the same length.",
    permits: (site, ledger) => {
      const wrapping = itemAt(site.item?.request, Tag.KeyWrappingSpecification, Tag.EncryptionKeyInformation);
      const mode = numberAt(wrapping, Tag.CryptographicParameters, Tag.BlockCipherMode);
      const isSteady = mode === undefined || steadyModes.has(mode);
      return (
        wrapping !== undefined &&
        isIn(site, Tag.KeyBlock) &&
        (site.tag === Tag.KeyValue || site.tag === Tag.IVCounterNonce || site.tag === Tag.MACSignature) &&
        (!isSteady || ledger.isServerMade(textAt(wrapping, Tag.UniqueIdentifier))) &&
        isOtherValue(site)
      );
    },
  },
  'PKCS#12 container': {
    about: 'Key material in PKCS#12, which is encrypted under a new salt each time.',
    permits: (site) =>
      site.tag === Tag.KeyMaterial &&
      numberAt(site.item?.request, Tag.KeyFormatType) === KeyFormatType.PKCS_12 &&
      isOtherValue(site, false),
  },
  'dates of the server': {
    about:
      'A Time Stamp, and a date that no request of the case has given, where the case has one of its own day: any second of the case.',
    permits: ({ tag, attribute, expected, got, span }, ledger) =>
      (tag === Tag.TimeStamp ||
        tag === Tag.LastChangeDate ||
        (tag === Tag.AttributeValue &&
          attribute !== undefined &&
          serverDates.has(attribute) &&
          !ledger.wasGiven(attribute))) &&
      expected?.kind === 'value' &&
      got?.type === ItemType.DateTime &&
      got.value >= span.fromS &&
      got.value <= span.toS,
  },
  'certificate made by the server': {
    about: 'A certificate that the server issued, and what its attributes say of it.',
    permits: (site, ledger) =>
      ledger.isServerMade(site.item?.uid) &&
      ledger.of(site.item?.uid)?.objectType === ObjectType.Certificate &&
      (site.tag === Tag.CertificateValue ||
        (site.attribute !== undefined &&
          certificateAttributes.has(site.attribute) &&
          site.tag !== Tag.AttributeName)) &&
      (isOtherValue(site, false) || site.expected === undefined),
  },
} as const satisfies Readonly<Record<string, Variation>>;

/** What is not a difference in a value, but in how values are told. */
export const comparisons = {
  moments:
    '`$NOW` is any second between the start of the case (or of the first of several that belong together) and the answer; two seconds either side are allowed for clocks.',
  order:
    'The order of Attributes, of Attribute Names, of what Query and Discover Versions list, and of the objects that Locate finds.',
  variables: 'A variable is bound by the first value that it meets, and equal to it from then on.',
} as const;

export type VariationName = keyof typeof variations;
export const variationNames = Object.keys(variations) as VariationName[];

/** The first variation that permits the difference. */
export function permittedBy(site: Site, ledger: Ledger): VariationName | undefined {
  return variationNames.find((name) => variations[name].permits(site, ledger));
}

const listOfFunction: Readonly<Record<number, readonly number[]>> = {
  [QueryFunction.QueryOperations]: [Tag.Operation],
  [QueryFunction.QueryObjects]: [Tag.ObjectType],
  [QueryFunction.QueryApplicationNamespaces]: [Tag.ApplicationNamespace],
  [QueryFunction.QueryExtensionList]: [Tag.ExtensionInformation],
  [QueryFunction.QueryExtensionMap]: [Tag.ExtensionInformation],
  [QueryFunction.QueryAttestationTypes]: [Tag.AttestationType],
  [QueryFunction.QueryRNGs]: [Tag.RNGParameters],
  [QueryFunction.QueryValidations]: [Tag.ValidationInformation],
  [QueryFunction.QueryProfiles]: [Tag.ProfileInformation],
  [QueryFunction.QueryCapabilities]: [Tag.CapabilityInformation],
  [QueryFunction.QueryClientRegistrationMethods]: [Tag.ClientRegistrationMethod],
};

/** A Query lists more of what it was asked for, and nothing else. */
function wasAsked({ tag, item }: Site): boolean {
  return childrenOf(item?.request, Tag.QueryFunction).some(
    ({ value }) => typeof value === 'number' && listOfFunction[value]?.includes(tag) === true,
  );
}

export function sameValue(expected: Leaf, got: Ttlv): boolean {
  if (got.type === ItemType.Structure) return false;
  return sameLeaf(expected, got);
}
