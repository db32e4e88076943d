// PyKMIP, an independent KMIP client, against a server of ours: runs a piece of Python with a ready connection.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startChild } from './children.ts';
import { temporaryDirectory } from './directories.ts';
import type { PemFiles } from './pki.ts';
import { requireService } from './services.ts';

const DEFAULT_TIMEOUT_MS = 30_000;

export interface PyKmipOptions extends PemFiles {
  readonly host: string;
  readonly port: number;
  /** As PyKMIP names it. Default `KMIP_1_2`. */
  readonly version?: 'KMIP_1_0' | 'KMIP_1_1' | 'KMIP_1_2' | 'KMIP_1_3' | 'KMIP_1_4' | 'KMIP_2_0';
  /**
   * Python that uses `client` (an open kmip.pie ProxyKmipClient), `enums`, `objects` and `json`. Call `emit(value)` to
   * hand something back. An exception fails the run. `connect(certFile, keyFile)` makes another client, of another
   * identity, which the script opens and closes.
   */
  readonly script: string;
  /** What the script finds as `parameters`. */
  readonly parameters?: unknown;
  readonly timeoutMs?: number;
}

const PRELUDE = `
import json, sys, os
from kmip.core import enums
from kmip.pie import objects
from kmip.pie.client import ProxyKmipClient

_settings = json.loads(sys.argv[1])

def emit(value):
    print('EMIT ' + json.dumps(value), flush=True)

parameters = _settings.get('parameters')

def connect(cert, key):
    return ProxyKmipClient(
        hostname=_settings['host'], port=_settings['port'], cert=cert, key=key, ca=_settings['caFile'],
        ssl_version='PROTOCOL_TLSv1_2', config_file=os.devnull,
        kmip_version=enums.KMIPVersion[_settings['version']])

client = connect(_settings['certFile'], _settings['keyFile'])
client.open()
try:
    exec(compile(open(_settings['script']).read(), 'script', 'exec'))
finally:
    client.close()
`;

/** What the script emitted, in order. Rejects with the whole output when Python fails. */
export async function runPyKmip(options: PyKmipOptions): Promise<unknown[]> {
  requireService('pykmip');
  const python = requireService('python');
  const directory = temporaryDirectory('pykmip');
  const script = join(directory, 'script.py');
  const main = join(directory, 'main.py');
  await writeFile(script, options.script);
  await writeFile(main, PRELUDE);
  const { host, port, certFile, keyFile, caFile, parameters, version = 'KMIP_1_2' } = options;
  const settings = JSON.stringify({ host, port, certFile, keyFile, caFile, version, script, parameters });
  const child = await startChild({
    name: 'PyKMIP',
    command: python,
    args: ['-I', '-W', 'ignore', main, settings],
    cwd: directory,
    env: { PATH: '/usr/bin:/bin', HOME: directory, LANG: 'C.UTF-8' },
  });
  await child.expectCleanExit(options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  return child
    .output()
    .split('\n')
    .filter((line) => line.startsWith('EMIT '))
    .map((line): unknown => JSON.parse(line.slice('EMIT '.length)));
}
