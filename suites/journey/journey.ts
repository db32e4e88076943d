/**
 * A customer's whole way, by the command line alone and as different people: a tenant under four eyes, its own master key
 * linked, in use, its revocation simulated, revoked by two approvals, and linked again; the audit chain verified at the end.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Application, Ciphertext } from '../../cli/kmip/application.ts';
import { eventually, type System } from '../../testkit/system.ts';
import { KEY_ADMINISTRATOR, type OpenWay, OWN_KEY } from './keys.ts';

/** Of the development installation. Ada looks after people and keys, and decides nothing alone. */
const ADMINISTRATOR = KEY_ADMINISTRATOR;
const [FIRST_APPROVER, SECOND_APPROVER, AUDITOR] = ['bob', 'carol', 'dan'] as const;
const SERVICE = 'billing';
const APPLICATION = 'till';
const principal = (name: string): string => `development:${name}`;
/** Gateways refuse within a second once governance has been told that every region is closed (D1). */
const REFUSED_WITHIN_MS = 1_000;
/** As a development installation is configured (cli/installation/configs.ts). */
const PROBE_EVERY_MS = 5_000;
const PATIENCE_MS = 20_000;

interface Seat {
  readonly region: string;
  readonly application: Application;
  readonly uid: string;
  readonly sealed: Ciphertext;
  readonly text: Buffer;
}

export interface Step {
  readonly title: string;
  run(): Promise<void>;
}

