/**
 * An export into a file that can be gone on with: beside it lies how far it is, written after each part has reached the
 * disk. What a crash left behind the last part is cut off.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { Type } from 'typebox';
import { readConfig, writePrivate } from '../../platform/config-file.ts';
import { errorCode } from '../../platform/errors.ts';
import { CliError } from '../errors.ts';
import type { ChainPart } from './sources.ts';

const Position = Type.Object(
  {
    chain: Type.String(),
    format: Type.String(),
    last: Type.Integer({ minimum: 0 }),
    sizeBytes: Type.Integer({ minimum: 0 }),
  },
  { additionalProperties: false },
);

export const positionFile = (path: string): string => `${path}.position`;

export class ExportFile {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #of: { readonly chain: string; readonly format: string };
  #last: number;
  #sizeBytes: number;

  private constructor(
    path: string,
    file: FileHandle,
    of: { readonly chain: string; readonly format: string },
    at: { readonly last: number; readonly sizeBytes: number },
  ) {
    this.#path = path;
    this.#file = file;
    this.#of = of;
    this.#last = at.last;
    this.#sizeBytes = at.sizeBytes;
  }

  /** Begins the file, or goes on with one of the same chain and format. Errors: USAGE, FILE_UNREADABLE. */
  static async open(path: string, chain: string, format: string): Promise<ExportFile> {
    const known = await positionOf(path);
    if (known !== undefined && (known.chain !== chain || known.format !== format))
      throw new CliError('USAGE', `${path} is an export of ${known.chain} as ${known.format}`);
    try {
      const file = await open(path, known === undefined ? 'wx' : 'r+', 0o600);
      const at = known ?? { last: 0, sizeBytes: 0 };
      await file.truncate(at.sizeBytes);
      return new ExportFile(path, file, { chain, format }, at);
    } catch (cause) {
      if (errorCode(cause) === 'EEXIST')
        throw new CliError('USAGE', `${path} is there already, and no export to go on with`);
      throw new CliError('FILE_UNREADABLE', `${path} cannot be written`, { cause });
    }
  }

  /** The event to go on behind. */
  get last(): number {
    return this.#last;
  }

  async append({ text, last }: Pick<ChainPart, 'text' | 'last'>): Promise<void> {
    const bytes = Buffer.from(text, 'utf8');
    await this.#file.write(bytes, 0, bytes.length, this.#sizeBytes);
    await this.#file.sync();
    this.#sizeBytes += bytes.length;
    this.#last = last;
    const position = { ...this.#of, last, sizeBytes: this.#sizeBytes };
    await writePrivate(positionFile(this.#path), `${JSON.stringify(position)}\n`);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

async function positionOf(path: string) {
  try {
    return await readConfig(positionFile(path), Position);
  } catch (error) {
    if (errorCode(error) === 'CONFIG_NOT_FOUND') return undefined;
    throw error;
  }
}
