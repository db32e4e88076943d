/** The shapes in which data records are sent, Encrypt and Decrypt by turns. */
import type { Step } from './connections.ts';
import type { EchoStep } from './echo.ts';
import type { Requests, Verb } from './requests.ts';

export const shapes = ['depth 1', 'depth 16', 'batch 16'] as const;
export type Shape = (typeof shapes)[number];

export const aboutShape: Readonly<Record<Shape, string>> = {
  'depth 1': 'each connection waits for the answer before it asks again',
  'depth 16': 'each connection sends 16 messages in one write and waits for their 16 answers',
  'batch 16': 'each connection sends one message of 16 items and waits for its answer',
};

const MANY = 16;
const mix: readonly Verb[] = ['Encrypt', 'Decrypt'];
const often = <T>(some: readonly T[], count: number): T[] =>
  Array.from({ length: count }, (_, index) => some[index % some.length]).filter((one) => one !== undefined);

export interface Shaped {
  readonly steps: readonly [Step, ...Step[]];
  readonly echo: readonly EchoStep[];
}

export async function shaped(requests: Requests, shape: Shape, payloadBytes: number): Promise<Shaped> {
  if (shape === 'batch 16') {
    const step = await requests.step({ items: often(mix, MANY), payloadBytes }, 1);
    return { steps: [step], echo: [step.echo] };
  }
  const single = (verb: Verb) => requests.step({ items: [verb], payloadBytes }, 1);
  const [encrypt, decrypt] = [await single('Encrypt'), await single('Decrypt')];
  const echo = [encrypt.echo, decrypt.echo];
  if (shape === 'depth 1') return { steps: [encrypt, decrypt], echo };
  return { steps: [together(often([encrypt, decrypt], MANY))], echo };
}

/** In one write. */
export function together(steps: readonly Step[]): Step {
  const sum = (of: (step: Step) => number): number => steps.reduce((total, step) => total + of(step), 0);
  return {
    bytes: Buffer.concat(steps.map(({ bytes }) => bytes)),
    responseBytes: sum(({ responseBytes }) => responseBytes),
    items: sum(({ items }) => items),
  };
}
