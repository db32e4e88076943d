/** Which lane a message takes, who is asked there, and how long one of them is listened to. */
import { isL3Address } from '../../routing/index.ts';
import { type LaneName, laneOf, type Subject, slowestOf } from './lane-of.ts';

/** A gateway, as far as it matters here. */
export interface Candidate {
  readonly known: {
    isQuick(uid: string): boolean;
    isHeld(uid: string): boolean;
  };
  readonly lanes: Readonly<Record<LaneName, { readonly isWell: boolean }>>;
}

/**
 * How long one attempt waits. `lane`: as its lane says, since nobody else knows better. `hot-attempt`, `hot-deadline`: no
 * longer than an attempt, or all attempts together, would take in the hot lane, so that there is time for somebody else.
 */
export type Patience = 'lane' | 'hot-attempt' | 'hot-deadline';

export interface Choice<G> {
  readonly lane: LaneName;
  /** Nobody in particular where it is empty: everybody. As it is now: what is learnt later must not leave nobody. */
  readonly asked: readonly G[];
  readonly patience: Patience;
}

/**
 * Gateways that are known to hold the keys that a message names are asked where there are some: a key that has just been
 * made or changed may be unknown to others for a moment (D6). `avoid`: whoever has failed this message already; it is
 * asked again only where there is nobody else.
 */
export function whomToAsk<G extends Candidate>(
  subjects: readonly Subject[],
  gateways: readonly G[],
  avoid: ReadonlySet<G>,
): Choice<G> {
  const uids = subjects.flatMap(({ uid }) => (uid === undefined || isL3Address(uid) ? [] : [uid]));
  const whoKnowAll = (knows: (gateway: G, uid: string) => boolean): readonly G[] =>
    uids.length === 0 ? [] : gateways.filter((gateway) => uids.every((uid) => knows(gateway, uid)));
  const spared = avoid.size < gateways.length ? avoid : new Set<G>();
  const usable = (known: readonly G[], lane: LaneName): readonly G[] => {
    const left = known.filter((gateway) => !spared.has(gateway));
    return left.some((gateway) => gateway.lanes[lane].isWell) ? left : [];
  };

  const quick = whoKnowAll((gateway, uid) => gateway.known.isQuick(uid));
  const isHot = usable(quick, 'hot').length > 0;
  const lane = slowestOf(subjects.map((subject) => laneOf(subject, () => isHot)));
  const holders = usable(quick, lane);
  // The core answers what is no gateway's own, and whoever answers from memory is asked first.
  if (lane === 'lifecycle' || isHot) return { lane, asked: holders, patience: 'lane' };

  // Who made it, or answered for it, and then was silent, surely has it: but while there is somebody else, not for long.
  const silent = whoKnowAll((gateway, uid) => gateway.known.isHeld(uid));
  if (silent.length === 0) return { lane, asked: holders, patience: 'lane' };
  const asked = holders.length > 0 ? holders : usable(silent, lane);
  // Others have to ask for it, and may ask in vain.
  if (asked.length === 0) return { lane, asked: [], patience: 'hot-deadline' };
  const isAnybodyElse = gateways.some((gateway) => !avoid.has(gateway) && !silent.includes(gateway));
  return { lane, asked, patience: isAnybodyElse ? 'hot-attempt' : 'lane' };
}
