import type { Tone } from '../../api/words.ts';
import { Badge } from '../../design/badge.tsx';
import type { Lane, Node } from './nodes.ts';

interface Props {
  readonly lane: Lane;
  readonly chosen: string | undefined;
  readonly onChoose: (id: string) => void;
}

export function ChainLane({ lane, chosen, onChoose }: Props) {
  const { region, levels, linkState, linkTone, epoch } = lane;
  return (
    <section className="chain-region card" aria-label={`Key chain in ${region}`}>
      <div className="card-head">
        <h2>{region}</h2>
        <span className="row">
          link, epoch {epoch} <Badge state={linkState} tip={lane.linkMeans} />
        </span>
      </div>
      <div className="chain-lane">
        {levels.map(({ title, nodes, none }, index) => (
          <div key={title} className="chain-level">
            {index > 0 && (
              <Wires
                from={levels[index - 1]?.nodes ?? []}
                to={nodes}
                tone={index === 1 ? linkTone : undefined}
                said={index === 1 ? (linkState === 'none' ? '' : 'link') : index === 3 ? 'lease' : 'wraps'}
              />
            )}
            <h3 className="small muted">{title}</h3>
            {nodes.length === 0 ? (
              <p className="muted small">{none}</p>
            ) : (
              <ul className="chain-nodes">
                {nodes.map((node) => (
                  <li key={node.id}>
                    <button
                      type="button"
                      className={`node node-${node.tone}`}
                      aria-pressed={node.id === chosen}
                      onClick={() => onChoose(node.id)}
                    >
                      <span className="card-head">
                        <span className="node-name">{node.name}</span>
                        <Badge state={node.state} tone={node.tone} />
                      </span>
                      <span className="muted small">{node.detail}</span>
                    </button>
                  </li>
                ))}
              </ul>
            )}
          </div>
        ))}
      </div>
    </section>
  );
}

interface WiresProps {
  readonly from: readonly Node[];
  readonly to: readonly Node[];
  /** Of the link; every other wire is as the key that it comes to. */
  readonly tone: Tone | undefined;
  readonly said: string;
}

/** From the middle of each on the left to the middle of each on the right; in parts of a hundred of the lane's height. */
function Wires({ from, to, tone, said }: WiresProps) {
  if (from.length === 0 || to.length === 0) return null;
  const middle = (index: number, count: number): number => 12 + ((index + 0.5) / count) * 88;
  const lines = from.flatMap((source, left) =>
    to.map((target, right) => ({
      key: `${left}-${target.id}`,
      d: `M0 ${middle(left, from.length)}C22 ${middle(left, from.length)} 22 ${middle(right, to.length)} 44 ${middle(right, to.length)}`,
      // What is closed opens nothing, however well the next one is.
      tone: tone ?? (source.tone === 'off' || source.tone === 'bad' ? source.tone : target.tone),
    })),
  );
  return (
    <>
      <svg className="wire" viewBox="0 0 44 100" preserveAspectRatio="none" aria-hidden="true">
        {lines.map((line) => (
          <g key={line.key} className={`wire-${line.tone}`}>
            <path d={line.d} />
          </g>
        ))}
      </svg>
      {said !== '' && (
        <span className="wire-said" aria-hidden="true">
          {said}
        </span>
      )}
    </>
  );
}
