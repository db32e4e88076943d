/** The line in front of the core (D8): shares, bounds, and what happens past them, at once. */
import assert from 'node:assert/strict';
import { describe, it, mock } from 'node:test';
import { parseCorrelationId } from '../../../contracts/index.ts';
import { MeshOperation, type TunnelRequest } from '../../mesh/index.ts';
import { anIdentity, FakeCore, OTHER_TENANT, silent, TENANT } from '../fixture.test.ts';
import { MAX_TUNNEL_QUEUE_PER_TENANT, MAX_TUNNELLED_PER_TENANT, TUNNEL_CONNECTIONS } from '../limits.ts';
import { CoreLink } from '../link/core-link.ts';
import { GatewayRefusal, type RefusalCode } from '../refusals.ts';
import type { RequestContext } from './context.ts';
import { Tunnel } from './tunnel.ts';

const AT_ONCE_MS = 50;
const MESSAGE = Buffer.alloc(8);

/** What is made here and not announced. */
const unannounced = new Set<string>();

const contextOf = (tenant: typeof TENANT): RequestContext =>
  ({
    services: { store: { keys: { mayWait: (_: typeof TENANT, uid: string) => unannounced.has(uid) } } },
    requester: { identity: anIdentity('a', tenant), peer: 'test' },
    correlationId: parseCorrelationId('gw-1'),
  }) as unknown as RequestContext;

/** A core that answers when the test says so. */
function setUp() {
  const core = new FakeCore();
  const waiting: { readonly tenant: string; readonly answer: () => void }[] = [];
  core.answers[MeshOperation.Tunnel] = ({ caller }: TunnelRequest) =>
    new Promise((resolve) => {
      const answer = () => resolve({ message: MESSAGE, effects: [] });
      waiting.push({ tenant: caller.tenant, answer });
    });
  const link = new CoreLink({ open: core.open, logger: silent });
  link.markUp();
  const flush = mock.fn(async () => undefined);
  const tunnel = new Tunnel({
    link,
    announcer: { flush },
    applier: { applyEffects: () => undefined },
  });
  const send = (tenant = TENANT, named?: readonly string[]) =>
    tunnel.send(MESSAGE, undefined, undefined, contextOf(tenant), named);
  const answerAll = async (): Promise<void> => {
    while (waiting.length > 0) {
      for (const { answer } of waiting.splice(0)) answer();
      await settled();
    }
  };
  return { core, link, tunnel, send, waiting, answerAll, flush };
}

const settled = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

async function refusedAtOnce(refusal: RefusalCode, run: () => Promise<unknown>): Promise<void> {
  const startedAt = performance.now();
  await assert.rejects(run, (error) => error instanceof GatewayRefusal && error.refusal === refusal);
  const tookMs = performance.now() - startedAt;
  assert.ok(tookMs < AT_ONCE_MS, `${tookMs} ms`);
}

describe('tunnelled requests', () => {
  it('of one tenant leave connections for the others, who pass them in the line', async () => {
    const { send, waiting, tunnel, answerAll } = setUp();
    const own = Array.from({ length: 2 * TUNNEL_CONNECTIONS }, () => send());
    await settled();
    assert.equal(waiting.length, MAX_TUNNELLED_PER_TENANT);
    assert.equal(tunnel.waiting, 2 * TUNNEL_CONNECTIONS - MAX_TUNNELLED_PER_TENANT);
    const other = send(OTHER_TENANT);
    await settled();
    assert.equal(waiting.at(-1)?.tenant, OTHER_TENANT);
    waiting.pop()?.answer();
    await other;
    await answerAll();
    await Promise.all(own);
    assert.equal(tunnel.waiting, 0);
  });

  it('past what one tenant may have in line are refused at once, and the others go on', async () => {
    const { send, waiting, answerAll } = setUp();
    const own = Array.from({ length: MAX_TUNNELLED_PER_TENANT + MAX_TUNNEL_QUEUE_PER_TENANT }, () => send());
    await settled();
    await refusedAtOnce('CORE_BUSY', () => send());
    const other = send(OTHER_TENANT);
    await settled();
    waiting.pop()?.answer();
    await other;
    await answerAll();
    await Promise.all(own);
  });

  it('wait for new keys only where the core may miss one of them', async () => {
    const { send, answerAll, flush } = setUp();
    unannounced.add('made-just-now');
    const cases: [named: readonly string[] | undefined, waits: boolean][] = [
      [['known'], false],
      [['known', 'made-just-now'], true],
      [undefined, true],
    ];
    for (const [named, waits] of cases) {
      flush.mock.resetCalls();
      const sent = send(TENANT, named);
      await settled();
      await answerAll();
      await sent;
      assert.equal(flush.mock.callCount(), waits ? 1 : 0, String(named));
    }
  });

  it('are refused at once while the core is away, also those in line when it goes', async () => {
    const { core, link, send, tunnel } = setUp();
    const own = Array.from({ length: 3 * MAX_TUNNELLED_PER_TENANT }, () =>
      send().catch((error: unknown) => error),
    );
    await settled();
    core.isCut = true;
    link.markDown(new Error('gone'));
    await refusedAtOnce('CORE_UNREACHABLE', () => send());
    const outcomes = await Promise.all(own);
    for (const outcome of outcomes) assert.ok(outcome instanceof GatewayRefusal);
    assert.equal(tunnel.waiting, 0);
  });
});