/** The steps of one tenant, each of which stands on those before it. */
export function journey(system: System, tenant: string, way: OpenWay): readonly Step[] {
  const seats: Seat[] = [];
  const as = (name: string, ...args: readonly string[]) => system.must('--as', name, ...args);
  /** What `proposer` asks for and others have to approve; returns the id under which they do. */
  const propose = async (proposer: string, ...args: readonly string[]): Promise<string> => {
    const { stdout } = await as(proposer, ...args);
    const [, id] = /okcm proposals approve \S+ (\S+)/.exec(stdout) ?? [];
    assert.ok(id !== undefined, `no proposal:\n${stdout}`);
    return id;
  };
  const approve = (approver: string, id: string) => as(approver, 'proposals', 'approve', tenant, id);
  const works = ({ application, uid }: Seat): Promise<boolean> =>
    application.encrypt(uid, Buffer.from('x')).then(
      () => true,
      () => false,
    );
  const everywhere = async (wanted: boolean): Promise<boolean> =>
    (await Promise.all(seats.map(works))).every((each) => each === wanted);

  const disabled = (provider: NonNullable<OpenWay['provider']>): Step => ({
    title:
      'disabled at the provider: both gateways refuse within the probe interval and a second, and the status says why',
    async run() {
      provider.disable();
      await eventually('both gateways refuse', PROBE_EVERY_MS + REFUSED_WITHIN_MS, () => everywhere(false));
      const { stdout } = await system.must('status');
      assert.match(stdout, new RegExp(`${tenant}/${OWN_KEY} at keystore \\S+ \\(aws-kms\\): DISABLED`));
      assert.match(stdout, /the customer has disabled the key; so since 20\S+, last good 20/);
      assert.match(stdout, /the customer can mend it: enable the key/);
    },
  });
  const enabled = (provider: NonNullable<OpenWay['provider']>): Step => ({
    title: 'enabled again it is proved, and linked by two people',
    async run() {
      provider.enable();
      await as(KEY_ADMINISTRATOR, 'key', 'prove', tenant, OWN_KEY);
      await approve(FIRST_APPROVER, await propose(KEY_ADMINISTRATOR, 'link', tenant));
      await eventually('both gateways serve', PATIENCE_MS, () => everywhere(true));
      await openAll();
    },
  });
  const openAll = async (): Promise<void> => {
    for (const { application, uid, sealed, text } of seats)
      assert.deepEqual(Buffer.from(await application.decrypt(uid, sealed)), text);
  };

  return [
    {
      title: 'a tenant under four eyes is onboarded, with people, a service and an application',
      async run() {
        await system.must('tenant', 'add', tenant, '--policy', 'four-eyes');
        await system.must('role', 'appoint', tenant, 'approver', principal(FIRST_APPROVER));
        await system.must('role', 'appoint', tenant, 'approver', principal(SECOND_APPROVER));
        await system.must('role', 'appoint', tenant, 'administrator', principal(ADMINISTRATOR));
        for (const [role, name] of [
          ['key-administrator', KEY_ADMINISTRATOR],
          ['auditor', AUDITOR],
        ] as const)
          await approve(
            FIRST_APPROVER,
            await propose(ADMINISTRATOR, 'role', 'grant', tenant, role, principal(name)),
          );
        await as(ADMINISTRATOR, 'service', 'add', tenant, SERVICE);
        await system.must(
          ...['app', 'issue', '--tenant', tenant, '--service', SERVICE, '--name', APPLICATION],
          ...['--out', join(system.home, `${tenant}-${APPLICATION}`)],
        );
      },
    },
    {
      title: 'its own key is registered, and proved to be usable',
      async run() {
        await way.register(system, tenant);
        const { stdout } = await as(KEY_ADMINISTRATOR, 'key', 'list', tenant);
        assert.match(stdout, new RegExp(`${OWN_KEY}\\b.*default.*yes.*ENABLED`));
      },
    },
    {
      title: 'a link waits for a second person, and is then pending until it is active in both regions',
      async run() {
        const id = await propose(KEY_ADMINISTRATOR, 'link', tenant, '--key', OWN_KEY);
        const own = await system.okcm('--as', KEY_ADMINISTRATOR, 'proposals', 'approve', tenant, id);
        assert.equal(own.code, 1, 'the proposer has approved it');
        const { stdout } = await approve(FIRST_APPROVER, id);
        for (const region of system.regions) assert.match(stdout, new RegExp(`${region} (done|active)`));
        await eventually('the link is active everywhere', PATIENCE_MS, async () => {
          const links = await system.rest<{ regions: { state: string }[] }>(
            'GET',
            `/v1/tenants/${tenant}/links`,
          );
          return links.regions.length === 2 && links.regions.every(({ state }) => state === 'active');
        });
      },
    },
    {
      title: 'its application encrypts through both gateways',
      async run() {
        const files = join(system.home, `${tenant}-${APPLICATION}`);
        for (const region of system.regions) {
          const application = await system.applicationOf(region, files);
          const uid = await application.create({ active: true });
          const text = randomBytes(32);
          seats.push({ region, application, uid, text, sealed: await application.encrypt(uid, text) });
        }
        assert.ok(await everywhere(true));
      },
    },
    {
      title: 'a simulation of the revocation says what would stop, and stops nothing',
      async run() {
        const { stdout } = await as(KEY_ADMINISTRATOR, 'simulate', 'unlink', tenant);
        for (const named of [...system.regions, SERVICE, APPLICATION])
          assert.ok(stdout.includes(named), stdout);
        assert.ok(await everywhere(true));
      },
    },
    {
      title: 'unlinking takes two approvals, by a rule that took one itself; then both gateways refuse',
      async run() {
        const rule = await propose(ADMINISTRATOR, 'approvals', 'rule', tenant, 'unlink', '--approvals', '2');
        await approve(FIRST_APPROVER, rule);
        const id = await propose(KEY_ADMINISTRATOR, 'unlink', tenant, '--reason', 'a stolen laptop', '--yes');
        await approve(FIRST_APPROVER, id);
        assert.ok(await everywhere(true), 'one approval was enough');
        await approve(SECOND_APPROVER, id);
        await eventually('both gateways refuse', REFUSED_WITHIN_MS, () => everywhere(false));
      },
    },
    {
      title: 'linked again, both gateways open what was sealed before',
      async run() {
        await approve(FIRST_APPROVER, await propose(KEY_ADMINISTRATOR, 'link', tenant));
        await eventually('both gateways serve', PATIENCE_MS, () => everywhere(true));
        await openAll();
      },
    },
    ...(way.provider === undefined ? [] : [disabled(way.provider), enabled(way.provider)]),
    {
      title: 'the audit chain holds, and names who did what',
      async run() {
        const verified = await as(AUDITOR, 'audit', 'verify', '--tenant', tenant);
        assert.match(verified.stdout, /intact|holds|whole/);
        const { stdout } = await as(AUDITOR, 'audit', 'list', '--tenant', tenant, '--limit', '200');
        for (const [who, what] of [
          [principal(KEY_ADMINISTRATOR), 'proposal.create'],
          [principal(FIRST_APPROVER), 'proposal.approve'],
          [principal(SECOND_APPROVER), 'link.close'],
          ['region:eu-west-1', 'link.closed'],
        ] as const)
          assert.match(stdout, new RegExp(`${who} .* ${what} `));
        for (const { application } of seats) application.close();
      },
    },
  ];
}
