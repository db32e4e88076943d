/** What is told in passing. Kept outside of React, so that whoever changes something can tell of it from anywhere. */
import { useSyncExternalStore } from 'react';
import type { Tone } from '../api/words.ts';

export interface Toast {
  readonly tone: Tone;
  readonly title: string;
  /** Shown with code, hint and correlation id. */
  readonly error?: Error;
  /** Leads to more about it, within the portal. */
  readonly to?: string;
  readonly link?: string;
}

export interface ShownToast extends Toast {
  readonly id: number;
}

const MAX_SHOWN = 4;
/** Errors stay until somebody has closed them. */
const SHOWN_MS = 8_000;

let shown: readonly ShownToast[] = [];
let lastId = 0;
const listeners = new Set<() => void>();

export function toast(told: Toast): void {
  lastId += 1;
  const id = lastId;
  set([...shown, { ...told, id }].slice(-MAX_SHOWN));
  if (told.tone !== 'bad') setTimeout(() => dismiss(id), SHOWN_MS);
}

export const dismiss = (id: number): void => set(shown.filter((each) => each.id !== id));

export const useToasts = (): readonly ShownToast[] => useSyncExternalStore(subscribe, () => shown);

function set(next: readonly ShownToast[]): void {
  shown = next;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
