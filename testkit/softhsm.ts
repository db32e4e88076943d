// A real PKCS#11 token in a temporary directory: SoftHSM, as Debian packages it. Its configuration is found through the
// environment of the process that loads the library.
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorMessage } from '../platform/errors.ts';
import { temporaryDirectory } from './directories.ts';
import { requireService } from './services.ts';

export interface TestToken {
  readonly tokenLabel: string;
  /** The PKCS#11 library. */
  readonly module: string;
  readonly pin: string;
  /** Holds the PIN; mode 0600. */
  readonly pinFile: string;
  /** For child processes that shall see the token; this process has it set already. */
  readonly env: { readonly SOFTHSM2_CONF: string };
}

/** What talks to a token, as the code under test loads it; a string, since no types of it are needed here. */
const PACKAGE: string = 'graphene-pk11';

/** Without its native part every test with a token would fail late, each in a way of its own. */
async function requireNativePart(): Promise<void> {
  try {
    await import(PACKAGE);
  } catch (cause) {
    const [reason] = errorMessage(cause).split('\n');
    throw new Error(
      `${PACKAGE} does not load (${reason}). Compile its native part:\n  npm run build:native`,
      {
        cause,
      },
    );
  }
}

/** A fresh token, and SOFTHSM2_CONF of this process set to it: the latest token is the one that is seen. */
export async function startSoftHsm(tokenLabel = 'okcm-test'): Promise<TestToken> {
  const module = requireService('softhsm');
  const program = requireService('softhsmTool');
  await requireNativePart();
  const directory = temporaryDirectory('softhsm');
  const tokens = join(directory, 'tokens');
  await mkdir(tokens, { mode: 0o700 });
  const configuration = join(directory, 'softhsm2.conf');
  await writeFile(
    configuration,
    `directories.tokendir = ${tokens}\nobjectstore.backend = file\nlog.level = ERROR\n`,
  );
  const env = { SOFTHSM2_CONF: configuration };
  const [pin, officerPin] = [randomBytes(6).toString('hex'), randomBytes(6).toString('hex')];
  execFileSync(
    program,
    ['--init-token', '--free', '--label', tokenLabel, '--pin', pin, '--so-pin', officerPin],
    { env: { ...process.env, ...env }, stdio: 'pipe' },
  );
  process.env['SOFTHSM2_CONF'] = configuration;
  const pinFile = join(directory, 'pin');
  await writeFile(pinFile, `${pin}\n`, { mode: 0o600 });
  await chmod(pinFile, 0o600);
  return { tokenLabel, module, pin, pinFile, env };
}
