import type { ReactNode } from 'react';
import { Button as AriaButton } from 'react-aria-components/Button';
import { Icon, type IconName } from './icons.tsx';

interface Props {
  readonly children: ReactNode;
  readonly onPress?: () => void;
  readonly tone?: 'plain' | 'main' | 'danger' | 'quiet';
  readonly icon?: IconName;
  readonly type?: 'button' | 'submit';
  /** Something is under way: the button keeps its place and its focus, and does nothing. */
  readonly busy?: boolean;
  /** Why it may not be used. It stays reachable, so that the reason can be read. */
  readonly denied?: string | undefined;
}

export function Button({
  children,
  onPress,
  tone = 'plain',
  icon,
  type = 'button',
  busy = false,
  denied,
}: Props) {
  if (denied !== undefined) {
    return (
      <button type="button" className={`button button-${tone}`} aria-disabled="true" data-tip={denied}>
        {icon !== undefined && <Icon name={icon} />}
        {children}
      </button>
    );
  }
  return (
    <AriaButton
      className={`button button-${tone}`}
      type={busy ? 'button' : type}
      {...(onPress === undefined || busy ? {} : { onPress })}
    >
      {busy ? (
        <span className="spinner" role="status" aria-label="Under way" />
      ) : (
        icon !== undefined && <Icon name={icon} />
      )}
      {children}
    </AriaButton>
  );
}

interface IconProps {
  readonly icon: IconName;
  readonly label: string;
  readonly onPress: () => void;
}

export function IconButton({ icon, label, onPress }: IconProps) {
  return (
    <AriaButton className="button button-icon" aria-label={label} data-tip={label} onPress={onPress}>
      <Icon name={icon} />
    </AriaButton>
  );
}
