/**
 * A customer's way through the portal, from the first sign-in to a verified audit chain, by five people with a browser window
 * each. Beside the portal there are only the application, which speaks KMIP, and the customer's own AWS console.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { homePaths } from '../../cli/home/paths.ts';
import { issueApplicationCertificate } from '../../cli/installation/authorities.ts';
import { Applications } from './applications.ts';
import type { Person } from './person.ts';
import type { World } from './world.ts';

export const TENANT = 'globex';
export const KEY = 'own';
const SERVICE = 'billing';
const APPLICATION = 'till';
const KEYSTORE = 'globex-aws';
const principal = (name: string): string => `development:${name}`;

/** As the portal calls what is proposed. */
const LINK = 'Link the tenant’s key';
const UNLINK = 'Unlink';
const ROLE = 'Change who may what';
const RULE = 'Change an approval rule';

export interface Step {
  readonly title: string;
  run(): Promise<void>;
}

/** Shown where a step fails; the log itself goes with the installation. */
const LOG_LINES = 12;

/** Takes a step; returns what is wrong with the pages that were seen. What fails says where everybody was. */
export async function takeStep({ people, system }: World, step: Step): Promise<string[]> {
  try {
    await step.run();
  } catch (cause) {
    const where = await Promise.all(people.map((person) => person.whereabouts().catch(String)));
    const log = (await system.log('cmk')).trimEnd().split('\n').slice(-LOG_LINES);
    const seen = [...where, 'the end of CMK’s log:', ...log].join('\n');
    throw new Error(`${step.title}: ${cause instanceof Error ? cause.message : String(cause)}\n${seen}`, {
      cause,
    });
  }
  return people.flatMap((person) => person.takeFaults());
}

/** What the last pass over all pages needs to know of the way. */
export interface Trace {
  proposal?: string;
  simulation?: string;
}

