/** An operation of one's own, with its tags: client and server share the definition. */
import {
  call,
  defineOperation,
  integer,
  type KmipClient,
  required,
  structure,
  Tag,
  textString,
} from '../index.ts';

export const greeting = defineOperation({
  operation: 0x80000001, // vendors: 8XXXXXXX
  request: structure(Tag.RequestPayload, { name: required(0x540001, textString) }), // vendors: 54XXXX
  response: structure(Tag.ResponsePayload, { count: required(0x540002, integer) }),
});

export async function greetTwice(kmip: KmipClient): Promise<number> {
  const { count } = await kmip.request(greeting, { name: 'Ada' });
  const [again] = await kmip.batch([call(greeting, { name: 'Ada' })]);
  return again.ok ? again.payload.count : count;
}
