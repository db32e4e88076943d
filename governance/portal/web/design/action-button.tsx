import type { AnswerOf, Name, RequestOf } from '../api/client.ts';
import { useChange } from '../api/hooks.ts';
import type { Verdict } from '../session/may.ts';
import { Button } from './button.tsx';
import type { IconName } from './icons.tsx';

interface Props<K extends Name> {
  readonly children: string;
  readonly may: Verdict;
  readonly operation: K;
  readonly request: RequestOf<K>;
  readonly tone?: 'plain' | 'main' | 'danger' | 'quiet';
  readonly icon?: IconName;
  readonly done?: string;
  readonly onDone?: (answer: AnswerOf<K>) => void;
}

/** A change that takes one press and harms nothing. What it led to, or why not, is told in a message. */
export function ActionButton<K extends Name>(props: Props<K>) {
  const { children, may, operation, request, tone = 'plain', icon, done, onDone } = props;
  const change = useChange(operation, {
    ...(done === undefined ? {} : { done }),
    ...(onDone === undefined ? {} : { onDone }),
  });
  return (
    <Button
      tone={tone}
      {...(icon === undefined ? {} : { icon })}
      busy={change.isPending}
      denied={may.allowed ? undefined : may.reason}
      onPress={() => change.mutate(request)}
    >
      {children}
    </Button>
  );
}
