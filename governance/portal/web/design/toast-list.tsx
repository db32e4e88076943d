import { Link } from 'wouter';
import { Mark } from './badge.tsx';
import { IconButton } from './button.tsx';
import { ProblemFacts } from './problem-facts.tsx';
import { dismiss, useToasts } from './toasts.ts';

/** Read out as they come: politely, since whoever caused them waits for them. */
export function ToastList() {
  const toasts = useToasts();
  return (
    <section className="toasts" aria-live="polite" aria-relevant="additions" aria-label="Messages">
      {toasts.map(({ id, tone, title, error, to, link }) => (
        <div key={id} className={`toast toast-${tone}`}>
          <Mark tone={tone} />
          <div className="toast-body">
            <p>
              {title}
              {to !== undefined && (
                <>
                  {' '}
                  <Link href={to}>{link ?? 'More'}</Link>
                </>
              )}
            </p>
            {error !== undefined && <ProblemFacts error={error} />}
          </div>
          <IconButton icon="close" label="Close message" onPress={() => dismiss(id)} />
        </div>
      ))}
    </section>
  );
}
