/** What a configuration names: its secret files, its certificates, where it writes, whose clocks it can be compared with. */
import { dirname } from 'node:path';
import type { SealConfig } from '../../execution/core/config.ts';
import type { BrokerConfig } from '../../orbital/index.ts';
import type { CertificateFiles } from './certificates.ts';
import type { SecretFile } from './files.ts';
import type { CmkSubject, CoreSubject, GatewaySubject, Subject } from './subject.ts';

const some = (what: string, file: string | undefined): SecretFile[] =>
  file === undefined ? [] : [{ what, file }];
const ofBroker = ({ tls }: BrokerConfig): SecretFile[] =>
  some('key of the broker’s client certificate', tls?.client?.key);

export function secretFilesOf(subject: Subject): readonly SecretFile[] {
  switch (subject.kind) {
    case 'cmk':
      return secretsOfCmk(subject);
    case 'core':
      return secretsOfCore(subject);
    case 'gateway':
      return secretsOfGateway(subject);
  }
}

function secretsOfCmk({ config }: CmkSubject): SecretFile[] {
  const { audit, auth, broker, http, notifications, orbital } = config;
  return [
    ...some('signing key', orbital.signingKey),
    ...some('key of the audit log', audit?.signing?.key),
    ...some('development token', auth.developmentToken),
    ...some('people of the development issuer', auth.developmentIssuer),
    ...some('key of the REST certificate', http.tls?.key),
    ...some('key of notifications', notifications?.keyFile),
    ...some('password of the mail server', notifications?.smtp?.passwordFile),
    ...ofBroker(broker),
  ];
}

function secretsOfCore({ config }: CoreSubject): SecretFile[] {
  const { broker, keyStore, orbital, previousSeal, seal, tls } = config;
  const seals = [seal, ...(previousSeal === undefined ? [] : [previousSeal])];
  return [
    ...some('signing key', orbital.signingKey),
    ...some('key of the server certificate', tls.key),
    ...seals.flatMap(secretsOfSeal),
    ...(keyStore?.kind === 'openbao' ? some('token of the key store', keyStore.tokenFile) : []),
    ...ofBroker(broker),
  ];
}

function secretsOfSeal(seal: SealConfig): SecretFile[] {
  switch (seal.kind) {
    case 'development-key-file':
      return some('development seal', seal.path);
    case 'pkcs11':
      return some('PIN of the token', seal.pinFile);
    case 'openbao-transit':
      return some('token of the seal', seal.tokenFile);
    case 'shamir':
      return [];
  }
}

function secretsOfGateway({ config }: GatewaySubject): SecretFile[] {
  const { core, store, tls } = config;
  return [
    ...some('key of the server certificate', tls.key),
    ...some('key of the certificate towards the core', core.key),
    ...(store.kind === 'redis' ? some('password of Redis', store.passwordFile) : []),
    ...(store.kind === 'redis' ? some('key of Redis’ client certificate', store.tls?.key) : []),
    ...(store.kind === 'memory' ? [] : [{ what: 'local store', file: store.path, mayBeMissing: true }]),
  ];
}

/** Lists that the port itself goes by are read beside its certificate. */
export function certificatesOf(subject: Subject): readonly CertificateFiles[] {
  switch (subject.kind) {
    case 'cmk': {
      const { broker, http } = subject.config;
      return [
        ...(http.tls === undefined ? [] : [serverOf('REST certificate', http.tls, http.host)]),
        ...ofBrokerClient(broker),
      ];
    }
    case 'core': {
      const { broker, tls } = subject.config;
      // Gateways connect by a name that their configuration says: they look at it.
      return [serverOf('server certificate', tls, undefined), ...ofBrokerClient(broker)];
    }
    case 'gateway': {
      const { core, kmip, store, tls } = subject.config;
      const client = { checked: 'certificate towards the core', cert: core.cert, key: core.key } as const;
      const redis = store.kind === 'redis' && store.tls?.cert !== undefined ? store.tls : undefined;
      return [
        serverOf('server certificate', tls, kmip.host),
        { ...client, purpose: 'client' },
        ...(redis?.cert === undefined
          ? []
          : [
              {
                checked: 'certificate towards Redis',
                cert: redis.cert,
                key: redis.key,
                purpose: 'client',
              } as const,
            ]),
      ];
    }
  }
}

function serverOf(
  checked: string,
  { cert, key }: { readonly cert: string; readonly key: string },
  host: string | undefined,
): CertificateFiles {
  return { checked, cert, key, purpose: 'server', host: nameOf(host) };
}

/** An address that a port is bound to says nothing of the names that peers use; a name does. */
const nameOf = (host: string | undefined): string | undefined =>
  host === undefined || /^[\d.]+$/.test(host) || host.includes(':') ? undefined : host;

function ofBrokerClient({ tls }: BrokerConfig): CertificateFiles[] {
  if (tls?.client === undefined) return [];
  return [{ checked: 'certificate towards the broker', ...tls.client, purpose: 'client' }];
}

export function directoriesOf(subject: Subject): readonly string[] {
  switch (subject.kind) {
    case 'cmk': {
      const { audit, keystoreDirectory, orbital } = subject.config;
      const all = [audit?.checkpointDirectory, keystoreDirectory, dirname(orbital.signingKey)];
      return all.filter((directory) => directory !== undefined);
    }
    case 'core':
      return [dirname(subject.config.orbital.signingKey)];
    case 'gateway': {
      const { store } = subject.config;
      return store.kind === 'memory' ? [] : [dirname(store.path)];
    }
  }
}

/** HTTP servers that the component has to agree with about the time. `ca`: a file. */
export function clocksOf(
  subject: Subject,
): readonly { readonly name: string; readonly url: string; readonly ca?: string }[] {
  switch (subject.kind) {
    case 'cmk':
      return (subject.config.auth.issuers ?? []).map(({ name, issuer }) => ({
        name: `the issuer ${name}`,
        url: issuer,
      }));
    case 'core': {
      const { keyStore, previousSeal, seal } = subject.config;
      return [seal, previousSeal, keyStore].flatMap((one) => {
        if (one === undefined || !('url' in one)) return [];
        const url = `${one.url}/v1/sys/health`;
        return [{ name: 'OpenBao', url, ...(one.ca === undefined ? {} : { ca: one.ca }) }];
      });
    }
    case 'gateway':
      return [];
  }
}
