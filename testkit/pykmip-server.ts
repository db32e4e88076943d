// PyKMIP's own server, with its SQLite file in a temporary directory: an independent KMIP server to compare with. It speaks
// TLS 1.2, and logs errors alone, with which it is at its fastest.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../platform/ports.ts';
import { startChild } from './children.ts';
import { temporaryDirectory } from './directories.ts';
import type { PemFiles } from './pki.ts';
import { requireService } from './services.ts';

const HOST = '127.0.0.1';
const STARTED = 'PyKMIP listens';

export interface PyKmipServer {
  readonly host: string;
  readonly port: number;
  /** Of the process that answers; another, that keeps its policies, is its child. */
  readonly pid: number;
  close(): Promise<void>;
}

const SCRIPT = `
import sys
from kmip.services.server import KmipServer

server = KmipServer(config_path=sys.argv[1], log_path=sys.argv[2])
with server:
    # It is bound now, and listens from here on, not from somewhat later.
    server._socket.listen(5)
    print('${STARTED}', flush=True)
    server.serve()
`;

/** `files`: the server's certificate and key, and the authority of its clients. */
export async function startPyKmipServer({ certFile, keyFile, caFile }: PemFiles): Promise<PyKmipServer> {
  requireService('pykmip');
  const python = requireService('python');
  const directory = temporaryDirectory('pykmip-server');
  const port = await freePort(HOST);
  const [script, config] = [join(directory, 'main.py'), join(directory, 'server.conf')];
  const settings = {
    hostname: HOST,
    port,
    certificate_path: certFile,
    key_path: keyFile,
    ca_path: caFile,
    auth_suite: 'TLS1.2',
    policy_path: directory,
    enable_tls_client_auth: 'True',
    logging_level: 'ERROR',
    database_path: join(directory, 'pykmip.sqlite'),
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
  await writeFile(config, `[server]\n${lines.join('\n')}\n`);
  await writeFile(script, SCRIPT);
  const child = await startChild({
    name: 'PyKMIP server',
    command: python,
    args: ['-I', '-W', 'ignore', script, config, join(directory, 'server.log')],
    cwd: directory,
    env: { PATH: '/usr/bin:/bin', HOME: directory, LANG: 'C.UTF-8' },
  });
  await child.waitForLine(new RegExp(STARTED));
  return { host: HOST, port, pid: child.pid, close: () => child.kill() };
}
