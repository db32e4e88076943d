/**
 * Replays KMIP test cases in the XML encoding, as OASIS publishes them, at a gateway:
 *
 *     npm run conformance -- --cases DIR
 *     npm run conformance -- --cases DIR --hot-path off
 *     npm run conformance -- --cases DIR --endpoint kms.example:5696 --cert app.pem --key app.key --ca ca.pem
 *
 * Without an endpoint it starts an installation of its own. Exit code: 0 when every case passed, 1 when one did not, 2
 * when it was called wrongly.
 */
import { parseArgs } from 'node:util';
import { Output } from '../../cli/output.ts';
import { errorMessage } from '../../platform/errors.ts';
import { readCases } from './case-file.ts';
import { reportData, reportText } from './report.ts';
import { runCases } from './run.ts';
import { foreignTarget, startTarget, type Target } from './target.ts';
import type { Address } from './wire.ts';

const FAILED = 1;
const WRONG_USAGE = 2;

const usage = `npm run conformance -- --cases DIR [options]
  --cases DIR           folder of cases; may be given several times
  --only WORD           cases whose name holds the word
  --endpoint HOST:PORT  a gateway that is running; without it an installation is started
  --https HOST:PORT     its HTTPS endpoint, for the cases of message encodings
  --cert FILE           certificate of an application, PEM
  --key FILE            its private key
  --ca FILE             issuer of the gateway's certificate
  --hot-path on|off     whether the gateway of that installation has its hot path; on unless said otherwise
  --json                one JSON document for programs`;

class UsageError extends Error {}

function options() {
  const { values } = parseArgs({
    options: {
      cases: { type: 'string', multiple: true },
      only: { type: 'string' },
      endpoint: { type: 'string' },
      https: { type: 'string' },
      cert: { type: 'string' },
      key: { type: 'string' },
      ca: { type: 'string' },
      'hot-path': { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  return values;
}
type Options = ReturnType<typeof options>;

function addressOf(text: string): Address {
  const match = /^(.+):(\d{1,5})$/.exec(text);
  if (match === null) throw new UsageError(`"${text}" is not HOST:PORT`);
  const [, host = '', port = ''] = match;
  return { host: host.replace(/^\[(.*)\]$/, '$1'), port: Number(port) };
}

function hotPathOf({ 'hot-path': state, endpoint }: Options): 'on' | 'off' {
  if (state !== undefined && endpoint !== undefined)
    throw new UsageError('--hot-path is for the installation that is started: leave out --endpoint');
  if (state === undefined || state === 'on' || state === 'off') return state ?? 'on';
  throw new UsageError('--hot-path is on or off');
}

async function targetOf(given: Options): Promise<Target> {
  const hotPath = hotPathOf(given);
  const { endpoint, https, cert, key, ca } = given;
  if (endpoint === undefined) return await startTarget(hotPath);
  if (cert === undefined || key === undefined || ca === undefined)
    throw new UsageError('--endpoint needs --cert, --key and --ca');
  return await foreignTarget(addressOf(endpoint), https === undefined ? undefined : addressOf(https), {
    cert,
    key,
    ca,
  });
}

async function run(given: Options): Promise<number> {
  if (given.cases === undefined) throw new UsageError('--cases is missing');
  const cases = await readCases(given.cases, given.only);
  if (cases.length === 0) throw new UsageError('there is no such case');
  const output = new Output({ json: given.json });
  if (output.live) output.note(given.endpoint === undefined ? 'starting an installation …' : 'connecting …');
  const target = await targetOf(given);
  try {
    const outcomes = await runCases(cases, target, (name) => {
      if (output.live) output.note(name);
    });
    output.result(reportData(outcomes), () => reportText(outcomes));
    return outcomes.some(({ verdict }) => verdict === 'failed') ? FAILED : 0;
  } finally {
    await target.close();
  }
}

try {
  const given = options();
  if (given.help) {
    process.stdout.write(`${usage}\n`);
    process.exit(0);
  }
  process.exit(await run(given));
} catch (error) {
  const isUsage = error instanceof UsageError || (error instanceof TypeError && 'code' in error);
  process.stderr.write(`${errorMessage(error)}\n${isUsage ? `${usage}\n` : ''}`);
  process.exit(isUsage ? WRONG_USAGE : FAILED);
}
