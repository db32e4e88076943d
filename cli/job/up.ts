/** What `okcm up` does: start, run the main job, stay, stop in order, whatever happens in between. */
import { readPrivate } from '../../platform/config-file.ts';
import { CliError, describeError, exitCodes } from '../errors.ts';
import { isPortTaken, type PortMode } from '../installation/ports.ts';
import type { Output } from '../output.ts';
import { guide } from './guide.ts';
import { Launch } from './launch.ts';
import { type MainJobReport, runMainJob } from './main-job.ts';
import { TENANT } from './names.ts';

/** Chosen ports may be taken before they are used; seldom once, and not three times. */
const MAX_STARTS = 3;

export interface UpOptions {
  readonly once?: boolean;
  readonly ports?: PortMode;
  readonly broker?: string;
  readonly gatewayStore?: string;
}

export async function up(home: string, output: Output, options: UpOptions): Promise<number> {
  const interruption = new Interruption();
  let abandoned = false;
  const brokerUrl = await addressIn(options.broker, '--broker', output);
  const gatewayStore = await addressIn(options.gatewayStore, '--gateway-store', output);
  const startedAt = performance.now();
  const open = async (): Promise<Launch> => {
    const opened = await Launch.open({
      home,
      onNote: (note) => output.note(note),
      ...(options.ports === undefined ? {} : { portMode: options.ports }),
      ...(brokerUrl === undefined ? {} : { brokerUrl }),
      ...(gatewayStore === undefined ? {} : { gatewayStore }),
    });
    interruption.onForce = () => opened.supervisor.killAll();
    return opened;
  };
  let launch = await open();
  const start = async (attempt = 1): Promise<MainJobReport> => {
    try {
      return await interruption.orElse(runMainJob(launch, output, startedAt));
    } catch (error) {
      const { portMode } = launch.installation.stored;
      if (portMode !== 'auto' || !isPortTaken(error) || attempt === MAX_STARTS) throw error;
      output.note(`${describeError(error).message}; starting again with another port`);
      await launch.stop();
      launch = await open();
      return await start(attempt + 1);
    }
  };
  try {
    const report = await start();
    if (options.once === true) {
      if (!report.linked) {
        throw new CliError('MAIN_JOB_FAILED', `${TENANT} is unlinked, so the job cannot run`, {
          hint: `start without --once, then: okcm link ${TENANT}`,
        });
      }
      output.result(report.data, () => report.text);
    } else {
      output.result(report.data, () => `${report.text}\n\n${guide(launch, home)}`);
      await interruption.happened;
    }
  } catch (error) {
    if (error instanceof Interrupted) {
      output.note('interrupted: stopping everything');
      abandoned = true;
      return exitCodes.failure;
    }
    throw error;
  } finally {
    if (options.once !== true) output.line('\nstopping everything …');
    await launch.stop();
    if (abandoned) setTimeout(() => process.exit(), LINGER_MS).unref();
  }
  if (options.once !== true) output.line('stopped');
  return exitCodes.ok;
}

/** An address with a password may lie in a private file, since every user of the machine can read argv. */
async function addressIn(
  given: string | undefined,
  option: string,
  output: Output,
): Promise<string | undefined> {
  if (given?.startsWith('@') === true) return (await readPrivate(given.slice(1))).trim();
  if (given !== undefined && URL.canParse(given) && new URL(given).password !== '') {
    output.note(`its password can be read in the process list; ${option} @FILE keeps it private`);
  }
  return given;
}

class Interrupted extends CliError {
  constructor() {
    super('MAIN_JOB_FAILED', 'interrupted');
  }
}

const PARENT_CHECK_MS = 500;
/** npm passes a Ctrl-C on that the terminal has sent us already: what follows this closely is the same key press. */
const SAME_SIGNAL_MS = 500;
/** An abandoned job may still wait for an answer that will not come; what it prints about it has this long. */
const LINGER_MS = 1_000;
const FORCED_EXIT_CODE = 130;

/** Ctrl-C, SIGTERM from whoever runs us, or the end of the npm that started us: it passes signals to its shell only. */
class Interruption {
  readonly happened: Promise<void>;
  /** Called right before an impatient second signal ends this process. */
  onForce: () => void = () => undefined;
  constructor() {
    this.happened = new Promise((resolve) => {
      let firstAt: number | undefined;
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
        process.on(signal, () => {
          const now = performance.now();
          firstAt ??= now;
          resolve();
          if (now - firstAt < SAME_SIGNAL_MS) return;
          // What is not up yet notices the loss of its parent and ends by itself.
          this.onForce();
          process.exit(FORCED_EXIT_CODE);
        });
      }
      const { npm_lifecycle_event: underNpm } = process.env;
      const parent = process.ppid;
      const check = (): void => {
        if (process.ppid !== parent) resolve();
      };
      if (underNpm !== undefined) setInterval(check, PARENT_CHECK_MS).unref();
    });
  }

  /** The work, unless the interruption comes first. */
  async orElse<T>(work: Promise<T>): Promise<T> {
    return await Promise.race([work, this.happened.then(() => Promise.reject(new Interrupted()))]);
  }
}
