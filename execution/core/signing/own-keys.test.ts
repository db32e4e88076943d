// Two hosts of one region that do not share a directory of keys: a file is believed by its key, never by its name.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { copyFile, rm, writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { KeyDirectory, publicPemOf, type Signer } from '../../../orbital/index.ts';
import { createLogger } from '../../../platform/log.ts';
import { createDatabase, createPool, inTransaction } from '../../../platform/postgres.ts';
import { temporaryDirectory } from '../../../testkit/directories.ts';
import { testDatabase } from '../../../testkit/postgres.ts';
import { prepareDatabase } from '../database.ts';
import type { RegionDb, RegionTables } from '../store/tables.ts';
import { OwnKeys } from './own-keys.ts';

const signer = (keyId: string): Signer => ({ keyId, privateKey: generateKeyPairSync('ed25519').privateKey });
const publicOf = ({ privateKey }: Signer): string => publicPemOf(privateKey);
const first = signer('region:eu');

let db: RegionDb;
before(async () => {
  const pool = createPool({ url: (await testDatabase()).url, max: 4, applicationName: 'own-keys' });
  db = createDatabase<RegionTables>(pool);
  await prepareDatabase(db);
});
after(() => db?.destroy());

/** A core's half of the matter; `errors` are the lines of its log. */
function host(name: string, configured: Signer = first) {
  const path = temporaryDirectory(`keys-${name}`);
  const directory = new KeyDirectory(path);
  const errors: { msg: string; keyId: string; file?: string }[] = [];
  const destination = { write: (line: string) => void errors.push(JSON.parse(line)) };
  const logger = createLogger({ name, level: 'error', destination });
  const own = new OwnKeys({ db, configured, directory, logger });
  return {
    directory,
    errors,
    own,
    make: (keyId: string) => inTransaction(db, (tx) => own.make(tx, keyId)),
    use: (keyId: string) => inTransaction(db, (tx) => own.use(tx, keyId)),
    async signs(): Promise<string> {
      await own.follow();
      return publicOf(own.signer);
    },
  };
}

test('a host whose file of that name holds another key goes on with the old one and says so, until the right file is there', async () => {
  const [one, two] = [host('one'), host('two')];
  // The first one has written the file, and was gone before the database knew of it.
  const stray = await one.directory.ensure('eu-2');
  const made = await two.make('eu-2');
  assert.notEqual(made, publicOf(stray));
  assert.equal(await one.make('eu-2'), made, 'asked once more, on the other host');
  assert.equal(await one.use('eu-2'), false);
  assert.equal(await one.signs(), publicOf(first));
  assert.ok(await two.use('eu-2'));
  assert.equal(await two.signs(), made);
  assert.equal(await one.signs(), publicOf(first));
  assert.equal(await one.signs(), publicOf(first));
  const file = one.directory.fileOf('eu-2');
  assert.deepEqual(
    one.errors.map((line) => [line.keyId, line.file]),
    [['eu-2', file]],
    'told once',
  );
  assert.match(one.errors[0]?.msg ?? '', /another key/);
  await rm(file);
  await copyFile(two.directory.fileOf('eu-2'), file);
  assert.equal(await one.signs(), made);
});

test('a key that is known gets no second file where it is asked for once more', async () => {
  const [one, two] = [host('one'), host('two')];
  const made = await one.make('eu-3');
  assert.equal(await two.make('eu-3'), made);
  assert.equal(await two.directory.find('eu-3'), undefined);
  assert.equal(await two.use('eu-3'), false);
});

test('a configured key that is another one than the database knows by its name is told of', async () => {
  const changed = host('changed', signer('eu-2'));
  await changed.own.follow();
  assert.deepEqual(
    changed.errors.map(({ keyId, file }) => [keyId, file]),
    [['eu-2', 'the configured signing key']],
  );
});

test('a key that a person configures is used from the start on, and by the other hosts as soon as they have its file', async () => {
  const brought = signer('eu-by-hand');
  const [one, two] = [host('one', brought), host('two')];
  const { stop } = await one.own.start();
  stop();
  assert.equal(publicOf(one.own.signer), publicOf(brought));
  assert.equal(await two.signs(), publicOf(first));
  const pem = brought.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  await two.directory.ensure('another');
  await writeFile(two.directory.fileOf('eu-by-hand'), pem, { mode: 0o600 });
  assert.equal(await two.signs(), publicOf(brought));
});
