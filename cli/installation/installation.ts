/**
 * What stays the same between two starts of one home: ports, passwords, the broker. Each password belongs to one
 * component and one database role, and lies only in private files (never in argv or the environment).
 */
import { randomBytes } from 'node:crypto';
import { chmod, mkdir } from 'node:fs/promises';
import { type Static, Type } from 'typebox';
import { CliError } from '../errors.ts';
import { readJson, writeJson } from '../home/json-file.ts';
import type { HomePaths } from '../home/paths.ts';

const PASSWORD_BYTES = 24;
const MODE_PRIVATE = 0o700;
/**
 * Started by root, PostgreSQL runs as an ordinary user, which must pass through to its data. It can list nothing, and
 * everything else in there is private by itself.
 */
const MODE_FOR_ROOT = 0o711;

const Stored = Type.Object({
  version: Type.Literal(1),
  portMode: Type.Union([Type.Literal('fixed'), Type.Literal('auto')]),
  ports: Type.Optional(Type.Record(Type.String(), Type.Integer())),
  /** A broker that the user runs; absent: the embedded one. May hold a password. */
  brokerUrl: Type.Optional(Type.String()),
  /** Where gateways keep their keys, if not in a file of theirs. May hold a password. */
  gatewayStore: Type.Optional(Type.String()),
  passwords: Type.Record(Type.String(), Type.String()),
  /** The regions have their MasterKeys. */
  initialised: Type.Optional(Type.Boolean()),
  /** False while a supervisor runs: after a crash its children may still be leaving. */
  stoppedCleanly: Type.Boolean(),
});
type Stored = Static<typeof Stored>;

/** The one object that reads and writes `installation.json`. */
export class Installation {
  readonly paths: HomePaths;
  readonly isNew: boolean;
  #stored: Stored;

  private constructor(paths: HomePaths, stored: Stored, isNew: boolean) {
    this.paths = paths;
    this.#stored = stored;
    this.isNew = isNew;
  }

  /** Makes the directory if need be. Errors: HOME_INVALID. */
  static async open(paths: HomePaths): Promise<Installation> {
    const stored = await readJson(paths.installation, Stored);
    return new Installation(
      paths,
      stored ?? { version: 1, portMode: 'fixed', passwords: {}, stoppedCleanly: true },
      stored === undefined,
    );
  }

  get stored(): Readonly<Stored> {
    return this.#stored;
  }

  async update(change: Partial<Stored>): Promise<void> {
    this.#stored = { ...this.#stored, ...change };
    await this.save();
  }

  /** Undefined: the embedded one. */
  async chooseBroker(url: string | undefined): Promise<void> {
    const { brokerUrl: _old, ...rest } = this.#stored;
    this.#stored = url === undefined ? rest : { ...rest, brokerUrl: url };
    await this.save();
  }

  /** The password of a role, made when first asked for; `save()` must follow before it is used. */
  password(role: string): string {
    const known = this.#stored.passwords[role];
    if (known !== undefined) return known;
    const made = randomBytes(PASSWORD_BYTES).toString('base64url');
    this.#stored = { ...this.#stored, passwords: { ...this.#stored.passwords, [role]: made } };
    return made;
  }

  async save(): Promise<void> {
    await writeJson(this.paths.installation, this.#stored);
  }
}

export async function makeHome(paths: HomePaths): Promise<void> {
  try {
    const mode = process.getuid?.() === 0 ? MODE_FOR_ROOT : MODE_PRIVATE;
    await mkdir(paths.root, { recursive: true, mode });
    await chmod(paths.root, mode);
    for (const directory of [paths.logs, paths.compileCache]) {
      await mkdir(directory, { recursive: true, mode: MODE_PRIVATE });
    }
  } catch (cause) {
    throw new CliError('HOME_INVALID', `${paths.root} cannot be used`, { cause });
  }
}
