/** Reading trees of items by hand: a conformance case may hold what no schema of ours allows. */
import { childOf, ItemType, Operation, ResultStatus, Tag, type Ttlv } from '../../execution/kmip/index.ts';

export function childrenOf(item: Ttlv | undefined, tag?: number): readonly Ttlv[] {
  if (item?.type !== ItemType.Structure) return [];
  return tag === undefined ? item.value : item.value.filter((child) => child.tag === tag);
}

/** The item below `item` by this way of tags. */
export function itemAt(item: Ttlv | undefined, ...tags: readonly number[]): Ttlv | undefined {
  return tags.reduce<Ttlv | undefined>((at, tag) => at && childOf(at, tag), item);
}

export function textAt(item: Ttlv | undefined, ...tags: readonly number[]): string | undefined {
  const found = itemAt(item, ...tags);
  return found?.type === ItemType.TextString ? found.value : undefined;
}

export function numberAt(item: Ttlv | undefined, ...tags: readonly number[]): number | undefined {
  const found = itemAt(item, ...tags);
  return typeof found?.value === 'number' ? found.value : undefined;
}

export function bytesAt(item: Ttlv | undefined, ...tags: readonly number[]): Uint8Array | undefined {
  const found = itemAt(item, ...tags);
  return found?.type === ItemType.ByteString ? found.value : undefined;
}

/** Every item of the tree with this tag. */
export function* itemsWith(item: Ttlv | undefined, tag: number): Generator<Ttlv> {
  if (item === undefined) return;
  if (item.tag === tag) yield item;
  for (const child of childrenOf(item)) yield* itemsWith(child, tag);
}

/** The values of the attributes of this name anywhere below, in all templates of a request. */
export function attributesNamed(item: Ttlv | undefined, name: string): readonly Ttlv[] {
  return [...itemsWith(item, Tag.Attribute)].flatMap((attribute) =>
    textAt(attribute, Tag.AttributeName) === name ? childrenOf(attribute, Tag.AttributeValue) : [],
  );
}

/** One item of a batch, asked and answered. */
export interface Answered {
  readonly operation: number | undefined;
  readonly request: Ttlv | undefined;
  readonly response: Ttlv | undefined;
  readonly succeeded: boolean;
}

/** The items of a response beside those of its request: by Unique Batch Item ID where there is one, else by place. */
export function answeredItems(request: Ttlv, response: Ttlv): readonly Answered[] {
  const asked = childrenOf(request, Tag.BatchItem);
  return childrenOf(response, Tag.BatchItem).map((answer, index) => {
    const id = bytesAt(answer, Tag.UniqueBatchItemID);
    const from =
      (id && asked.find((item) => sameBytes(bytesAt(item, Tag.UniqueBatchItemID), id))) ?? asked[index];
    return {
      operation: numberAt(from, Tag.Operation) ?? numberAt(answer, Tag.Operation),
      request: itemAt(from, Tag.RequestPayload),
      response: itemAt(answer, Tag.ResponsePayload),
      succeeded: numberAt(answer, Tag.ResultStatus) === ResultStatus.Success,
    };
  });
}

export function sameBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a !== undefined && b !== undefined && Buffer.compare(a, b) === 0;
}

/** Operations whose success leaves an object that was not there before. */
const creating: ReadonlySet<number> = new Set([
  Operation.Create,
  Operation.CreateKeyPair,
  Operation.Register,
  Operation.ReKey,
  Operation.ReKeyKeyPair,
  Operation.DeriveKey,
  Operation.Certify,
  Operation.ReCertify,
  Operation.CreateSplitKey,
  Operation.JoinSplitKey,
  Operation.Import,
  // What has been asked for asynchronously is answered here.
  Operation.Poll,
]);

/** Unique identifiers of the objects that these items have made. */
export function objectsMade(items: readonly Answered[]): readonly string[] {
  return items
    .filter(({ operation, succeeded }) => succeeded && operation !== undefined && creating.has(operation))
    .flatMap(({ response }) =>
      [Tag.UniqueIdentifier, Tag.PrivateKeyUniqueIdentifier, Tag.PublicKeyUniqueIdentifier].flatMap((tag) =>
        childrenOf(response, tag).flatMap((item) => (item.type === ItemType.TextString ? [item.value] : [])),
      ),
    );
}
