// NATS keeps the contract, with a user for each region that may do no more than it needs.
import { startNats } from '../../testkit/nats.ts';
import { startProxy } from '../../testkit/proxy.ts';
import { connectTransport } from '../connect.ts';
import { natsRegionPermissions } from './nats.ts';
import { transportContract } from './transport.contract.ts';

transportContract('NATS JetStream', async () => {
  const server = await startNats({
    users: [
      { user: 'governance', password: 'secret' },
      ...['north', 'south'].map((region) => ({
        user: region,
        password: 'secret',
        permissions: natsRegionPermissions(region),
      })),
    ],
  });
  return {
    openNetwork: () => startProxy({ targetPort: server.port }),
    connect: (role, port = server.port) =>
      connectTransport(`nats://127.0.0.1:${port}`, role, {
        credentials: { user: role.plane === 'governance' ? 'governance' : role.region, password: 'secret' },
      }),
    kill: () => server.kill(),
    start: () => server.start(),
    end: () => server.stop(),
  };
});
