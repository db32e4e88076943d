/** The customer's application at both gateways, and what it has sealed there. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { Application, Ciphertext } from '../../cli/kmip/application.ts';
import { eventually, type System } from '../../testkit/system.ts';

const PATIENCE_MS = 20_000;

interface Seat {
  readonly application: Application;
  readonly uid: string;
  readonly sealed: Ciphertext;
  readonly text: Buffer;
}

export class Applications {
  readonly #seats: Seat[] = [];

  /** @param directory Of its certificate. */
  async begin(system: System, directory: string): Promise<void> {
    for (const region of system.regions) {
      const application = await system.applicationOf(region, directory);
      const uid = await application.create({ active: true });
      const text = randomBytes(32);
      this.#seats.push({ application, uid, text, sealed: await application.encrypt(uid, text) });
    }
  }

  /** Every gateway encrypts (or every one refuses) now. */
  async all(wanted: 'serve' | 'refuse'): Promise<boolean> {
    const served = await Promise.all(
      this.#seats.map(({ application, uid }) =>
        application.encrypt(uid, Buffer.from('x')).then(
          () => true,
          () => false,
        ),
      ),
    );
    return served.length > 0 && served.every((each) => each === (wanted === 'serve'));
  }

  async soon(wanted: 'serve' | 'refuse'): Promise<void> {
    await eventually(`both gateways ${wanted}`, PATIENCE_MS, () => this.all(wanted));
  }

  /** What was sealed at the beginning opens, bit for bit. */
  async open(): Promise<void> {
    for (const { application, uid, sealed, text } of this.#seats)
      assert.deepEqual(Buffer.from(await application.decrypt(uid, sealed)), text);
  }

  /** It does not, and the gateway says that it may not be. */
  async isRefused(): Promise<void> {
    for (const { application, uid, sealed } of this.#seats)
      await assert.rejects(application.decrypt(uid, sealed), /PermissionDenied/);
  }

  close(): void {
    for (const { application } of this.#seats) application.close();
  }
}
