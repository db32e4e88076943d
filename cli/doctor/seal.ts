/** What opens a region: its seal as the database has it, as the configuration names it, and whether that can be reached. */
import type pg from 'pg';
import type { CoreConfig, SealConfig } from '../../execution/core/config.ts';
import { DEVELOPMENT_SEAL_KIND, readManifest, SHAMIR_SEAL_KIND } from '../../execution/keychain/index.ts';
import { callOpenBao, type OpenBaoServer } from '../../execution/keychain/openbao-client.ts';
import { errorCode, errorMessage } from '../../platform/errors.ts';
import { AdminClient } from '../region/admin-client.ts';
import type { SealView } from '../region/views.ts';
import { isFile } from './files.ts';
import { numberOf, recordOf } from './health.ts';
import type { CoreSubject } from './subject.ts';
import { finding, passed, type Verdict } from './verdict.ts';

const CHECKED = 'seal';
/** A token that ends sooner is not being renewed by anybody. */
const TOKEN_ENDS_SOON_S = 3_600;
const MAX_ANSWER_BYTES = 64 * 1024;
const OPENBAO_ERRORS = { misconfigured: 'SEAL_REJECTED', unavailable: 'SEAL_UNAVAILABLE' } as const;

/** The one row of keychain.root. */
export interface Root {
  readonly cluster: string;
  readonly region: string;
  readonly kind: string;
  readonly blob: Uint8Array;
}

export interface SealCase {
  readonly file: string;
  readonly config: Pick<CoreConfig, 'cluster' | 'region' | 'seal' | 'previousSeal' | 'admin'>;
  readonly isDevelopment: boolean;
  /** Undefined: the region is not initialised. */
  readonly root: Root | undefined;
  /** As the core that runs says; undefined where none does. */
  readonly state: string | undefined;
  /** Holders whose shares the core has already; undefined where no operator file was given to ask with. */
  readonly provided?: readonly string[] | undefined;
}

export function judgeSeal(of: SealCase): Verdict[] {
  const { file, config, root } = of;
  const facts = { file, region: config.region, configured: config.seal.kind };
  if (root === undefined)
    return [finding('REGION_NOT_INITIALISED', CHECKED, 'the database holds no MasterKey', facts)];
  if (root.cluster !== config.cluster || root.region !== config.region) {
    const told = `the database is of ${root.cluster}/${root.region}, the configuration of ${config.cluster}/${config.region}`;
    return [finding('REGION_OF_OTHERS', CHECKED, told, facts)];
  }
  const found = [...kindTrouble(of, root), ...developmentTrouble(of, root), ...stateTrouble(of, root)];
  if (found.length > 0) return found;
  return [
    passed(CHECKED, `${root.kind}${of.state === undefined ? '' : `, ${of.state}`}`, {
      ...facts,
      kind: root.kind,
    }),
  ];
}

function kindTrouble({ file, config }: SealCase, root: Root): Verdict[] {
  const facts = { file, kind: root.kind, configured: config.seal.kind };
  if (root.kind === SHAMIR_SEAL_KIND && config.admin === undefined)
    return [finding('SEAL_WITHOUT_ADMIN', CHECKED, 'the region is sealed by shares', facts)];
  if (root.kind === config.seal.kind) return [];
  const told = `the region is under ${root.kind}, the configuration asks for ${config.seal.kind}`;
  const isReachable = root.kind === SHAMIR_SEAL_KIND || root.kind === config.previousSeal?.kind;
  return [finding(isReachable ? 'SEAL_TO_MIGRATE' : 'SEAL_DIFFERS', CHECKED, told, facts)];
}

function developmentTrouble({ file, isDevelopment, config }: SealCase, root: Root): Verdict[] {
  if (isDevelopment || root.kind !== DEVELOPMENT_SEAL_KIND) return [];
  const path = config.seal.kind === 'development-key-file' ? config.seal.path : '?';
  return [finding('DEVELOPMENT_SEAL', CHECKED, `the seal key lies in ${path}`, { file, path })];
}

function stateTrouble({ file, config, state, provided }: SealCase, root: Root): Verdict[] {
  if (state !== 'sealed') return [];
  if (root.kind !== SHAMIR_SEAL_KIND)
    return [
      finding('SEALED_BY_PROVIDER', CHECKED, `the core is sealed; ${root.kind} has not opened it`, {
        file,
        kind: root.kind,
      }),
    ];
  const { threshold, shares } = readManifest(root.blob, { cluster: config.cluster, region: config.region });
  const holders = shares.map(({ holder }) => holder);
  const missing = holders.filter((holder) => provided?.includes(holder) !== true);
  const facts = {
    file,
    threshold,
    holders: holders.join(', '),
    missing: missing.join(', '),
    provided: provided?.length ?? 0,
  };
  const told =
    provided === undefined
      ? `the core is sealed; ${threshold} of ${holders.length} shares open it, of ${facts.holders}`
      : `the core is sealed; ${provided.length} of ${threshold} shares are there, any ${threshold - provided.length} are missing of ${facts.missing}`;
  return [finding('SEALED', CHECKED, told, facts)];
}

