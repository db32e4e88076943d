// Free TCP ports on loopback, for servers that cannot be told "any" and report what they took.
import { createServer } from 'node:net';

/**
 * A port that was free a moment ago. Somebody else may take it before you do: be ready to try another one.
 */
export function freePort(host = '127.0.0.1'): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.unref();
    server.once('error', reject);
    server.listen({ host, port: 0, exclusive: true }, () => {
      const address = server.address();
      server.close(() => {
        if (typeof address === 'object' && address !== null) resolve(address.port);
        else reject(new Error('the system gave no port'));
      });
    });
  });
}