/** Each step stands on those before it. */
export function walk(world: World, trace: Trace): readonly Step[] {
  const { system, aws } = world;
  const applications = new Applications();
  const the = (name: string): Person => world.person(name);
  const lastPart = (person: Person): string => new URL(person.page.url()).pathname.split('/').at(-1) ?? '';
  const linksAre = async (person: Person, state: string): Promise<void> => {
    await person.goToPart(TENANT, 'Keys');
    for (const region of system.regions) await person.row('Links', region, state).waitFor();
  };
  const proposeLink = async (ada: Person): Promise<void> => {
    await ada.fillIn('Link', `Link ${TENANT}`, {}, 'Link');
    await ada.followsProposal(TENANT, LINK);
  };

  return [
    {
      title: 'ada signs in at the provider, and belongs to nothing yet',
      async run() {
        const ada = await world.signedIn('ada', 'light');
        await ada.reads('You belong to no tenant yet');
      },
    },
    {
      title: 'an operator onboards a tenant under four eyes, and appoints its first people',
      async run() {
        const operator = await world.operator();
        await operator.goTo('Tenants');
        await operator.fillIn(
          'Onboard a tenant',
          'Onboard a tenant',
          { Id: TENANT, 'Display name': 'Globex', 'Approval policy': { choose: 'four-eyes' } },
          'Onboard',
        );
        await operator.sees(TENANT);
        await operator.reads('active');
        for (const [role, name] of [
          ['approver', 'bob'],
          ['approver', 'carol'],
          ['administrator', 'ada'],
        ] as const)
          await operator.fillIn(
            'Appoint…',
            `Appoint the first people of ${TENANT}`,
            { Role: { choose: role }, Person: principal(name) },
            'Appoint',
          );
      },
    },
    {
      title: 'ada proposes who looks after keys and who audits, and bob approves each',
      async run() {
        const ada = the('ada');
        const bob = await world.signedIn('bob', 'dark');
        // What one may do is asked every quarter of a minute, or anew.
        await ada.page.reload();
        for (const [role, name] of [
          ['key-administrator', 'ada'],
          ['auditor', 'dan'],
        ] as const) {
          await ada.goToPart(TENANT, 'Access');
          await ada.fillIn(
            'Grant a role',
            `Grant a role in ${TENANT}`,
            { Role: { choose: role }, Name: principal(name) },
            'Propose',
          );
          await ada.followsProposal(TENANT, ROLE);
          await bob.approves(TENANT, ROLE);
        }
      },
    },
    {
      title: 'ada adds a service, and registers the certificate of an application',
      async run() {
        const ada = the('ada');
        await ada.page.reload();
        await ada.goToPart(TENANT, 'Systems');
        await ada.fillIn('Add a service', `Add a service to ${TENANT}`, { Name: SERVICE }, 'Add');
        await ada.row('Services', SERVICE, 'active').first().waitFor();
        const files = await issueApplicationCertificate(homePaths(system.home), applicationDirectory(), {
          tenant: TENANT,
          name: APPLICATION,
        });
        await ada.fillIn(
          'Register an application',
          `Register an application of ${TENANT}`,
          {
            Name: APPLICATION,
            [SERVICE]: { tick: true },
            Certificate: await readFile(files.cert, 'utf8'),
          },
          'Register',
        );
        await ada.row('Applications', APPLICATION, 'active').waitFor();
      },
    },
    {
      title: 'the operator registers the keystore that her key lies in',
      async run() {
        // One of a tenant's own is never on CMK's own host, where this double is.
        const operator = the('operator');
        await operator.goTo('Keystores');
        await operator.fillIn(
          'Register a keystore',
          'Register a keystore for all tenants',
          {
            Name: KEYSTORE,
            Kind: { choose: 'AWS KMS' },
            Region: aws.region,
            Endpoint: aws.url,
            'File of credentials': await world.credentials(),
          },
          'Register',
        );
        await operator.row('Keystores', KEYSTORE, 'aws-kms').waitFor();
      },
    },
    {
      title: 'the wizard registers her key, and proposes the link, which waits',
      async run() {
        const ada = the('ada');
        await ada.goToPart(TENANT, 'Keys');
        await ada.press('Hold your own key');
        await ada.sees(`${TENANT}: hold your own key`);
        await ada.answer({ Keystore: { choose: `${KEYSTORE} (aws-kms, for all)` } });
        await ada.press('Go on');
        await ada.answer({ Reference: aws.console.createKey(), Alias: KEY });
        await ada.press('Register');
        await ada.reads('3. Link');
        await proposeLink(ada);
        trace.proposal = lastPart(ada);
      },
    },
    {
      title: 'bob approves in a browser of his own, and the link becomes active in both regions',
      async run() {
        const ada = the('ada');
        await the('bob').approves(TENANT, LINK);
        await ada.reads('executed');
        await linksAre(ada, 'active');
        await ada.goToPart(TENANT, 'Key chain');
        for (const region of system.regions) {
          const lane = ada.page.getByRole('region', { name: `Key chain in ${region}` });
          for (const node of [KEY, SERVICE])
            await lane.getByRole('button', { name: new RegExp(`^${node}\\b`) }).waitFor();
        }
      },
    },
    {
      title: 'its application encrypts through both gateways',
      async run() {
        await applications.begin(system, applicationDirectory());
        assert.ok(await applications.all('serve'));
      },
    },
    {
      title: 'a simulation of the revocation names what would stop, and stops nothing',
      async run() {
        const ada = the('ada');
        await ada.goToPart(TENANT, 'What would stop');
        await ada.fillIn(
          'Simulate',
          'What would stop, if …',
          { 'What happens': { choose: UNLINK } },
          'Simulate',
        );
        await ada.sees(`What if: ${UNLINK}`);
        await ada.page.getByText(/^Regions are still being asked/).waitFor({ state: 'hidden' });
        await ada.reads('Something would stop.');
        for (const region of system.regions) {
          const about = ada.page.getByRole('region', { name: region, exact: true });
          for (const named of [SERVICE, APPLICATION])
            await about.getByText(named, { exact: true }).first().waitFor();
        }
        trace.simulation = lastPart(ada);
        assert.ok(await applications.all('serve'));
      },
    },
    {
      title: 'by a rule of their own, unlinking takes two approvals; then both gateways refuse',
      async run() {
        const [ada, bob] = [the('ada'), the('bob')];
        await ada.goToPart(TENANT, 'Workflows');
        await ada.press('Rules and groups of approvers');
        await ada.sees(`${TENANT}: rules`);
        await ada.fillIn(
          'Set a rule',
          'Set an approval rule',
          { For: { choose: UNLINK }, Approvals: '2' },
          'Propose',
        );
        await ada.followsProposal(TENANT, RULE);
        await bob.approves(TENANT, RULE);
        await ada.goToPart(TENANT, 'Keys');
        await ada.fillIn(
          'Unlink…',
          `Unlink ${TENANT}`,
          { Reason: 'a stolen laptop', [`Type ${TENANT} to confirm`]: TENANT },
          'Unlink',
        );
        await ada.followsProposal(TENANT, UNLINK, 2);
        await bob.approves(TENANT, UNLINK, 1);
        assert.ok(await applications.all('serve'), 'one approval was enough');
        const carol = await world.signedIn('carol', 'dark');
        await carol.approves(TENANT, UNLINK);
        await applications.soon('refuse');
        await applications.isRefused();
        await linksAre(ada, 'closed');
      },
    },
    {
      title: 'linked again, both gateways open what was sealed before',
      async run() {
        const ada = the('ada');
        await proposeLink(ada);
        await the('bob').approves(TENANT, LINK);
        await linksAre(ada, 'active');
        await applications.soon('serve');
        await applications.open();
        applications.close();
      },
    },
    {
      title: 'dan verifies the audit chain, which names who did what',
      async run() {
        const dan = await world.signedIn('dan', 'light');
        await dan.goToPart(TENANT, 'Audit');
        await dan.press('Verify the chain');
        await dan.reads('The chain is whole.');
        for (const [who, what] of [
          [principal('ada'), 'proposal.create'],
          [principal('bob'), 'proposal.approve'],
          [principal('carol'), 'link.close'],
        ] as const) {
          await dan.answer({ Action: what, Who: who });
          await dan.row('Audit events', who, what).first().waitFor();
        }
      },
    },
  ];

  function applicationDirectory(): string {
    return join(system.home, `${TENANT}-${APPLICATION}`);
  }
}
