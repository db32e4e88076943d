/** People for tests: holders of shares with age identities, and an operator who speaks to the admin listener. */
import { request } from 'node:https';
import { armor, Decrypter, generateX25519Identity, identityToRecipient } from 'age-encryption';
import type { KeyAndCertificate } from '../../../platform/pki.ts';
import type { EncryptedShare } from '../../keychain/index.ts';

export interface TestHolder {
  readonly name: string;
  readonly identity: string;
  readonly recipient: string;
}

export async function testHolders(...names: string[]): Promise<TestHolder[]> {
  return await Promise.all(
    names.map(async (name) => {
      const identity = await generateX25519Identity();
      return { name, identity, recipient: await identityToRecipient(identity) };
    }),
  );
}

/** Each holder decrypts the share that is theirs, in the order of the shares. */
export async function decryptShares(
  holders: readonly TestHolder[],
  shares: readonly EncryptedShare[],
): Promise<string[]> {
  return await Promise.all(
    shares.map(async ({ holder, file }) => {
      const decrypter = new Decrypter();
      decrypter.addIdentity(holders.find(({ name }) => name === holder)?.identity ?? '');
      return await decrypter.decrypt(armor.decode(file), 'text');
    }),
  );
}

export interface AdminAnswer<T = Record<string, unknown>> {
  readonly status: number;
  readonly body: T;
}

/** One request to the admin listener. Rejects when the connection is cut. */
export function askAdmin<T = Record<string, unknown>>(
  port: number,
  ca: string,
  identity: KeyAndCertificate | undefined,
  method: string,
  path: string,
  body?: unknown,
): Promise<AdminAnswer<T>> {
  const payload = body === undefined ? undefined : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const call = request(
      {
        host: '127.0.0.1',
        port,
        method,
        path,
        ca,
        agent: false,
        timeout: 10_000,
        ...(identity === undefined ? {} : { cert: identity.certificatePem, key: identity.privateKeyPem }),
        ...(payload === undefined ? {} : { headers: { 'content-type': 'application/json' } }),
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.once('error', reject);
        response.once('end', () =>
          resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) as T }),
        );
      },
    );
    call.once('error', reject);
    call.end(payload);
  });
}
