/**
 * The development certificate authorities. Two, so that no application certificate is ever taken for one of ours:
 * `mesh-ca` signs cores and gateways, `application-ca` signs applications. Their private keys lie in the home
 * directory: fine on a developer's machine, and nowhere else.
 */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readPrivate, writePrivate, writePublic } from '../../platform/config-file.ts';
import { errorCode } from '../../platform/errors.ts';
import { createCa, issue, type KeyAndCertificate } from '../../platform/pki.ts';
import type { HomePaths } from '../home/paths.ts';
import { coreOf, gatewayOf, LOOPBACK, type RegionName } from './names.ts';

const CA_DAYS = 3650;
const CERTIFICATE_DAYS = 825;

export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

type AuthorityName = 'mesh-ca' | 'application-ca';
const commonNames: Record<AuthorityName, string> = {
  'mesh-ca': 'OpenKCM DEVELOPMENT mesh CA',
  'application-ca': 'OpenKCM DEVELOPMENT application CA',
};

export function certificateFiles(directory: string): CertificateFiles {
  return {
    cert: join(directory, 'cert.pem'),
    key: join(directory, 'key.pem'),
    ca: join(directory, 'ca.pem'),
  };
}

export const coreServername = (region: string): string => `core.${region}`;
export const gatewayServername = (region: string): string => `gateway.${region}`;
/** The gateway holds two certificates: one that applications see, and one that it shows to the core. */
export const gatewayClientDirectory = (paths: HomePaths, region: string): string =>
  join(paths.component(gatewayOf(region)), 'mesh');

/** Opens the authority, or makes it. */
export async function authority(paths: HomePaths, name: AuthorityName): Promise<KeyAndCertificate> {
  const files = certificateFiles(paths.authority(name));
  const known = await readPair(files);
  if (known !== undefined) return known;
  const made = await createCa({ commonName: commonNames[name], days: CA_DAYS });
  await writePair(paths.authority(name), made);
  return made;
}

/** Certificates of a region's core and gateway, made when missing. */
export async function ensureRegionCertificates(paths: HomePaths, region: RegionName): Promise<void> {
  const mesh = await authority(paths, 'mesh-ca');
  const server = (dnsName: string): Parameters<typeof issue>[0] => ({
    ca: mesh,
    commonName: dnsName,
    dnsNames: [dnsName, 'localhost'],
    ipAddresses: [LOOPBACK, '::1'],
    usages: ['server'],
    days: CERTIFICATE_DAYS,
  });
  const applications = await authority(paths, 'application-ca');
  const ensure = async (
    directory: string,
    options: Parameters<typeof issue>[0],
    ca: string,
  ): Promise<void> => {
    if ((await readPair(certificateFiles(directory))) !== undefined) return;
    await writePair(directory, await issue(options), ca);
  };
  const name = gatewayServername(region);
  await Promise.all([
    ensure(paths.component(coreOf(region)), server(coreServername(region)), mesh.certificatePem),
    ensure(paths.component(gatewayOf(region)), server(name), applications.certificatePem),
    ensure(
      gatewayClientDirectory(paths, region),
      {
        ca: mesh,
        commonName: name,
        uris: [`spiffe://openkcm.dev/region/${region}/gateway/gateway-1`],
        usages: ['client'],
        days: CERTIFICATE_DAYS,
      },
      mesh.certificatePem,
    ),
  ]);
}

/** As it is on disk, or issued now: a start that was interrupted goes on with what it had made. */
export async function ensureApplicationCertificate(
  paths: HomePaths,
  directory: string,
  application: { tenant: string; name: string },
): Promise<CertificateFiles> {
  const files = certificateFiles(directory);
  if ((await readPair(files)) !== undefined) return files;
  return await issueApplicationCertificate(paths, directory, application);
}

/** Issues a certificate for an application into `directory`: cert.pem, key.pem, and the ca.pem that it trusts. */
export async function issueApplicationCertificate(
  paths: HomePaths,
  directory: string,
  application: { tenant: string; name: string },
): Promise<CertificateFiles> {
  const made = await issue({
    ca: await authority(paths, 'application-ca'),
    commonName: application.name,
    organization: application.tenant,
    uris: [`spiffe://openkcm.dev/tenant/${application.tenant}/application/${application.name}`],
    usages: ['client'],
    days: CERTIFICATE_DAYS,
  });
  await writePair(directory, made, (await authority(paths, 'mesh-ca')).certificatePem);
  return certificateFiles(directory);
}

async function readPair(files: CertificateFiles): Promise<KeyAndCertificate | undefined> {
  try {
    const certificatePem = await readFile(files.cert, 'utf8');
    return { certificatePem, privateKeyPem: await readPrivate(files.key) };
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'CONFIG_NOT_FOUND') return undefined;
    throw error;
  }
}

async function writePair(directory: string, pair: KeyAndCertificate, ca?: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const files = certificateFiles(directory);
  await writePrivate(files.key, pair.privateKeyPem);
  if (ca !== undefined) await writePublic(files.ca, ca);
  await writePublic(files.cert, pair.certificatePem);
}
