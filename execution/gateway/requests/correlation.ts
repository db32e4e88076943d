/**
 * Correlation ids: this process's random prefix and a number, unique and cheap enough for every request. Most requests need
 * no more than the number.
 */
import { randomBytes } from 'node:crypto';
import { type CorrelationId, parseCorrelationId } from '../../../contracts/index.ts';

export class Correlations {
  readonly #prefix = `gw-${randomBytes(6).toString('hex')}`;
  #count = 0;

  nextNumber(): number {
    return this.#count++;
  }

  next(): CorrelationId {
    return this.textOf(this.nextNumber());
  }

  textOf(number: number): CorrelationId {
    return parseCorrelationId(`${this.#prefix}-${number.toString(36)}`);
  }
}
