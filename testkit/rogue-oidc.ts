// A provider that is trusted, and does not deserve it: it signs nobody in, and gives out whatever a test tells it to.

import type { AddressInfo } from 'node:net';
import { createServer } from '../platform/http.ts';

/** Below the address of the provider: another one, which answers no discovery. */
const BROKEN = '/broken';

export interface RogueProvider {
  readonly issuer: string;
  readonly brokenIssuer: string;
  /** What the token endpoint answers with next. */
  token: string;
  /** Bytes that it puts around that. */
  padding: number;
  /** How often it was asked for tokens, and the broken one for its discovery document. */
  readonly asked: { tokens: number; brokenDiscovery: number };
  stop(): Promise<void>;
}

export async function startRogueProvider(): Promise<RogueProvider> {
  const server = createServer((request, response) => {
    const answer = (status: number, body: object): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    const path = request.url ?? '';
    if (path.startsWith(BROKEN)) {
      rogue.asked.brokenDiscovery++;
      answer(500, {});
    } else if (path.startsWith('/.well-known/'))
      answer(200, {
        issuer: rogue.issuer,
        authorization_endpoint: `${rogue.issuer}/authorize`,
        token_endpoint: `${rogue.issuer}/token`,
        jwks_uri: `${rogue.issuer}/keys`,
        response_types_supported: ['code'],
      });
    else if (path.startsWith('/token')) {
      rogue.asked.tokens++;
      const { token, padding } = rogue;
      answer(200, {
        access_token: token,
        token_type: 'Bearer',
        expires_in: 600,
        padding: ' '.repeat(padding),
      });
    } else answer(200, { keys: [] });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const rogue: RogueProvider = {
    issuer,
    brokenIssuer: `${issuer}${BROKEN}`,
    token: '',
    padding: 0,
    asked: { tokens: 0, brokenDiscovery: 0 },
    async stop() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
  return rogue;
}
