/** An expected message: its items with their types and values, and the variables in the places where the file has them. */
import { ItemType, type Ttlv, ttlvOfXml, type XmlElement } from '../../execution/kmip/index.ts';
import { isVariable, type Leaf, withValues } from './variables.ts';

export type Expected =
  | { readonly kind: 'structure'; readonly tag: number; readonly children: readonly Expected[] }
  | { readonly kind: 'value'; readonly tag: number; readonly leaf: Leaf }
  | { readonly kind: 'variable'; readonly tag: number; readonly type: ItemType; readonly name: string };

/** Stands in for a variable while the message around it is read. */
const placeholders: Readonly<Record<string, string>> = {
  TextString: '',
  ByteString: '',
  DateTime: '1970-01-01T00:00:00+00:00',
  Integer: '0',
  LongInteger: '0',
  BigInteger: '0000000000000000',
  Enumeration: '0x00000000',
  Boolean: 'false',
  Interval: '0',
};

export function expectedOf(element: XmlElement): Expected {
  return together(element, ttlvOfXml(withValues(element, (_, type) => placeholders[type] ?? '')));
}

/** The element and what was read from it have the same shape. */
function together(element: XmlElement, item: Ttlv): Expected {
  const { tag } = item;
  if (item.type === ItemType.Structure) {
    const children = item.value.map((child, index) => {
      const of = element.children[index];
      if (of === undefined) throw new Error(`<${element.name}> has more items than elements`);
      return together(of, child);
    });
    return { kind: 'structure', tag, children };
  }
  const text = element.attributes.get('value');
  if (text !== undefined && isVariable(text)) return { kind: 'variable', tag, type: item.type, name: text };
  return { kind: 'value', tag, leaf: item };
}