export async function readRoot(client: pg.Client): Promise<Root | undefined> {
  const { rows: there } = await client.query<{ there: boolean }>(
    `SELECT to_regclass('keychain.root') IS NOT NULL AS there`,
  );
  if (there[0]?.there !== true) return undefined;
  const { rows } = await client.query<Root>(
    'SELECT cluster, region, seal_kind AS kind, sealed_unseal_key AS blob FROM keychain.root',
  );
  return rows[0];
}

/** Whose shares a sealed core has. Errors: of the operator file and the core. */
export async function providedShares(operatorFile: string): Promise<readonly string[]> {
  const { shares } = await (await AdminClient.ofFile(operatorFile)).get<SealView>('/seal');
  return (shares?.provided ?? []).map(({ holder }) => holder);
}

/** Whether the seals that the configuration names can be reached. What is a file is looked at with the other files. */
export async function checkSealProviders({ file, config }: CoreSubject): Promise<readonly Verdict[]> {
  const { seal, previousSeal, keyStore } = config;
  const seals = [seal, ...(previousSeal === undefined ? [] : [previousSeal])];
  const checks = seals.map((one) => checkProvider(file, one));
  if (keyStore?.kind === 'openbao') checks.push(checkOpenBao('key store', keyStore));
  return (await Promise.all(checks)).flat();
}

async function checkProvider(file: string, seal: SealConfig): Promise<readonly Verdict[]> {
  switch (seal.kind) {
    case 'openbao-transit':
      return await checkOpenBao('seal provider', seal);
    case 'pkcs11': {
      const facts = { file, module: seal.module };
      if (isFile(seal.module)) return [passed('seal provider', `PKCS#11 library ${seal.module}`, facts)];
      return [finding('PKCS11_MISSING', 'seal provider', `there is no library ${seal.module}`, facts)];
    }
    case 'development-key-file':
    case 'shamir':
      return [];
  }
}

interface Server extends Omit<OpenBaoServer, 'ca' | 'namespace'> {
  readonly ca?: string | undefined;
  readonly namespace?: string | undefined;
}

async function checkOpenBao(
  checked: string,
  { url, tokenFile, ca, namespace, timeoutMs }: Server,
): Promise<Verdict[]> {
  const facts = { url, file: tokenFile };
  const server: OpenBaoServer = {
    url,
    tokenFile,
    timeoutMs: Math.min(timeoutMs, 2_500),
    ...(ca === undefined ? {} : { ca }),
    ...(namespace === undefined ? {} : { namespace }),
  };
  const path = ['auth', 'token', 'lookup-self'];
  try {
    const { status, body, said } = await callOpenBao(
      server,
      { method: 'GET', path, maxAnswerBytes: MAX_ANSWER_BYTES },
      OPENBAO_ERRORS,
    );
    if (status === 503) return [finding('SEAL_PROVIDER_SEALED', checked, said, facts)];
    if (status === 403)
      return [finding('SEAL_REFUSED', checked, `${said}: the token is expired or wrong`, facts)];
    if (status !== 200) return [finding('SEAL_UNREACHABLE', checked, said, facts)];
    return [judgeToken(checked, numberOf(recordOf(body?.['data'])?.['ttl']) ?? 0, facts)];
  } catch (error) {
    const isOurs = errorCode(error) === 'SEAL_REJECTED';
    return [finding(isOurs ? 'SEAL_REFUSED' : 'SEAL_UNREACHABLE', checked, errorMessage(error), facts)];
  }
}

/** `ttlS`: 0 for a token that does not end. */
export function judgeToken(checked: string, ttlS: number, facts: { url: string; file: string }): Verdict {
  if (ttlS === 0) return passed(checked, `${facts.url} answers, the token does not end`, facts);
  if (ttlS < TOKEN_ENDS_SOON_S)
    return finding('SEAL_TOKEN_ENDS', checked, `the token ends in ${Math.floor(ttlS / 60)} minutes`, {
      ...facts,
      ttlS,
    });
  return passed(checked, `${facts.url} answers, the token holds for ${Math.floor(ttlS / 3_600)} hours`, {
    ...facts,
    ttlS,
  });
}
