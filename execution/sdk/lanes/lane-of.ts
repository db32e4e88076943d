/** Which lane a request takes: D9's table, asked with the level that this client's own memory gives. */
import {
  childOf,
  ItemType,
  Operation,
  operationSchemas,
  structureItem,
  Tag,
  type Ttlv,
} from '../../kmip/index.ts';
import { isL3Address, isL4Create, type Level, routeOf } from '../../routing/index.ts';

/**
 * `hot`: the gateway answers from memory. `lifecycle`: the core answers, perhaps slowly. `first`: a key that this
 * client has not yet used at a gateway. It may be the core's as well, so it stands before no hot request; and most
 * are not, so it stands behind no lifecycle request.
 */
export const laneNames = ['hot', 'first', 'lifecycle'] as const;
export type LaneName = (typeof laneNames)[number];

/** What of a request says where it runs. */
export interface Subject {
  readonly operation: number;
  /** The Unique Identifier or `l3:` address; undefined when the request names none. */
  readonly uid: string | undefined;
  /** A Create that makes an L4. */
  readonly makesL4: boolean;
  /** Names no key, and so is about one that the same message has made before (KMIP 1.4 §6.4, ID Placeholder). */
  readonly usesNewL4: boolean;
  /** A part of an operation in several (KMIP 1.4 §4.29), which goes on where it began. */
  readonly isPart: boolean;
}

/** Reads it from the payload as it will be sent. `afterL4`: an item before it has made an L4. */
export function subjectOf(operation: number, payload: Ttlv, afterL4 = false): Subject {
  const fields = payload.type === ItemType.Structure ? payload : structureItem(Tag.RequestPayload, []);
  const uid = childOf(fields, Tag.UniqueIdentifier);
  const makesL4 =
    operation === Operation.Create && isL4Create(operationSchemas[Operation.Create].request.read(fields));
  return {
    operation,
    uid: uid?.type === ItemType.TextString ? uid.value : undefined,
    makesL4,
    usesNewL4: afterL4 && uid === undefined && !makesL4,
    isPart: [Tag.CorrelationValue, Tag.InitIndicator].some((tag) => childOf(fields, tag) !== undefined),
  };
}

/** The lane of one operation, where `isHeld` tells whether a gateway is known to hold the key. */
export function laneOf(subject: Subject, isHeld: (uid: string) => boolean): LaneName {
  const level = levelOf(subject, isHeld);
  if (routeOf(subject.operation, level) !== 'core') return 'hot';
  return level === 'unknown' && routeOf(subject.operation, 'L4') === 'local' ? 'first' : 'lifecycle';
}

function levelOf({ uid, makesL4, usesNewL4 }: Subject, isHeld: (uid: string) => boolean): Level {
  if (makesL4 || usesNewL4) return 'L4';
  if (uid === undefined) return 'none';
  if (isL3Address(uid)) return 'L3';
  return isHeld(uid) ? 'L4' : 'unknown';
}

/** A message goes where its slowest operation belongs. */
export function slowestOf(lanes: readonly LaneName[]): LaneName {
  return lanes.reduce<LaneName>(
    (slowest, lane) => (laneNames.indexOf(lane) > laneNames.indexOf(slowest) ? lane : slowest),
    'hot',
  );
}
