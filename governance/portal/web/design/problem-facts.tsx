import { ApiProblem } from '../../../client/problem.ts';
import { Copyable } from './copyable.tsx';

/** Code, what to do next, and by what this very request is found in logs. */
export function ProblemFacts({ error }: { readonly error: Error }) {
  if (!(error instanceof ApiProblem)) return null;
  return (
    <>
      {error.hint !== undefined && <p className="hint">{error.hint}</p>}
      <p className="problem-ids">
        <code>{error.code}</code>
        {error.correlationId !== undefined && <Copyable value={error.correlationId} name="correlation id" />}
      </p>
    </>
  );
}
