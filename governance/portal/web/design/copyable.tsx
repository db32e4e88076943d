import { useEffect, useState } from 'react';
import { Button as AriaButton } from 'react-aria-components/Button';
import { Icon } from './icons.tsx';

const SHOWN_MS = 1_500;
const SHORT = 12;

interface Props {
  readonly value: string;
  /** What it is, for the button's name. */
  readonly name: string;
  /** Shows the beginning alone; the whole is copied, and shown on hover and focus. */
  readonly short?: boolean;
}

/** An id, which is seldom typed and often copied. */
export function Copyable({ value, name, short = false }: Props) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = async () => {
    await navigator.clipboard.writeText(value);
    setCopied(true);
  };
  const shown = short && value.length > SHORT ? `${value.slice(0, SHORT)}…` : value;
  return (
    <span className="copyable">
      <code>{shown}</code>
      <AriaButton
        className="button button-icon button-small"
        aria-label={copied ? 'Copied' : `Copy ${name}`}
        data-tip={copied ? 'Copied' : shown === value ? `Copy ${name}` : value}
        onPress={() => void copy().catch(() => setCopied(false))}
      >
        <Icon name={copied ? 'check' : 'copy'} />
      </AriaButton>
    </span>
  );
}
