/** What an answer says of the line to the core, lane by lane (D8). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseCorrelationId } from '../../../contracts/index.ts';
import { KmipClientError, type KmipClientErrorCode } from '../../kmip/index.ts';
import { MeshOperation } from '../../mesh/index.ts';
import { anIdentity, silent } from '../fixture.test.ts';
import { GatewayRefusal, type RefusalCode } from '../refusals.ts';
import { CoreLink } from './core-link.ts';

function failingWith(code: KmipClientErrorCode) {
  let closed = 0;
  const link = new CoreLink({
    logger: silent,
    open: () => ({
      send: () => Promise.reject(new KmipClientError(code, 'as the test wants it')),
      close: () => {
        closed += 1;
      },
    }),
  });
  link.markUp();
  return { link, closed: () => closed };
}

const isRefusal = (refusal: RefusalCode) => (error: unknown) =>
  error instanceof GatewayRefusal && error.refusal === refusal;

function tunnel(link: CoreLink) {
  const { tenant, application, fingerprint } = anIdentity('a');
  return link.ask(
    'lifecycle',
    MeshOperation.Tunnel,
    {
      message: Buffer.alloc(8),
      caller: { tenant, application, fingerprint },
      correlationId: parseCorrelationId('gw-1'),
    },
    1_000,
  );
}

describe('an answer that cannot be read, or is too large', () => {
  it('fails its own request in the lifecycle and bulk lanes, and nobody else', async () => {
    const { link, closed } = failingWith('KMIP_BAD_RESPONSE');
    await assert.rejects(tunnel(link), isRefusal('CORE_ANSWER_UNREADABLE'));
    await assert.rejects(
      link.ask('bulk', MeshOperation.Announce, { objects: [] }, 1_000),
      isRefusal('CORE_ANSWER_UNREADABLE'),
    );
    assert.equal(link.isUp, true);
    assert.equal(closed(), 0, 'requests beside it go on');
  });

  it('is a broken line in the hot lane', async () => {
    const { link } = failingWith('KMIP_BAD_RESPONSE');
    await assert.rejects(link.ask('hot', MeshOperation.Sync, { after: 0 }, 1_000));
    assert.equal(link.isUp, false);
  });
});

describe('a line that breaks', () => {
  it('is noticed in every lane', async () => {
    for (const code of ['KMIP_CONNECTION_LOST', 'KMIP_CONNECT_FAILED'] as const) {
      const { link } = failingWith(code);
      await assert.rejects(tunnel(link));
      assert.equal(link.isUp, false, code);
    }
  });
});
