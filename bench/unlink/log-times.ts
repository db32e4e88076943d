/** When a component logged something, read from where the last reading ended. */
import { open } from 'node:fs/promises';

export class LogTimes {
  readonly #path: string;
  #offset = 0;
  #rest = '';

  constructor(path: string) {
    this.#path = path;
  }

  /** Passes over what was logged so far. */
  async skip(): Promise<void> {
    await this.#newLines();
  }

  /** The wall clock's milliseconds of the first new line with this message, if there is one. */
  async firstNew(msg: string): Promise<number | undefined> {
    const lines = await this.#newLines();
    const found = lines.find((line) => line.includes(`"msg":${JSON.stringify(msg)}`));
    const at = found === undefined ? undefined : /"time":"([^"]+)"/.exec(found)?.[1];
    return at === undefined ? undefined : Date.parse(at);
  }

  async #newLines(): Promise<string[]> {
    const file = await open(this.#path, 'r');
    try {
      const { size } = await file.stat();
      // The supervisor cuts a log that grew too long.
      if (size < this.#offset) this.#offset = 0;
      const { bytesRead, buffer } = await file.read(
        Buffer.alloc(size - this.#offset),
        0,
        size - this.#offset,
        this.#offset,
      );
      this.#offset += bytesRead;
      const lines = (this.#rest + buffer.toString('utf8', 0, bytesRead)).split('\n');
      this.#rest = lines.pop() ?? '';
      return lines;
    } finally {
      await file.close();
    }
  }
}
