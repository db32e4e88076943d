import { type ReactNode, useId, useRef, useState } from 'react';
import type { AnswerOf, Name, RequestOf } from '../api/client.ts';
import { useChange } from '../api/hooks.ts';
import type { Verdict } from '../session/may.ts';
import { Button } from './button.tsx';
import { Dialog } from './dialog.tsx';
import { Field, type FieldSpec } from './fields.tsx';
import { FormValues } from './form-values.ts';
import type { IconName } from './icons.tsx';
import { ProblemBox } from './states.tsx';

interface Props<K extends Name> {
  /** On the button that opens it. */
  readonly button: string;
  readonly icon?: IconName;
  readonly tone?: 'plain' | 'main' | 'danger' | 'quiet';
  readonly may: Verdict;
  readonly title: string;
  readonly intro?: ReactNode;
  /** A list, or one for what is filled in so far. */
  readonly fields?: readonly FieldSpec[] | ((values: FormValues) => readonly FieldSpec[]);
  /** For what cannot be taken back, or stops something: has to be typed before. */
  readonly confirm?: string;
  readonly submit: string;
  readonly operation: K;
  readonly request: (values: FormValues) => RequestOf<K>;
  readonly done?: string | ((answer: AnswerOf<K>) => string | undefined);
  readonly onDone?: (answer: AnswerOf<K>) => void;
}

/** A change that takes a few words: a button, and behind it a form that sends one request. */
export function FormDialog<K extends Name>(props: Props<K>) {
  const [isOpen, setOpen] = useState(false);
  const { button, icon, tone = 'plain', may, title, confirm } = props;
  return (
    <>
      <Button
        tone={tone}
        {...(icon === undefined ? {} : { icon })}
        denied={may.allowed ? undefined : may.reason}
        onPress={() => setOpen(true)}
      >
        {button}
      </Button>
      <Dialog title={title} isOpen={isOpen} onClose={() => setOpen(false)} careful={confirm !== undefined}>
        <DialogForm {...props} onClose={() => setOpen(false)} />
      </Dialog>
    </>
  );
}

function DialogForm<K extends Name>(props: Props<K> & { readonly onClose: () => void }) {
  const { intro, fields = [], confirm, submit, operation, request, done, onDone, onClose, tone } = props;
  const form = useRef<HTMLFormElement>(null);
  const [values, setValues] = useState(() => new FormValues(new FormData()));
  const [typed, setTyped] = useState('');
  const change = useChange(operation, {
    quiet: true,
    ...(done === undefined ? {} : { done }),
    onDone: (answer) => {
      onClose();
      onDone?.(answer);
    },
  });
  const shown = typeof fields === 'function' ? fields(values) : fields;
  const confirmed = confirm === undefined || typed.trim() === confirm;
  return (
    <form
      ref={form}
      className="form"
      onChange={() => form.current !== null && setValues(new FormValues(new FormData(form.current)))}
      onSubmit={(event) => {
        event.preventDefault();
        // A dialog may be opened from within another form, which this one is no part of.
        event.stopPropagation();
        if (confirmed && !change.isPending)
          change.mutate(request(new FormValues(new FormData(event.currentTarget))));
      }}
    >
      {intro !== undefined && <div className="intro">{intro}</div>}
      {shown.map((spec) => (
        <Field key={spec.name} of={spec} />
      ))}
      {confirm !== undefined && <Confirmation name={confirm} typed={typed} onType={setTyped} />}
      {change.error !== null && <ProblemBox error={change.error} />}
      <div className="form-actions">
        <Button onPress={onClose}>Cancel</Button>
        <Button
          type="submit"
          tone={tone === 'danger' ? 'danger' : 'main'}
          busy={change.isPending}
          denied={confirmed ? undefined : `Type ${confirm} first`}
        >
          {submit}
        </Button>
      </div>
    </form>
  );
}

interface ConfirmationProps {
  readonly name: string;
  readonly typed: string;
  readonly onType: (text: string) => void;
}

export function Confirmation({ name, typed, onType }: ConfirmationProps) {
  const id = useId();
  return (
    <div className="field confirmation">
      <label htmlFor={id}>
        Type <code>{name}</code> to confirm
      </label>
      <input
        id={id}
        value={typed}
        onChange={({ target }) => onType(target.value)}
        autoComplete="off"
        spellCheck={false}
      />
    </div>
  );
}
