/** What a form holds, as requests need it. */
export class FormValues {
  readonly #data: FormData;
  constructor(data: FormData) {
    this.#data = data;
  }

  text(name: string): string {
    const value = this.#data.get(name);
    return typeof value === 'string' ? value.trim() : '';
  }

  /** Undefined where nothing was typed. */
  optional(name: string): string | undefined {
    const text = this.text(name);
    return text === '' ? undefined : text;
  }

  flag(name: string): boolean {
    return this.#data.get(name) === 'on';
  }

  integer(name: string): number {
    return Number.parseInt(this.text(name), 10);
  }

  /** Chosen boxes of that name. */
  chosen(name: string): string[] {
    return this.#data.getAll(name).filter((value) => typeof value === 'string');
  }

  /** One for each line. */
  lines(name: string): string[] {
    return this.text(name)
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '');
  }
}

/** `{ name: value }` where there is a value, nothing else: optional fields of a request are left out, not undefined. */
export function given<N extends string, V>(name: N, value: V | undefined): { [K in N]?: V } {
  return (value === undefined ? {} : { [name]: value }) as { [K in N]?: V };
}

/** The chosen ones, or nothing where none is: a request without them means all. */
export const someOf = (chosen: readonly string[]): string[] | undefined =>
  chosen.length === 0 ? undefined : [...chosen];
