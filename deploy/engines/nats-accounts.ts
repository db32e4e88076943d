/**
 * Writes accounts.conf of the NATS servers for the regions that are named:
 *
 *     npm run --silent nats-accounts -- eu-west-1 us-east-1 > accounts.conf
 *
 * Passwords stand in the environment of nats-server: NATS_GOVERNANCE, NATS_ADMIN, and for each region such as NATS_EU_WEST_1.
 */
import { natsAccounts } from '../../orbital/index.ts';

const variableOf = (user: string): { variable: string } => ({
  variable: `NATS_${user.toUpperCase().replaceAll('-', '_')}`,
});

/** @throws RangeError, OkcmError as `natsAccounts` */
export const accountsFor = (regions: readonly string[]): string =>
  natsAccounts({
    governance: { user: 'governance', password: variableOf('governance') },
    regions: regions.map((name) => ({ name, user: name, password: variableOf(name) })),
    admin: { user: 'admin', password: variableOf('admin') },
  });

if (import.meta.main) {
  const regions = process.argv.slice(2);
  if (regions.length === 0) {
    process.stderr.write('name the regions: npm run --silent nats-accounts -- eu-west-1 us-east-1\n');
    process.exitCode = 2;
  } else process.stdout.write(accountsFor(regions));
}
