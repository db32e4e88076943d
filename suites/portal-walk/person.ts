/**
 * Somebody in front of the portal, with a browser of their own. Elements are found as people find them, by what they are and
 * how they are called. What no page may do is noted as it happens: requests to other hosts, what the page's policy
 * forbids, errors of scripts; and each page and dialog is looked at by axe when it is first seen.
 */
import assert from 'node:assert/strict';
import type { Browser, BrowserContext, Locator, Page } from 'playwright-core';
import { findingsOf } from './look.ts';

/** Of one look or press: lists are asked for every second or two, and what one may do every fifteen. */
const PATIENCE_MS = 30_000;
const SIZE = { width: 1_280, height: 900 };
const WITHIN = new Set(['data:', 'blob:']);

export interface Visit {
  readonly name: string;
  /** Where the portal is, ending with a slash. */
  readonly portal: string;
  readonly colorScheme: 'light' | 'dark';
  /** Pages that somebody has looked at before; each is looked at once. */
  readonly seen: Set<string>;
}

/** What a form is answered with, by label: text, one of a list, or boxes that are ticked. */
export type Answers = Readonly<
  Record<string, string | { readonly choose: string } | { readonly tick: true }>
>;

export class Person {
  readonly name: string;
  readonly page: Page;
  readonly #context: BrowserContext;
  readonly #visit: Visit;
  readonly #faults: string[] = [];

  private constructor(visit: Visit, context: BrowserContext, page: Page) {
    this.name = visit.name;
    this.page = page;
    this.#context = context;
    this.#visit = visit;
    const home = new URL(visit.portal).origin;
    const note = (fault: string): void => void this.#faults.push(`${visit.name}: ${fault}`);
    context.on('request', (request) => {
      const { origin, protocol } = new URL(request.url());
      if (origin !== home && !WITHIN.has(protocol)) note(`asks another host: ${request.url()}`);
    });
    context.on('weberror', (error) => note(`an error of a script: ${error.error().stack}`));
    context.on('console', (message) => {
      if (/content security policy/i.test(message.text())) note(`forbidden by its policy: ${message.text()}`);
    });
  }

  static async arrive(browser: Browser, visit: Visit): Promise<Person> {
    const { colorScheme } = visit;
    const context = await browser.newContext({ colorScheme, viewport: SIZE, reducedMotion: 'reduce' });
    context.setDefaultTimeout(PATIENCE_MS);
    const page = await context.newPage();
    const person = new Person(visit, context, page);
    await person.open('');
    await person.sees('Sign in');
    return person;
  }

  /** What was noted since the last time. */
  takeFaults(): string[] {
    return this.#faults.splice(0);
  }

  async signInAtProvider(password: string): Promise<void> {
    await this.page.getByRole('link', { name: /^Sign in with / }).click();
    await this.sees('Development sign-in');
    await this.page.getByLabel('Name').fill(this.name);
    await this.page.getByLabel('Password').fill(password);
    await this.press('Sign in');
    await this.sees('Overview');
  }

  async signInWithToken(token: string): Promise<void> {
    await this.page.getByLabel('Token').fill(token);
    await this.press('Sign in');
    await this.sees('Overview');
  }

  /** Types an address below the portal's. */
  async open(address: string): Promise<void> {
    await this.page.goto(this.#visit.portal + address);
  }

  /** Waits for the page of that heading and all that it loads, and looks at it. */
  async sees(heading: string): Promise<void> {
    await this.page.getByRole('heading', { level: 1, name: heading, exact: true }).waitFor();
    await this.#loaded();
    await this.#look(heading);
  }

  /** The same of whatever page it is. */
  async seesAny(): Promise<void> {
    const heading = this.page.getByRole('heading', { level: 1 });
    await heading.waitFor();
    await this.#loaded();
    await this.#look(await heading.innerText());
  }

  async #loaded(): Promise<void> {
    await this.page
      .getByRole('status')
      .filter({ hasText: /^Loading/ })
      .first()
      .waitFor({ state: 'hidden' });
  }

  async #look(what: string): Promise<void> {
    if (this.#visit.seen.has(what)) return;
    this.#visit.seen.add(what);
    for (const finding of await findingsOf(this.page)) this.#faults.push(`axe, at “${what}”: ${finding}`);
  }

  /** Reads some words anywhere on the page. */
  async reads(words: string | RegExp): Promise<void> {
    await this.page.getByText(words, { exact: true }).first().waitFor();
  }

