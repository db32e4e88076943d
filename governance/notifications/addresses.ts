/**
 * Where a webhook may go. Its address comes from a tenant and the request from inside our network, so everything that is
 * not on the public internet is refused unless the installation allows it: loopback, private and link-local networks (and
 * with them the metadata services of clouds), and whatever else IANA sets apart (RFC 6890, RFC 8190). What was checked is
 * what is connected to: a name that resolves to something else a moment later gains nothing.
 */
import { Resolver } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import { NAME_LOOKUP } from '../limits.ts';

const SET_APART: readonly (readonly [network: string, prefix: number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
  // Of IPv6 only 2000::/3 is global at all; these are the parts of it that are not, or that lead into IPv4.
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
];
const GLOBAL_IPV6 = ['2000::', 3] as const;

/** A reason to refuse or to fail, in a word that says nothing of what lies behind it. */
export class DeliveryError extends Error {
  readonly code: string;
  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

export interface AddressGuard {
  permits(address: string): boolean;
}

const family = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 4 ? 'ipv4' : 'ipv6');

function listOf(networks: Iterable<readonly [string, number]>): BlockList {
  const list = new BlockList();
  for (const [network, prefix] of networks) list.addSubnet(network, prefix, family(network));
  return list;
}

const setApart = listOf(SET_APART);
const globalIpv6 = listOf([GLOBAL_IPV6]);

/** `allow`: networks such as `10.20.0.0/16` that are permitted although they are set apart. Throws on what is none. */
export function guardOf(allow: readonly string[]): AddressGuard {
  const allowed = listOf(
    allow.map((network) => {
      const [address = '', prefix = ''] = network.split('/');
      return [address, Number(prefix)] as const;
    }),
  );
  return {
    permits(address) {
      const kind = isIP(address);
      if (kind === 0) return false;
      const version = family(address);
      if (allowed.check(address, version)) return true;
      if (kind === 6 && !globalIpv6.check(address, 'ipv6')) return false;
      return !setApart.check(address, version);
    },
  };
}

/** The host of a URL without the brackets of an IPv6 address. */
export const hostOf = (url: URL): string => url.hostname.replace(/^\[|\]$/g, '');

/** The addresses of a name; none where there is no such name. */
export type Lookup = (name: string) => Promise<readonly string[]>;

/**
 * The address to connect to. One that may not be reached spoils all of a name's: whoever mixes them has something in mind.
 * Errors: DeliveryError ADDRESS_REFUSED, NAME_UNKNOWN.
 */
export async function checkedAddress(
  host: string,
  guard: AddressGuard,
  lookup: Lookup = askNameServers,
): Promise<string> {
  const addresses = isIP(host) !== 0 ? [host] : await lookup(host);
  const [first] = addresses;
  if (first === undefined) throw new DeliveryError('NAME_UNKNOWN');
  if (!addresses.every((address) => guard.permits(address))) throw new DeliveryError('ADDRESS_REFUSED');
  return first;
}

/**
 * By DNS alone, as this machine is configured for it, and not by its file of hosts: the system's own look-up occupies one
 * of the process's few threads for as long as somebody's name server likes.
 */
async function askNameServers(name: string): Promise<readonly string[]> {
  const resolver = new Resolver(NAME_LOOKUP);
  const answers = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
  return answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
}
