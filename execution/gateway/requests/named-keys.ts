/**
 * Which keys an item for the core is about, where it says so itself. What this gateway has made and not yet announced has
 * to be announced first where the core would miss it (D6), and nothing else has to wait for that.
 */
import { ItemType, Operation, type RequestItem, Tag, type Ttlv } from '../../kmip/index.ts';
import { uidIn } from './plan.ts';

/** Operations that look at, use or change the objects that they name, and at nothing else of the tenant: no search, no Name. */
const ABOUT_WHAT_THEY_NAME: ReadonlySet<number> = new Set([
  Operation.Get,
  Operation.GetAttributes,
  Operation.GetAttributeList,
  Operation.Check,
  Operation.ObtainLease,
  Operation.GetUsageAllocation,
  Operation.Activate,
  Operation.Revoke,
  Operation.Destroy,
  Operation.Encrypt,
  Operation.Decrypt,
]);

/** The unique identifiers that the items are about; undefined where they may be about anything that the tenant has. */
export function namedKeys(
  items: readonly RequestItem[],
  idPlaceholder: string | undefined,
): readonly string[] | undefined {
  const named = new Set<string>();
  for (const item of items) {
    if (!ABOUT_WHAT_THEY_NAME.has(item.operation)) return undefined;
    // A wrapping key that is named further down does not say which key is asked for.
    const own = uidIn(item) ?? idPlaceholder;
    if (own === undefined) return undefined;
    named.add(own);
    collectIdentifiers(item.payload, (uid) => named.add(uid));
  }
  return [...named];
}

/** Every Unique Identifier and Correlation Value in it, however deep: the codec that has read the message bounds that. */
export function collectIdentifiers(
  item: Ttlv,
  onUid: (uid: string) => void,
  onStream: (value: Uint8Array) => void = () => {},
): void {
  if (item.type === ItemType.Structure) {
    for (const child of item.value) collectIdentifiers(child, onUid, onStream);
  } else if (item.tag === Tag.UniqueIdentifier && item.type === ItemType.TextString) {
    onUid(item.value);
  } else if (item.tag === Tag.CorrelationValue && item.type === ItemType.ByteString) {
    onStream(item.value);
  }
}