  /** A link in the bar beside each page. */
  async goTo(place: 'Tenants' | 'Approvals' | 'Keystores'): Promise<void> {
    const bar = this.page.getByRole('navigation', { name: 'Portal' });
    await bar.getByRole('link', { name: new RegExp(`^${place}`) }).click();
    await this.sees(place);
  }

  /** One of the tabs of a tenant, from wherever one is. */
  async goToPart(tenant: string, part: string): Promise<void> {
    const tabs = this.page.getByRole('navigation', { name: `Parts of ${tenant}` });
    if (!(await tabs.isVisible())) {
      await this.goTo('Tenants');
      await this.row('Tenants', tenant).getByRole('link', { name: tenant, exact: true }).click();
      await this.sees(tenant);
    }
    await tabs.getByRole('link', { name: part, exact: true }).click();
    await this.sees(`${tenant}: ${part.toLowerCase()}`);
  }

  async press(button: string, within: Page | Locator = this.page): Promise<void> {
    await within.getByRole('button', { name: button, exact: true }).click();
  }

  /** The row of a table that holds all these words, each as a whole. */
  row(table: string, ...words: readonly string[]): Locator {
    let rows = this.page.getByRole('table', { name: table, exact: true }).getByRole('row');
    for (const each of words) rows = rows.filter({ has: this.page.getByText(each, { exact: true }) });
    return rows;
  }

  async answer(answers: Answers, within: Page | Locator = this.page): Promise<void> {
    for (const [label, answer] of Object.entries(answers)) {
      // Labels of what may be left out say so.
      const control = within.getByLabel(new RegExp(`^${label}(?: optional)?$`));
      if (typeof answer === 'string') await control.fill(answer);
      else if ('choose' in answer) await control.selectOption({ label: answer.choose });
      else await control.check();
    }
  }

  /** Presses a button, answers what its dialog asks, sends that, and waits until the dialog has gone. */
  async fillIn(button: string, title: string, answers: Answers, submit: string): Promise<void> {
    await this.press(button);
    const dialog = this.page.getByRole('dialog', { name: title, exact: true });
    await dialog.waitFor();
    await this.#look(title);
    await this.answer(answers, dialog);
    await this.press(submit, dialog);
    const refused = dialog.getByRole('alert');
    await dialog.waitFor({ state: 'hidden' }).catch(async (cause: unknown) => {
      const words = (await refused.count()) > 0 ? await refused.first().innerText() : 'nothing is said';
      throw new Error(`“${title}” stays open: ${words}`, { cause });
    });
  }

  /** Follows the message that something was proposed, to the page of the proposal, which waits for so many. */
  async followsProposal(tenant: string, action: string, approvals = 1): Promise<void> {
    const messages = this.page.getByRole('region', { name: 'Messages' });
    const told = messages.getByRole('paragraph').filter({ hasText: `${action}: proposed, waits for ` });
    await told.last().getByRole('link', { name: 'Proposal' }).click();
    await this.sees(headingOf(tenant, action));
    await this.reads(waitsFor(approvals));
    assert.equal(
      await this.page.getByRole('button', { name: 'Approve', exact: true }).count(),
      0,
      `${this.name} may approve what they have proposed`,
    );
  }

  /** Finds it among what waits for approval and approves. `left`: how many more it takes then. */
  async approves(tenant: string, action: string, left = 0): Promise<void> {
    await this.goTo('Approvals');
    await this.row('Proposals of others', tenant, action).getByRole('link', { name: action }).click();
    await this.sees(headingOf(tenant, action));
    await this.press('Approve');
    await this.reads(left === 0 ? 'executed' : waitsFor(left));
  }

  /** For whoever has to find out why a step failed. */
  async whereabouts(): Promise<string> {
    const main = await this.page.locator('body').innerText({ timeout: 1_000 });
    return `${this.name} at ${this.page.url()}:\n${main.slice(0, 3_000)}`;
  }

  async leave(): Promise<void> {
    await this.#context.close();
  }
}

const waitsFor = (approvals: number): RegExp =>
  new RegExp(`^Waits for ${approvals === 1 ? 'one approval' : `${approvals} approvals`};`);

const headingOf = (tenant: string, action: string): string =>
  `${tenant}: ${action.slice(0, 1).toLowerCase()}${action.slice(1)}`;
