/** A fresh installation, a customer's AWS KMS (its double), a browser, and the people in front of it. */
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { readPeople } from '../../cli/access/people.ts';
import { homePaths } from '../../cli/home/paths.ts';
import { type FakeAwsKms, startAwsKms } from '../../testkit/keystores/aws-kms.ts';
import { System } from '../../testkit/system.ts';
import { launchChromium } from './chromium.ts';
import { Person } from './person.ts';

export class World {
  readonly system: System;
  readonly aws: FakeAwsKms;
  readonly browser: Browser;
  readonly people: Person[] = [];
  readonly #seen = new Set<string>();
  readonly #isOwn: boolean;

  private constructor(system: System, aws: FakeAwsKms, browser: Browser, isOwn: boolean) {
    this.#isOwn = isOwn;
    this.system = system;
    this.aws = aws;
    this.browser = browser;
  }

  /** @param given a running installation, which runs on afterwards; one of its own when left out. */
  static async open(given?: Promise<System>): Promise<World> {
    // The browser first: where it is missing nothing else needs to be started.
    const browser = await launchChromium();
    const aws = await startAwsKms();
    try {
      return new World(await (given ?? System.start()), aws, browser, given === undefined);
    } catch (error) {
      await Promise.all([browser.close(), aws.close()]);
      throw error;
    }
  }

  get portal(): string {
    return new URL('/portal/', this.system.endpoints.cmk.url).href;
  }

  /** Somebody who has come before. */
  person(name: string): Person {
    const person = this.people.find((each) => each.name === name);
    if (person === undefined) throw new Error(`${name} has not come yet`);
    return person;
  }

  /** Opens a browser window of their own, at the page that asks who they are. */
  async comes(name: string, colorScheme: 'light' | 'dark'): Promise<Person> {
    const person = await Person.arrive(this.browser, {
      name,
      portal: this.portal,
      colorScheme,
      seen: this.#seen,
    });
    this.people.push(person);
    return person;
  }

  /** One of the home's people, signed in at the provider of the development installation. */
  async signedIn(name: string, colorScheme: 'light' | 'dark'): Promise<Person> {
    const known = (await readPeople(homePaths(this.system.home)))?.people ?? [];
    const password = known.find((each) => each.name === name)?.password;
    if (password === undefined) throw new Error(`the home knows nobody called ${name}`);
    const person = await this.comes(name, colorScheme);
    await person.signInAtProvider(password);
    return person;
  }

  /** Whoever runs the installation. */
  async operator(): Promise<Person> {
    const person = await this.comes('operator', 'dark');
    await person.signInWithToken((await readFile(homePaths(this.system.home).token, 'utf8')).trim());
    return person;
  }

  /** A file that CMK may read as a keystore's credentials; returns its path. */
  async credentials(): Promise<string> {
    const path = join(this.system.home, 'cmk', 'portal-walk-aws.json');
    await writeFile(path, JSON.stringify(this.aws.cmk), { mode: 0o600 });
    await chmod(path, 0o600);
    return path;
  }

  async close(): Promise<void> {
    await this.browser.close();
    if (this.#isOwn) await this.system.interrupt();
    await this.aws.close();
  }
}
