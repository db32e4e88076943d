/** Who reaches whom by the NetworkPolicies: what the API says that they mean, for the peers that we use. */
import { BlockList, isIP } from 'node:net';
import { selects } from './test-checks.test.ts';
import type { Of } from './test-kinds.test.ts';

type Policy = Of<'NetworkPolicy'>;
type Rule = NonNullable<Policy['spec']['egress']>[number];
type Peer = Rule['to'][number];
type Labels = Readonly<Record<string, string>>;

export interface Endpoint {
  readonly name: string;
  readonly namespace: string;
  readonly namespaceLabels: Labels;
  readonly labels: Labels;
  /** An address outside of the cluster; such a one has no policies. */
  readonly address?: string;
  readonly ports: readonly number[];
}

const family = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 6 ? 'ipv6' : 'ipv4');
function isIn(address: string, cidr: string): boolean {
  const [network = '', bits = ''] = cidr.split('/');
  if (family(network) !== family(address)) return false;
  if (Number(bits) === 0) return true;
  const block = new BlockList();
  block.addSubnet(network, Number(bits), family(network));
  return block.check(address, family(address));
}

function isPeer(peer: Peer, other: Endpoint, namespace: string): boolean {
  if ('ipBlock' in peer) {
    const { cidr, except = [] } = peer.ipBlock;
    const { address } = other;
    return address !== undefined && isIn(address, cidr) && !except.some((each) => isIn(address, each));
  }
  if (other.address !== undefined) return false;
  const pods = 'podSelector' in peer ? peer.podSelector.matchLabels : undefined;
  const isThere =
    'namespaceSelector' in peer
      ? selects(peer.namespaceSelector.matchLabels, {
          ...other.namespaceLabels,
          'kubernetes.io/metadata.name': other.namespace,
        })
      : other.namespace === namespace;
  return isThere && selects(pods, other.labels);
}

export function reaches(policies: readonly Policy[], from: Endpoint, to: Endpoint, port: number): boolean {
  const about = (endpoint: Endpoint, direction: 'Ingress' | 'Egress'): Policy[] =>
    policies.filter(
      ({ metadata, spec }) =>
        endpoint.address === undefined &&
        metadata.namespace === endpoint.namespace &&
        spec.policyTypes.includes(direction) &&
        selects(spec.podSelector.matchLabels, endpoint.labels),
    );
  const onPort = ({ ports }: Pick<Rule, 'ports'>): boolean =>
    ports.some((each) => each.protocol === 'TCP' && each.port === port);
  const leaving = about(from, 'Egress');
  const mayLeave =
    leaving.length === 0 ||
    leaving.some(({ spec }) =>
      spec.egress?.some((rule) => onPort(rule) && rule.to.some((peer) => isPeer(peer, to, from.namespace))),
    );
  const entering = about(to, 'Ingress');
  const mayEnter =
    entering.length === 0 ||
    entering.some(({ spec }) =>
      spec.ingress?.some(
        (rule) => onPort(rule) && rule.from.some((peer) => isPeer(peer, from, to.namespace)),
      ),
    );
  return mayLeave && mayEnter;
}
