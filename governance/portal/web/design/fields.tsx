import { useId, useRef, useState } from 'react';

interface Base {
  readonly name: string;
  readonly label: string;
  readonly hint?: string;
  readonly required?: boolean;
}

/** What forms are made of, as data: a form is mostly a list of these. */
export type FieldSpec =
  | (Base & {
      readonly kind?: 'text';
      readonly initial?: string;
      readonly maxLength?: number;
      readonly pattern?: string;
      readonly type?: 'text' | 'url' | 'number' | 'password';
      readonly min?: number;
      readonly max?: number;
      readonly step?: number;
    })
  | (Base & { readonly kind: 'lines'; readonly initial?: string; readonly rows?: number })
  | (Base & { readonly kind: 'pem' })
  | (Base & {
      readonly kind: 'select';
      readonly options: readonly (string | readonly [value: string, title: string])[];
      readonly initial?: string;
    })
  | (Base & {
      readonly kind: 'choices';
      readonly options: readonly string[];
      readonly initial?: readonly string[];
    })
  | (Base & { readonly kind: 'flag'; readonly initial?: boolean });

export const NAME_FIELD = {
  pattern: '[a-z0-9](?:[a-z0-9\\-]{0,61}[a-z0-9])?',
  maxLength: 63,
  required: true,
} as const;
const NAME_HINT = 'Lower-case letters, digits and inner hyphens.';
const MAX_PEM_BYTES = 64 * 1024;

/** A name as the whole API has it. */
export const nameField = (name: string, label: string, hint = NAME_HINT): FieldSpec => ({
  name,
  label,
  hint,
  ...NAME_FIELD,
});

export const reasonField = (required = true): FieldSpec => ({
  name: 'reason',
  label: 'Reason',
  hint: 'Stands in the audit log.',
  maxLength: 256,
  required,
});

export function Field({ of: spec }: { readonly of: FieldSpec }) {
  const id = useId();
  const hintId = `${id}-hint`;
  const described = spec.hint === undefined ? {} : { 'aria-describedby': hintId };
  const hint = spec.hint !== undefined && (
    <p id={hintId} className="field-hint">
      {spec.hint}
    </p>
  );
  if (spec.kind === 'flag') {
    return (
      <div className="field">
        <label className="check">
          <input
            type="checkbox"
            name={spec.name}
            defaultChecked={spec.initial ?? false}
            required={spec.required ?? false}
            {...described}
          />
          <span>{spec.label}</span>
        </label>
        {hint}
      </div>
    );
  }
  if (spec.kind === 'choices') {
    return (
      <fieldset className="field" {...described}>
        <legend>
          {spec.label}
          {spec.required !== true && <span className="optional"> optional</span>}
        </legend>
        <div className="choices">
          {spec.options.map((option) => (
            <label key={option} className="check">
              <input
                type="checkbox"
                name={spec.name}
                value={option}
                defaultChecked={spec.initial?.includes(option) ?? false}
              />
              <span>{option}</span>
            </label>
          ))}
        </div>
        {hint}
      </fieldset>
    );
  }
  return (
    <div className="field">
      <label htmlFor={id}>
        {spec.label}
        {spec.required !== true && <span className="optional"> optional</span>}
      </label>
      <Control spec={spec} id={id} described={described} />
      {hint}
    </div>
  );
}

interface ControlProps {
  readonly spec: Exclude<FieldSpec, { readonly kind: 'flag' | 'choices' }>;
  readonly id: string;
  readonly described: { readonly 'aria-describedby'?: string };
}

function Control({ spec, id, described }: ControlProps) {
  const common = { id, name: spec.name, required: spec.required ?? false, ...described };
  switch (spec.kind) {
    case 'select':
      return (
        <select {...common} defaultValue={spec.initial}>
          {spec.required !== true && <option value="">–</option>}
          {spec.options.map((option) => {
            const [value, title] = typeof option === 'string' ? [option, option] : option;
            return (
              <option key={value} value={value}>
                {title}
              </option>
            );
          })}
        </select>
      );
    case 'lines':
      return <textarea {...common} rows={spec.rows ?? 3} defaultValue={spec.initial} spellCheck={false} />;
    case 'pem':
      return <PemControl common={common} label={spec.label} />;
    default:
      return (
        <input
          {...common}
          type={spec.type ?? 'text'}
          defaultValue={spec.initial}
          maxLength={spec.maxLength}
          pattern={spec.pattern}
          min={spec.min}
          max={spec.max}
          step={spec.step}
          autoComplete="off"
          spellCheck={false}
        />
      );
  }
}

interface PemProps {
  readonly common: { readonly id: string; readonly name: string; readonly required: boolean };
  readonly label: string;
}

/** Pasted, or read from a file. */
function PemControl({ common, label }: PemProps) {
  const area = useRef<HTMLTextAreaElement>(null);
  const [problem, setProblem] = useState<string>();
  const read = async (file: File | undefined) => {
    if (file === undefined || area.current === null) return;
    if (file.size > MAX_PEM_BYTES)
      return setProblem(`${file.name} is too large to be a certificate or public key`);
    const text = await file.text();
    setProblem(
      /PRIVATE KEY/.test(text)
        ? 'This is a private key. It stays where it is: choose the public part'
        : undefined,
    );
    area.current.value = /PRIVATE KEY/.test(text) ? '' : text;
  };
  return (
    <>
      <textarea
        {...common}
        ref={area}
        rows={5}
        className="mono"
        placeholder="-----BEGIN …"
        spellCheck={false}
      />
      <input
        type="file"
        aria-label={`${label}, from a file`}
        accept=".pem,.crt,.cer,.pub,text/plain"
        onChange={({ target }) =>
          void read(target.files?.[0]).catch((error: unknown) =>
            setProblem(`It cannot be read: ${String(error)}`),
          )
        }
      />
      {problem !== undefined && (
        <p className="field-problem" role="alert">
          {problem}
        </p>
      )}
    </>
  );
}
