/** Limits as the code has them: every constant of some modules that is a number, with the comment above it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './tests.ts';

export interface Limit {
  readonly name: string;
  readonly value: number;
  readonly about: string;
}

const CONSTANT = /^export const ([A-Z][A-Z0-9_]*)\b/;

/**
 * The limits of a module. `values` are its exports; the file tells their order and what is said of them. A comment
 * stands for all constants that follow it line by line.
 */
export function limitsOf(path: string, values: Readonly<Record<string, unknown>>): Limit[] {
  const limits: Limit[] = [];
  let about = '';
  let comment: string[] | undefined;
  for (const line of readFileSync(join(ROOT, path), 'utf8').split('\n')) {
    const opened = /^\/\*\*(.*)$/.exec(line);
    if (opened !== null) comment = [];
    if (comment !== undefined) {
      comment.push(line);
      if (line.endsWith('*/')) {
        about = textOf(comment);
        comment = undefined;
      }
      continue;
    }
    const [, name] = CONSTANT.exec(line) ?? [];
    const value = name === undefined ? undefined : values[name];
    if (name !== undefined && typeof value === 'number') limits.push({ name, value, about });
    else if (line === '') about = '';
  }
  return limits;
}

function textOf(comment: readonly string[]): string {
  return comment
    .map((line) => line.replace(/\s*\*\/$/, '').replace(/^\s*\/?\*+\s?/, ''))
    .join(' ')
    .replaceAll(/\s+/g, ' ')
    .trim();
}
