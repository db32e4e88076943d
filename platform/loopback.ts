/** Whether what is said to a host stays on this machine. */
import { BlockList, isIP } from 'node:net';

const addresses = new BlockList();
addresses.addSubnet('127.0.0.0', 8, 'ipv4');
addresses.addAddress('::1', 'ipv6');

/** `host`: `localhost`, or an address, as in a URL or bare. Other names may mean anything, and are none. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  const family = isIP(bare);
  return bare === 'localhost' || (family !== 0 && addresses.check(bare, family === 6 ? 'ipv6' : 'ipv4'));
}
