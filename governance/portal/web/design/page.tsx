import { type ReactNode, useEffect, useRef } from 'react';
import { Link, useLocation } from 'wouter';

interface Props {
  readonly title: string;
  /** Shown instead of the title, where it is more than words. */
  readonly heading?: ReactNode;
  readonly up?: { readonly to: string; readonly title: string };
  readonly intro?: ReactNode;
  readonly actions?: ReactNode;
  readonly children: ReactNode;
}

/** The heading takes the focus when a page is opened, so that screen readers and keyboards begin there. */
export function Page({ title, heading, up, intro, actions, children }: Props) {
  const [path] = useLocation();
  return (
    <>
      <header className="page-head">
        <div>
          {up !== undefined && (
            <nav aria-label="Way back" className="up">
              <Link href={up.to}>{up.title}</Link>
            </nav>
          )}
          <PageTitle key={path} title={title}>
            {heading ?? title}
          </PageTitle>
          {intro !== undefined && <div className="intro">{intro}</div>}
        </div>
        {actions !== undefined && <div className="actions">{actions}</div>}
      </header>
      {children}
    </>
  );
}

let openedOnce = false;

function PageTitle({ title, children }: { readonly title: string; readonly children: ReactNode }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · OpenKCM`;
  }, [title]);
  useEffect(() => {
    // The first page of all leaves the focus where browsers put it.
    if (openedOnce) heading.current?.focus({ preventScroll: true });
    openedOnce = true;
    scrollTo(0, 0);
  }, []);
  return (
    <h1 ref={heading} tabIndex={-1}>
      {children}
    </h1>
  );
}

interface SectionProps {
  readonly title: string;
  readonly intro?: ReactNode;
  readonly actions?: ReactNode;
  readonly children: ReactNode;
}

export function Section({ title, intro, actions, children }: SectionProps) {
  const id = `section-${title.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}`;
  return (
    <section className="section" aria-labelledby={id}>
      <div className="section-head">
        <div>
          <h2 id={id}>{title}</h2>
          {intro !== undefined && <div className="intro">{intro}</div>}
        </div>
        {actions !== undefined && <div className="actions">{actions}</div>}
      </div>
      {children}
    </section>
  );
}

/** Names and values; what is undefined is left out. */
export function Facts({ of: facts }: { readonly of: readonly (readonly [string, ReactNode])[] }) {
  return (
    <dl className="facts">
      {facts
        .filter(([, value]) => value !== undefined)
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}
