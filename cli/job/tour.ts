/**
 * The cryptographic half of the main job: what an application does in one region over KMIP 1.4. Each operation is
 * checked for what it must have brought about, timed, and located: at the gateway or in the core.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { CliError } from '../errors.ts';
import type { Application } from '../kmip/application.ts';
import type { GatewayWitness, Place } from '../kmip/witness.ts';
import { ciphertextOf, digestOf, type Keepsake, makeKeepsake } from './keepsakes.ts';
import { SERVICE } from './names.ts';

const DEK_BYTES = 32;
const L3 = `l3:${SERVICE}`;

export interface TourRow {
  readonly operation: string;
  readonly place: Place;
  readonly tookMs: number;
  readonly outcome: string;
}

export interface TourResult {
  readonly rows: readonly TourRow[];
  readonly keepsake: Keepsake;
}

export interface TourOptions {
  readonly application: Application;
  readonly witness: GatewayWitness;
  /** From an earlier run. */
  readonly keepsake: Keepsake | undefined;
  readonly tell: (text: string) => void;
}

/** Errors: MAIN_JOB_FAILED, naming the operation. */
export async function runTour({ application, witness, keepsake, tell }: TourOptions): Promise<TourResult> {
  const rows: TourRow[] = [];
  const run = async <T>(
    operation: string,
    work: () => Promise<T>,
    outcome: (result: T) => string | Promise<string>,
  ): Promise<T> => {
    tell(operation);
    const { result, place, tookMs } = await witness.watch(work);
    if (place === undefined) throw failed(operation, 'the gateway’s metrics do not show where it ran');
    rows.push({ operation, place, tookMs, outcome: await outcome(result) });
    return result;
  };

  await run(
    'Discover Versions',
    () => application.discoverVersions(),
    (versions) => {
      demand(versions.includes('1.4'), 'Discover Versions', 'KMIP 1.4 is not among the versions');
      return `KMIP ${versions.join(', ')}`;
    },
  );
  await run(
    'Query',
    () => application.query(),
    ({ operations, objectTypes }) => {
      demand(operations.includes('Encrypt'), 'Query', 'Encrypt is not among the operations');
      return `${operations.length} operations, ${objectTypes.length} object types`;
    },
  );
  if (keepsake !== undefined) {
    await run(
      'Decrypt (of an earlier run)',
      () => application.decrypt(keepsake.uid, ciphertextOf(keepsake)),
      (text) => {
        demand(
          digestOf(text) === keepsake.digest,
          'Decrypt',
          'a key of an earlier run does not open what it closed',
        );
        return `what ${short(keepsake.uid)} encrypted at ${keepsake.madeAt.slice(0, 19).replace('T', ' ')}`;
      },
    );
  }

  const name = `order-records-${randomUUID().slice(0, 8)}`;
  const uid = await run(
    'Create',
    () => application.create({ name }),
    (made) => `AES-256 key ${short(made)}`,
  );
  await run(
    'Activate',
    () => application.activate(uid),
    () => 'Pre-Active → Active',
  );
  await run(
    'Get',
    () => application.get(uid),
    ({ algorithm, lengthBits, material }) => {
      material.fill(0);
      demand(lengthBits === 256, 'Get', `the key has ${lengthBits} bits`);
      return `${lengthBits}-bit ${algorithm} key, not shown`;
    },
  );
  const text = Buffer.from(`order ${randomUUID()}: 3 teapots, paid`);
  const record = await run(
    'Encrypt',
    () => application.encrypt(uid, text),
    ({ data }) => {
      demand(!Buffer.from(data).includes(text), 'Encrypt', 'the ciphertext holds the plaintext');
      return `a record of ${text.length} bytes`;
    },
  );
  await run(
    'Decrypt',
    () => application.decrypt(uid, record),
    (opened) => {
      demand(text.equals(opened), 'Decrypt', 'it gave other bytes than were encrypted');
      return 'the same bytes';
    },
  );

  const dek = randomBytes(DEK_BYTES);
  const wrapped = await run(
    `Encrypt under ${L3}`,
    () => application.encrypt(L3, dek),
    ({ data }) => {
      demand(!Buffer.from(data).includes(dek), `Encrypt under ${L3}`, 'the wrapped key holds the key');
      return `an own DEK wrapped, ${data.length} bytes`;
    },
  );
  await run(
    `Decrypt under ${L3}`,
    () => application.decrypt(L3, wrapped),
    (opened) => {
      demand(dek.equals(opened), `Decrypt under ${L3}`, 'the unwrapped key is another one');
      return 'the same DEK unwrapped';
    },
  );
  dek.fill(0);

  await run(
    'Locate',
    () => application.locate({ name }),
    (found) => {
      demand(found.length === 1 && found[0] === uid, 'Locate', `by name it found ${found.length} objects`);
      return `by name: ${short(uid)}`;
    },
  );
  await run(
    'Get Attributes',
    () => application.getAttributes(uid),
    (attributes) => {
      const state = attributes.find((attribute) => attribute.name === 'State')?.value;
      demand(state === 'Active', 'Get Attributes', `the state is ${state}`);
      return `${attributes.length} attributes, state ${state}`;
    },
  );
  const successor = await run(
    'Re-key',
    () => application.reKey(uid),
    (made) => {
      demand(made !== uid, 'Re-key', 'it gave the same identifier');
      return `replaced by ${short(made)}`;
    },
  );
  await run(
    'Revoke',
    () => application.revoke(uid, 'Superseded', `replaced by ${successor}`),
    () => 'superseded: Deactivated',
  );
  return { rows, keepsake: makeKeepsake(uid, record, text) };
}

const short = (uid: string): string => (uid.length > 12 ? `${uid.slice(0, 8)}…` : uid);

function failed(operation: string, why: string): CliError {
  return new CliError('MAIN_JOB_FAILED', `${operation}: ${why}`);
}

function demand(holds: boolean, operation: string, why: string): void {
  if (!holds) throw failed(operation, why);
}
