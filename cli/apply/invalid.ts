import { CliError } from '../errors.ts';

/** Every mistake in a line of its own, for whoever can show lines. */
export class DeclarationsInvalid extends CliError {
  override readonly name = 'CliError';
  readonly mistakes: readonly string[];
  constructor(mistakes: readonly string[]) {
    super('DECLARATIONS_INVALID', mistakes.join('; '));
    this.mistakes = mistakes;
  }
}
