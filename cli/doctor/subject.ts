/** A component's configuration, told apart by its schema and read as the component itself reads it. */
import { existsSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { CoreConfig } from '../../execution/core/config.ts';
import { GatewayConfig } from '../../execution/gateway/config.ts';
import { CmkConfig } from '../../governance/config.ts';
import { readConfig, readPrivate } from '../../platform/config-file.ts';
import { errorCode, errorMessage } from '../../platform/errors.ts';
import { type FindingCode, findingCodes } from './codes.ts';
import { finding, type Verdict } from './verdict.ts';

interface Of<Kind extends string, Config> {
  readonly kind: Kind;
  /** As `okcm stop` and `okcm start` call it, or what it is. */
  readonly name: string;
  readonly file: string;
  readonly config: Config;
  /** Part of an installation that `okcm up` has made: credentials and seals in files are what is wanted there. */
  readonly isDevelopment: boolean;
}
export type CmkSubject = Of<'cmk', CmkConfig>;
export type CoreSubject = Of<'core', CoreConfig>;
export type GatewaySubject = Of<'gateway', GatewayConfig>;
export type Subject = CmkSubject | CoreSubject | GatewaySubject;

const schemas = { cmk: CmkConfig, core: CoreConfig, gateway: GatewayConfig } as const;
type Kind = keyof typeof schemas;

const CHECKED = 'configuration file';

/** Either the component, or what is wrong with its configuration. `name`: where it is known. */
export async function readSubject(
  path: string,
  name?: string,
): Promise<{ readonly subject: Subject } | { readonly trouble: Verdict }> {
  const file = resolve(path);
  try {
    const kind = kindOf(JSON.parse(await readPrivate(file)));
    if (kind === undefined) {
      const found = 'its fields are those of no component';
      return { trouble: finding('CONFIG_OF_NOBODY', CHECKED, found, { file }) };
    }
    return { subject: await read(kind, file, name) };
  } catch (error) {
    return { trouble: troubleOf(error, file) };
  }
}

async function read(kind: Kind, file: string, name: string | undefined): Promise<Subject> {
  const isDevelopment = isOfHome(file);
  switch (kind) {
    case 'cmk':
      return { kind, name: name ?? kind, file, isDevelopment, config: await readConfig(file, CmkConfig) };
    case 'core': {
      const config = await readConfig(file, CoreConfig);
      return { kind, name: name ?? `${config.region}/core`, file, isDevelopment, config };
    }
    case 'gateway': {
      const config = await readConfig(file, GatewayConfig);
      return { kind, name: name ?? `${config.region}/gateway`, file, isDevelopment, config };
    }
  }
}

/** The schema most of whose demanded fields are there; none where not even half of them are. */
export function kindOf(value: unknown): Kind | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const shareOf = ({ required = [] }: { readonly required?: readonly string[] }): number =>
    required.filter((field) => field in value).length / Math.max(1, required.length);
  const ranked = (Object.keys(schemas) as Kind[])
    .map((kind) => ({ kind, share: shareOf(schemas[kind]) }))
    .toSorted((a, b) => b.share - a.share);
  const [best] = ranked;
  return best !== undefined && best.share >= 0.5 ? best.kind : undefined;
}

function troubleOf(error: unknown, file: string): Verdict {
  const code = errorCode(error);
  if (error instanceof SyntaxError) {
    // The engine's own message quotes the text around the mistake, which may be a password.
    const position = /\(?line \d+ column \d+\)?/.exec(error.message)?.[0] ?? '';
    return finding('CONFIG_NOT_JSON', CHECKED, `no valid JSON ${position}`.trim(), { file });
  }
  const known = code !== undefined && code in findingCodes ? (code as FindingCode) : 'CONFIG_UNREADABLE';
  return finding(known, CHECKED, errorMessage(error), { file });
}

/** `HOME/REGION/core/config.json` and the like lie below the `installation.json` of their home. */
function isOfHome(file: string): boolean {
  if (basename(file) !== 'config.json') return false;
  const above = [dirname(dirname(file)), dirname(dirname(dirname(file)))];
  return above.some((directory) => existsSync(join(directory, 'installation.json')));
}
