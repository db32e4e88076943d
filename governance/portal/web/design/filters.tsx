import { useEffect, useState } from 'react';
import { useSearchParams } from 'wouter';

interface Filter {
  readonly name: string;
  readonly label: string;
  /** Left out: free text. */
  readonly options?: readonly (string | readonly [value: string, title: string])[];
  readonly placeholder?: string;
}

/** While somebody types. */
const QUIET_MS = 300;

/** What the address says, so that a filtered list can be sent to somebody, and the way back leads to it. */
export function useFilter(name: string): string | undefined {
  const [params] = useSearchParams();
  const value = params.get(name);
  return value === null || value === '' ? undefined : value;
}

/** As one of the values that the API knows; anything else in the address is as nothing. */
export function useFilterOf<const T extends string>(name: string, values: readonly T[]): T | undefined {
  const value = useFilter(name);
  return values.find((each) => each === value);
}

export function Filters({ of: filters }: { readonly of: readonly Filter[] }) {
  const [params, setParams] = useSearchParams();
  const set = (name: string, value: string) =>
    setParams(
      (before) => {
        const after = new URLSearchParams(before);
        if (value === '') after.delete(name);
        else after.set(name, value);
        return after;
      },
      { replace: true },
    );
  return (
    <search className="filters">
      {filters.map(({ name, label, options, placeholder }) => (
        <div key={name} className="filter">
          <label htmlFor={`filter-${name}`}>{label}</label>
          {options === undefined ? (
            <TypedFilter
              id={`filter-${name}`}
              value={params.get(name) ?? ''}
              placeholder={placeholder}
              onChange={(value) => set(name, value)}
            />
          ) : (
            <select
              id={`filter-${name}`}
              value={params.get(name) ?? ''}
              onChange={({ target }) => set(name, target.value)}
            >
              <option value="">all</option>
              {options.map((option) => {
                const [value, title] = typeof option === 'string' ? [option, option] : option;
                return (
                  <option key={value} value={value}>
                    {title}
                  </option>
                );
              })}
            </select>
          )}
        </div>
      ))}
    </search>
  );
}

interface TypedProps {
  readonly id: string;
  readonly value: string;
  readonly placeholder: string | undefined;
  readonly onChange: (value: string) => void;
}

function TypedFilter({ id, value, placeholder, onChange }: TypedProps) {
  const [typed, setTyped] = useState(value);
  // Asked for once nobody types any more.
  useEffect(() => {
    if (typed === value) return;
    const timer = setTimeout(() => onChange(typed.trim()), QUIET_MS);
    return () => clearTimeout(timer);
  }, [typed]);
  return (
    <input
      id={id}
      type="search"
      value={typed}
      placeholder={placeholder}
      onChange={({ target }) => setTyped(target.value)}
      spellCheck={false}
    />
  );
}
