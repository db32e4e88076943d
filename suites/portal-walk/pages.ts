/** Pages of the portal, in each appearance: none has to be scrolled sideways. With a folder, a picture of each. */
import assert from 'node:assert/strict';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { eventually, type System } from '../../testkit/system.ts';
import { crampedTables, widerThanWindow } from './look.ts';
import type { Person } from './person.ts';
import { KEY, type Step, TENANT, type Trace } from './walk.ts';
import type { World } from './world.ts';

const PAGES = new URL('../../governance/portal/web/shell/pages.ts', import.meta.url);
const LEAST_PAGES = 25;
const PREPARED_WITHIN_MS = 20_000;
/** The shortest that there is. */
const DRILL_S = 30;
const HEIGHT = 900;
/** The narrowest that content has to fit into without scrolling in two directions (WCAG 1.4.10). */
const NARROW = 320;
const WIDE = 1_280;
const APPEARANCES = [
  { name: 'light', width: WIDE, colorScheme: 'light' },
  { name: 'dark', width: WIDE, colorScheme: 'dark' },
  { name: 'narrow', width: NARROW, colorScheme: 'light' },
] as const;

export interface PagesOptions {
  /** Every page; else those that are about nothing in particular. */
  readonly whole: boolean;
  /** For pictures; they are taken where it is named. */
  readonly folder?: string;
}

export function pages(world: World, trace: Trace, { whole, folder = '' }: PagesOptions): Step {
  return {
    title: 'no page has to be scrolled sideways, in light, in dark and at 320 pixels',
    async run() {
      const operator = world.person('operator');
      if (folder !== '') await mkdir(folder, { recursive: true });
      const visitor = await world.comes('visitor', 'light');
      const paths = await namedPaths();
      const addresses = whole
        ? filledIn(paths, await partsOf(world.system, trace))
        : paths.filter((path) => !path.includes(':')).map((path) => path.slice(1));
      const found = [
        ...(await passOver(visitor, ['sign-in'], folder)),
        ...(await passOver(operator, addresses, folder)),
      ];
      assert.deepEqual(found, []);
    },
  };
}

/** What stands in the addresses of pages for each part that is left open; prepared over REST where the walk has none. */
async function partsOf(
  system: System,
  { proposal = '', simulation = '' }: Trace,
): Promise<Readonly<Record<string, string>>> {
  const { items } = await system.rest<{ items: { id: string }[] }>('GET', '/v1/jobs?limit=1');
  return {
    'tenants/:tenant': TENANT,
    'key/:alias': KEY,
    'regions/:region': system.regions[0] ?? '',
    'workflows/:id': proposal,
    'simulations/:id': simulation,
    'drills/:id': await drillOf(system),
    'jobs/:id': items[0]?.id ?? '',
  };
}

/** Of a service that nobody uses. */
async function drillOf(system: System): Promise<string> {
  const service = 'rehearsal';
  const tenant = `/v1/tenants/${TENANT}`;
  await system.rest('POST', `${tenant}/services`, { name: service });
  await eventually('the service is active', PREPARED_WITHIN_MS, async () => {
    const { items } = await system.rest<{ items: { name: string; state: string }[] }>(
      'GET',
      `${tenant}/services`,
    );
    return items.some(({ name, state }) => name === service && state === 'active');
  });
  await system.rest('POST', `${tenant}/drill-targets`, { service });
  const confirm = `${TENANT}/${service}`;
  const { id } = await system.rest<{ id: string }>('POST', `${tenant}/drills`, {
    service,
    seconds: DRILL_S,
    confirm,
  });
  return id;
}

/** The paths that the portal itself names. */
async function namedPaths(): Promise<string[]> {
  const paths = [...(await readFile(PAGES, 'utf8')).matchAll(/path: '([^']+)'/g)].map(
    ([, path = '']) => path,
  );
  assert.ok(paths.length >= LEAST_PAGES, `only ${paths.length} pages were found`);
  return paths;
}

/** As addresses, with the parts that are left open filled in. */
function filledIn(paths: readonly string[], parts: Readonly<Record<string, string>>): string[] {
  return paths.map((path) =>
    path.slice(1).replaceAll(/([a-z]+)\/:[a-z]+/g, (open, kind: string) => {
      const part = parts[open] ?? '';
      assert.ok(part !== '', `nothing is known for ${open} of ${path}`);
      return `${kind}/${part}`;
    }),
  );
}

/** What is wider than it may be. */
async function passOver(person: Person, addresses: readonly string[], folder: string): Promise<string[]> {
  const { page } = person;
  const found: string[] = [];
  for (const address of addresses) {
    await person.open(address);
    await person.seesAny();
    for (const { name, width, colorScheme } of APPEARANCES) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: HEIGHT });
      const faults = [
        await widerThanWindow(page),
        ...(width === WIDE ? [await crampedTables(page)] : []),
      ].filter((fault) => fault !== undefined);
      found.push(...faults.map((fault) => `/${address}, ${name}: ${fault}`));
      if (folder !== '') await picture(page, join(folder, `${fileOf(address)}-${name}.png`));
    }
    await page.setViewportSize({ width: WIDE, height: HEIGHT });
  }
  return found;
}

const picture = (page: Page, path: string): Promise<Buffer> => page.screenshot({ path, fullPage: true });

/** Ids tell nothing in the name of a picture. */
const fileOf = (address: string): string =>
  address === '' ? 'overview' : address.replaceAll(/[0-9a-f-]{20,}/g, 'one').replaceAll('/', '-');
