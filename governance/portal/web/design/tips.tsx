/** One tooltip for the whole page: of whatever has `data-tip`, while it has the pointer or the focus. Escape puts it away. */
import { useEffect, useRef, useState } from 'react';

interface Tip {
  readonly text: string;
  readonly left: number;
  readonly top: number;
  readonly above: boolean;
}

const ID = 'tip';
const DELAY_MS = 250;
const ROOM_BELOW = 70;
const HALF_WIDTH = 150;

export function Tips() {
  const [tip, setTip] = useState<Tip>();
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => {
    let described: Element | undefined;
    const hide = () => {
      clearTimeout(timer.current);
      described?.removeAttribute('aria-describedby');
      described = undefined;
      setTip(undefined);
    };
    const show = (target: EventTarget | null, delay: number) => {
      const owner = target instanceof Element ? target.closest('[data-tip]') : null;
      if (owner === null || owner === described) return;
      hide();
      timer.current = setTimeout(() => {
        const text = owner.getAttribute('data-tip');
        if (text === null || !owner.isConnected) return;
        if (!owner.hasAttribute('aria-describedby')) {
          owner.setAttribute('aria-describedby', ID);
          described = owner;
        }
        const box = owner.getBoundingClientRect();
        const above = box.bottom + ROOM_BELOW > innerHeight;
        const middle = Math.min(Math.max(box.left + box.width / 2, HALF_WIDTH), innerWidth - HALF_WIDTH);
        setTip({ text, left: middle, top: above ? box.top : box.bottom, above });
      }, delay);
    };
    const over = (event: Event) => show(event.target, DELAY_MS);
    const focus = (event: Event) => {
      if (event.target instanceof Element && event.target.matches(':focus-visible')) show(event.target, 0);
    };
    const out = (event: Event) => {
      if (event.target instanceof Element && event.target.closest('[data-tip]') !== null) hide();
    };
    const key = (event: KeyboardEvent) => {
      if (event.key === 'Escape') hide();
    };
    const listeners = [
      ['pointerover', over],
      ['pointerout', out],
      ['focusin', focus],
      ['focusout', out],
      ['scroll', hide],
    ] as const;
    for (const [name, listener] of listeners) document.addEventListener(name, listener, true);
    document.addEventListener('keydown', key, true);
    return () => {
      hide();
      for (const [name, listener] of listeners) document.removeEventListener(name, listener, true);
      document.removeEventListener('keydown', key, true);
    };
  }, []);
  return (
    <div
      id={ID}
      role="tooltip"
      className={tip?.above === true ? 'tip tip-above' : 'tip'}
      hidden={tip === undefined}
      style={tip === undefined ? {} : { left: tip.left, top: tip.top }}
    >
      {tip?.text}
    </div>
  );
}
