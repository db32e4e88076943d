/**
 * Logging in through a browser on this machine: the provider sends it back to a port on loopback (RFC 8252 §7.3), and PKCE
 * binds what it brings to the process that asked (RFC 7636).
 */
import type { AddressInfo } from 'node:net';
import type { Configuration, TokenEndpointResponse } from 'openid-client';
import { createServer } from '../../platform/http.ts';
import { CliError } from '../errors.ts';

const LOOPBACK = '127.0.0.1';
const PATH = '/callback';
const PATIENCE_MS = 300_000;
const DONE = 'You are logged in, and can close this page.\n';

/** Errors: LOGIN_FAILED when nobody comes back in time, and whatever the client throws. `show` gets the address to open. */
export async function logInByBrowser(
  config: Configuration,
  parameters: Readonly<Record<string, string>>,
  show: (address: string) => void,
): Promise<TokenEndpointResponse> {
  const client = await import('openid-client');
  const verifier = client.randomPKCECodeVerifier();
  const state = client.randomState();
  const callback = await listenForCallback();
  try {
    const address = client.buildAuthorizationUrl(config, {
      ...parameters,
      redirect_uri: callback.address,
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      state,
    });
    show(address.href);
    const checks = { pkceCodeVerifier: verifier, expectedState: state };
    const { scope: _asked, ...atTokenEndpoint } = parameters;
    return await client.authorizationCodeGrant(config, await callback.arrived, checks, atTokenEndpoint);
  } finally {
    callback.close();
  }
}

interface Callback {
  readonly address: string;
  readonly arrived: Promise<URL>;
  close(): void;
}

async function listenForCallback(): Promise<Callback> {
  const arrival = Promise.withResolvers<URL>();
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', `http://${LOOPBACK}`);
    if (request.method !== 'GET' || url.pathname !== PATH) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { 'content-type': 'text/plain', connection: 'close' }).end(DONE);
    arrival.resolve(new URL(`${url.pathname}${url.search}`, address));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, LOOPBACK, resolve);
  });
  const address = `http://${LOOPBACK}:${(server.address() as AddressInfo).port}${PATH}`;
  const timer = setTimeout(
    () => arrival.reject(new CliError('LOGIN_FAILED', 'nobody came back from the provider in time')),
    PATIENCE_MS,
  );
  return {
    address,
    arrived: arrival.promise,
    close() {
      clearTimeout(timer);
      server.close();
      server.closeAllConnections();
    },
  };
}
