// The Debian packages whose servers and clients the tests use. A missing one fails the test with the command that
// installs it; a skipped test would only look green.
import { accessSync, constants } from 'node:fs';

export const SERVICES = {
  nats: { program: '/usr/sbin/nats-server', debianPackage: 'nats-server' },
  rabbitmq: { program: '/usr/lib/rabbitmq/bin/rabbitmq-server', debianPackage: 'rabbitmq-server' },
  epmd: { program: '/usr/bin/epmd', debianPackage: 'erlang-base' },
  pykmip: { program: '/usr/lib/python3/dist-packages/kmip/__init__.py', debianPackage: 'python3-pykmip' },
  softhsm: { program: '/usr/lib/softhsm/libsofthsm2.so', debianPackage: 'softhsm2' },
  softhsmTool: { program: '/usr/bin/softhsm2-util', debianPackage: 'softhsm2' },
  age: { program: '/usr/bin/age', debianPackage: 'age' },
  ageKeygen: { program: '/usr/bin/age-keygen', debianPackage: 'age' },
  redis: { program: '/usr/bin/redis-server', debianPackage: 'redis-server' },
  python: { program: '/usr/bin/python3', debianPackage: 'python3' },
  boto3: { program: '/usr/lib/python3/dist-packages/boto3/__init__.py', debianPackage: 'python3-boto3' },
  promtool: { program: '/usr/bin/promtool', debianPackage: 'prometheus' },
  chromium: { program: '/usr/bin/chromium', debianPackage: 'chromium' },
  systemdAnalyze: { program: '/usr/bin/systemd-analyze', debianPackage: 'systemd' },
} as const;

/** The path of the program, or an Error that holds the command to install it. */
export function requireService(name: keyof typeof SERVICES): string {
  const { program, debianPackage } = SERVICES[name];
  try {
    accessSync(program, constants.R_OK);
    return program;
  } catch {
    const command = `sudo apt-get install -y ${debianPackage}`;
    throw new Error(
      `${program} is missing. Install it:\n  ${command}\nor everything that the tests use: npm run setup:test`,
    );
  }
}
