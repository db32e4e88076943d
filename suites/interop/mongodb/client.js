// What an application with client-side field-level encryption does, with MongoDB's own driver and libmongocrypt: their
// KMIP client talks to the gateway. Reads its settings from the first argument, and prints each result as `EMIT` and
// JSON, one a line.
import { MongoClient } from 'mongodb';
import encryption from 'mongodb-client-encryption';
import { startKeyVault } from './key-vault.js';

const ALGORITHM = 'AEAD_AES_256_CBC_HMAC_SHA_512-Random';
const PLAINTEXT = 'a field that only its application may read';
const { endpoint, registered, short, destroyed, certificates } = JSON.parse(process.argv[2]);

const emit = (result) => console.log(`EMIT ${JSON.stringify(result)}`);

const vault = await startKeyVault();
const client = new MongoClient(vault.url);
await client.connect();

/** A fresh one for each step: a ClientEncryption keeps the keys it has seen. */
function clientEncryption(name = 'application') {
  const { file, ca } = certificates[name];
  return new encryption.ClientEncryption(client, {
    keyVaultNamespace: 'encryption.__keyVault',
    kmsProviders: { kmip: { endpoint } },
    tlsOptions: { kmip: { tlsCAFile: ca, tlsCertificateKeyFile: file } },
  });
}

const masterKeyOf = (id) =>
  vault.documents.find(({ _id }) => _id.toString('hex') === id.toString('hex')).masterKey.keyId;

async function encrypted(keyId) {
  return await clientEncryption().encrypt(PLAINTEXT, { keyId, algorithm: ALGORITHM });
}

async function opens(ciphertext, name) {
  return (await clientEncryption(name).decrypt(ciphertext)) === PLAINTEXT;
}

/** A driver of this age waits for ever when the server ends the connection in order; a reset it takes for an error. */
const PATIENCE_MS = 3_000;

/** Each must fail: what the application is told. */
async function told(run) {
  try {
    const patience = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS, 'nothing: it waits').unref());
    return await Promise.race([run().then(() => 'nothing: it worked'), patience]);
  } catch (error) {
    return [error.message, error.originalError?.message].filter((text) => text !== undefined).join(': ');
  }
}

try {
  // libmongocrypt registers a master key of its own, activates it and gets it.
  const made = await clientEncryption().createDataKey('kmip');
  const first = await encrypted(made);
  emit({ made: { masterKey: masterKeyOf(made), opens: await opens(first) } });

  // A master key that somebody else has registered: Get alone.
  const given = await clientEncryption().createDataKey('kmip', { masterKey: { keyId: registered } });
  const second = await encrypted(given);
  emit({
    given: {
      masterKey: masterKeyOf(given),
      opens: await opens(second),
      opensForColleague: await opens(second, 'colleague'),
    },
  });

  // Every data key is wrapped anew under the next master key.
  const { bulkWriteResult } = await clientEncryption().rewrapManyDataKey({}, { provider: 'kmip' });
  emit({
    rewrapped: {
      count: bulkWriteResult.modifiedCount,
      masterKeys: [masterKeyOf(made), masterKeyOf(given)],
      opens: [await opens(first), await opens(second)],
    },
  });

  const withKey = (keyId, name) => () =>
    clientEncryption(name).createDataKey('kmip', { masterKey: { keyId } });
  emit({
    told: {
      unknown: await told(withKey('no-such-key')),
      short: await told(withKey(short)),
      destroyed: await told(withKey(destroyed)),
      otherTenant: await told(withKey(registered, 'rival')),
      mayNotRegister: await told(() => clientEncryption('reader').createDataKey('kmip')),
      stranger: await told(withKey(registered, 'stranger')),
    },
  });
} finally {
  await client.close();
  vault.close();
}
