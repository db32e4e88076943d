import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { GetAuditVerifyResponse } from '../../../../client/types.gen.ts';
import { call } from '../../api/client.ts';
import { SESSION } from '../../api/hooks.ts';
import { isSignedOut } from '../../api/signed-out.ts';
import { plural } from '../../api/words.ts';
import { Button } from '../../design/button.tsx';
import { Copyable } from '../../design/copyable.tsx';
import { given } from '../../design/form-values.ts';
import { Section } from '../../design/page.tsx';
import { Loading, Notice, ProblemBox } from '../../design/states.tsx';
import type { Verdict } from '../../session/may.ts';

type Fault = GetAuditVerifyResponse['faults'][number];
type Result = Pick<GetAuditVerifyResponse, 'ok' | 'events' | 'head' | 'faults' | 'faultCount'>;

const MEANS: Readonly<Record<Fault['kind'], string>> = {
  CHANGED: 'one event is not what was written',
  SWAPPED: 'two events stand in each other’s place',
  REMOVED: 'events are missing in between',
  REMOVED_AT_END: 'events are missing at the end',
  NOT_FOLLOWING: 'an event was replaced, with its hash: the next one does not follow',
  MISPLACED: 'an event stands elsewhere',
  UNREADABLE: 'an event says nothing that can be read',
  HEAD_DIFFERS: 'the head of the chain says something else',
  REWRITTEN: 'the chain fits by itself, and not what was signed',
  CHECKPOINT_FORGED: 'a checkpoint’s signature does not hold',
};
const MAX_PARTS = 200;

type State =
  | { readonly kind: 'idle' }
  | { readonly kind: 'busy'; readonly events: number }
  | { readonly kind: 'done'; readonly result: Result }
  | { readonly kind: 'failed'; readonly error: Error };

/** A long chain is walked in parts, each beginning where the one before has ended. */
async function verify(tenant: string | undefined, onPart: (events: number) => void): Promise<Result> {
  const faults: Fault[] = [];
  let faultCount = 0;
  let from: { after: number; hash: string } | undefined;
  for (let part = 0; part < MAX_PARTS; part++) {
    const answer = await call('getAuditVerify', { query: { ...given('tenant', tenant), ...from } });
    faults.push(...answer.faults);
    faultCount += answer.faultCount;
    if (answer.complete || answer.events === from?.after)
      return {
        ok: faultCount === 0 && answer.ok,
        events: answer.events,
        head: answer.head,
        faults,
        faultCount,
      };
    onPart(answer.events);
    from = { after: answer.events, hash: answer.head };
  }
  throw new Error('The chain is too long to be verified here. Use okcm audit verify');
}

export function VerifyChain({ tenant, may }: { readonly tenant?: string; readonly may: Verdict }) {
  const [state, setState] = useState<State>({ kind: 'idle' });
  const queries = useQueryClient();
  const start = async () => {
    setState({ kind: 'busy', events: 0 });
    try {
      const result = await verify(tenant, (events) => setState({ kind: 'busy', events }));
      setState({ kind: 'done', result });
    } catch (error) {
      if (isSignedOut(error)) void queries.resetQueries({ queryKey: SESSION });
      setState({ kind: 'failed', error: error instanceof Error ? error : new Error(String(error)) });
    }
  };
  return (
    <Section
      title="Is it whole?"
      intro="CMK recomputes every hash and holds the chain against every signed checkpoint. To trust it less: okcm audit verify computes by itself."
      actions={
        <Button
          tone="main"
          busy={state.kind === 'busy'}
          denied={may.allowed ? undefined : may.reason}
          onPress={() => void start()}
        >
          Verify the chain
        </Button>
      }
    >
      <div aria-live="polite">
        {state.kind === 'busy' && (
          <Loading
            what={`Verifying${state.events === 0 ? '' : `, ${plural(state.events, 'event')} so far`}`}
          />
        )}
        {state.kind === 'failed' && <ProblemBox error={state.error} />}
        {state.kind === 'done' && <ResultBox result={state.result} />}
      </div>
    </Section>
  );
}

function ResultBox({ result: { ok, events, head, faults, faultCount } }: { readonly result: Result }) {
  return (
    <Notice tone={ok ? 'ok' : 'bad'}>
      <p>
        <strong>{ok ? 'The chain is whole.' : `The chain is broken: ${plural(faultCount, 'fault')}.`}</strong>{' '}
        {plural(events, 'event')} recomputed.
      </p>
      {faults.length > 0 && (
        <ul>
          {faults.map(({ kind, sequence, to, with: other }) => (
            <li key={`${kind}/${sequence}`}>
              <code>{kind}</code> at event {sequence}
              {to === undefined ? '' : ` to ${to}`}
              {other === undefined ? '' : `, with ${other}`}: {MEANS[kind]}
            </li>
          ))}
        </ul>
      )}
      {!ok && <p>Keep the database as it is: what differs from an export or a backup is the evidence.</p>}
      <p>
        Head <Copyable value={head} name="hash of the head" short />
      </p>
    </Notice>
  );
}
