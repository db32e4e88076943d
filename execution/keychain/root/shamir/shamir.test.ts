// The ceremony and the way back, with real age identities: N shares, any M of them, and every wrong one named.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { armor, Decrypter, generateX25519Identity, identityToRecipient } from 'age-encryption';
import fc from 'fast-check';
import { temporaryDirectory } from '../../../../testkit/directories.ts';
import { requireService } from '../../../../testkit/services.ts';
import { liveSecretCount, SecretBytes } from '../../../envelope/index.ts';
import { ShareAssembly, type ShareAttempt } from './assembly.ts';
import { type Ceremony, holdCeremony, readManifest } from './ceremony.ts';
import { makeCeremonyKey } from './ceremony-key.ts';
import { ShareError, type ShareErrorCode } from './errors.ts';
import { type ShareManifest, sha256, verifyManifest } from './manifest.ts';
import { combineKey, splitKey } from './split.ts';

const binding = { cluster: 'prod', region: 'eu-west-1' };
const NAMES = ['alice', 'bob', 'carol', 'dave', 'erin'];
const ceremonyKey = makeCeremonyKey();

interface Person {
  readonly name: string;
  readonly identity: string;
  readonly recipient: string;
}
async function person(name: string): Promise<Person> {
  const identity = await generateX25519Identity();
  return { name, identity, recipient: await identityToRecipient(identity) };
}

function refused(code: ShareErrorCode, message = /./) {
  return (error: unknown): boolean => {
    assert.ok(error instanceof ShareError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    return true;
  };
}

test('any threshold of the shares gives the key back, and one fewer does not', async () => {
  const plan = fc
    .integer({ min: 2, max: 12 })
    .chain((shares) =>
      fc.tuple(fc.constant(shares), fc.integer({ min: 2, max: shares }), fc.infiniteStream(fc.nat())),
    );
  await fc.assert(
    fc.asyncProperty(plan, async ([count, threshold, order]) => {
      using key = SecretBytes.random(32);
      const shares = await splitKey(key, count, threshold);
      const picked = shares
        .map((share) => ({ share, at: order.next().value }))
        .sort((a, b) => a.at - b.at)
        .map(({ share }) => share)
        .slice(0, threshold);
      using combined = await combineKey(picked);
      assert.ok(combined.equals(key));
      if (threshold > 2) {
        using short = await combineKey(picked.slice(1));
        assert.ok(!short.equals(key));
      }
      for (const share of shares) share.wipe();
    }),
    { numRuns: 25 },
  );
});

test('holders can make their identities and open their shares with age itself', async () => {
  const directory = temporaryDirectory('age');
  const [keygen, age] = [requireService('ageKeygen'), requireService('age')];
  const holders = ['alice', 'bob'].map((name) => {
    const file = join(directory, `${name}.key`);
    execFileSync(keygen, ['-o', file], { stdio: 'pipe' });
    return { name, file, recipient: execFileSync(keygen, ['-y', file], { encoding: 'utf8' }).trim() };
  });
  using key = SecretBytes.random(32);
  const { shares, blob } = await holdCeremony(key, binding, { holders, threshold: 2 }, ceremonyKey);
  const assembly = new ShareAssembly({ binding, onAttempt: async () => {} });
  let opened: SecretBytes | undefined;
  for (const [at, { file: input }] of shares.entries()) {
    const options = { input, encoding: 'utf8' } as const;
    const text = execFileSync(age, ['-d', '-i', holders[at]?.file ?? ''], options);
    ({ unsealKey: opened } = await assembly.present(readManifest(blob, binding), text, 'operator'));
  }
  assert.ok(opened?.equals(key));
  opened?.wipe();
});

test('bounds: 2 to 255 shares, a threshold from 2 to their number', async () => {
  using key = SecretBytes.random(32);
  for (const [count, threshold] of [
    [1, 1],
    [5, 1],
    [5, 6],
    [256, 3],
    [5, 2.5],
    [0, 0],
    [Number.NaN, 2],
  ] as const) {
    await assert.rejects(splitKey(key, count, threshold), refused('INVALID_PLAN'));
  }
  const many = await splitKey(key, 255, 255);
  assert.equal(many.length, 255);
  for (const share of many) share.wipe();
});

describe('a ceremony', () => {
  let people: Person[];
  let key: SecretBytes;
  let ceremony: Ceremony;
  let manifest: ShareManifest;
  let texts: string[];
  const attempts: ShareAttempt[] = [];
  const onAttempt = async (attempt: ShareAttempt): Promise<void> => void attempts.push(attempt);

  const decrypt = async ({ identity }: Person, file: string): Promise<string> => {
    const decrypter = new Decrypter();
    decrypter.addIdentity(identity);
    return await decrypter.decrypt(armor.decode(file), 'text');
  };
  const textsOf = (held: Ceremony) =>
    Promise.all(people.map((who, at) => decrypt(who, held.shares[at]?.file ?? '')));
  const textAt = (at: number): string => texts[at] ?? '';
  const changed = (text: string, change: object): string =>
    JSON.stringify({ ...JSON.parse(text), ...change });

  before(async () => {
    people = await Promise.all(NAMES.map(person));
    key = SecretBytes.random(32);
    ceremony = await holdCeremony(key, binding, { holders: people, threshold: 3 }, ceremonyKey);
    manifest = readManifest(ceremony.blob, binding);
    texts = await textsOf(ceremony);
  });

  test('each share is for its holder alone, and the manifest knows it', async () => {
    assert.deepEqual(
      ceremony.shares.map(({ index, holder }) => [index, holder]),
      NAMES.map((name, at) => [at + 1, name]),
    );
    for (const [at, { file }] of ceremony.shares.entries()) {
      assert.equal(sha256(file), manifest.shares[at]?.encryptedSha256);
      const other = people[(at + 1) % people.length];
      assert.ok(other !== undefined);
      await assert.rejects(decrypt(other, file));
    }
    const kept = Buffer.from(ceremony.blob).toString('latin1');
    for (const text of texts) {
      const { share } = JSON.parse(text) as { share: string };
      assert.ok(!kept.includes(share), 'the region keeps no share');
      const hex = Buffer.from(share, 'base64url').toString('hex');
      assert.ok(!kept.includes(hex));
    }
  });

  test('a manifest that was changed, or is of another region, is refused', () => {
    const { signed } = ceremony;
    const [first] = signed.manifest.shares;
    assert.ok(first !== undefined);
    const swapped = { ...first, shareSha256: '0'.repeat(64) };
    const changes: object[] = [
      { threshold: 2 },
      { createdAt: '2020-01-01T00:00:00.000Z' },
      { shares: [swapped, ...signed.manifest.shares.slice(1)] },
      { shares: signed.manifest.shares.slice(1) },
      { unknown: true },
    ];
    for (const change of changes) {
      const forged = { ...signed, manifest: { ...signed.manifest, ...change } };
      assert.throws(
        () => verifyManifest(forged, binding),
        refused('MANIFEST_REJECTED'),
        JSON.stringify(change),
      );
    }
    assert.throws(
      () => verifyManifest(signed, { ...binding, region: 'us-east-1' }),
      refused('MANIFEST_REJECTED'),
    );
    assert.deepEqual(verifyManifest(JSON.parse(JSON.stringify(signed)), binding), signed.manifest);
  });

  test('three of five, in any order, and every try is told', async () => {
    attempts.length = 0;
    const assembly = new ShareAssembly({ binding, onAttempt });
    const first = await assembly.present(manifest, textAt(4), 'operator-1');
    assert.equal(first.unsealKey, undefined);
    assert.deepEqual(first.progress.provided, [{ index: 5, holder: 'erin' }]);
    const [second, third] = await Promise.all([
      assembly.present(manifest, textAt(0), 'operator-1'),
      assembly.present(manifest, textAt(2), 'operator-2'),
    ]);
    assert.equal(second.progress.provided.length, 2);
    assert.ok(third.unsealKey?.equals(key));
    third.unsealKey?.wipe();
    assert.deepEqual(assembly.progress(manifest).provided, [], 'nothing stays behind');
    assert.deepEqual(
      attempts.map(({ outcome, share, by }) => [outcome, share, by]),
      [
        ['accepted', 'share 5 (erin)', 'operator-1'],
        ['accepted', 'share 1 (alice)', 'operator-1'],
        ['accepted', 'share 3 (carol)', 'operator-2'],
      ],
    );
  });

  test('a wrong share is named, counts for nothing, and spoils nothing', async () => {
    const second = await holdCeremony(key, binding, { holders: people, threshold: 3 }, ceremonyKey);
    const [otherSet] = await textsOf(second);
    const bob = textAt(1);
    const { setId } = manifest;
    const cases: [string, ShareErrorCode, RegExp][] = [
      [changed(bob, { cluster: 'staging' }), 'FOREIGN_CLUSTER', /share 2 \(bob\) of staging/],
      [changed(bob, { region: 'us-east-1' }), 'FOREIGN_REGION', /share 2 \(bob\) of us-east-1/],
      [otherSet ?? '', 'OTHER_SET', /share 1 \(alice\) of set/],
      [changed(otherSet ?? '', { setId }), 'WRONG_SHARE', /share 1 \(alice\)/],
      [changed(bob, { index: 6 }), 'UNKNOWN_INDEX', /share 6 \(bob\)/],
      [changed(bob, { index: 3, holder: 'carol' }), 'WRONG_SHARE', /share 3 \(carol\)/],
      [changed(bob, { holder: 'mallory' }), 'WRONG_SHARE', /share 2 \(mallory\)/],
      [changed(bob, { share: 'A'.repeat(44) }), 'WRONG_SHARE', /share 2 \(bob\)/],
      [textAt(0), 'DUPLICATE_SHARE', /share 1 \(alice\)/],
      ['', 'MALFORMED_SHARE', /./],
      ['AGE-SECRET-KEY-1', 'MALFORMED_SHARE', /./],
      [changed(bob, { share: 'short' }), 'MALFORMED_SHARE', /./],
      [changed(bob, { extra: 1 }), 'MALFORMED_SHARE', /./],
      ['x'.repeat(5000), 'MALFORMED_SHARE', /./],
    ];
    attempts.length = 0;
    const assembly = new ShareAssembly({ binding, onAttempt });
    await assembly.present(manifest, textAt(0), 'operator');
    const held = liveSecretCount();
    for (const [text, code, message] of cases) {
      await assert.rejects(assembly.present(manifest, text, 'operator'), (error: Error) => {
        const secret = /"share":"([A-Za-z0-9_-]{44})"/.exec(text)?.[1];
        if (secret !== undefined) assert.ok(!error.message.includes(secret), 'no error quotes a share');
        return refused(code, message)(error);
      });
      assert.equal(assembly.progress(manifest).provided.length, 1);
    }
    assert.equal(liveSecretCount(), held, 'what was refused is wiped');
    assert.deepEqual(
      attempts.slice(1).map(({ reason }) => reason),
      cases.map(([, code]) => code),
    );
    await assembly.present(manifest, textAt(3), 'operator');
    const { unsealKey } = await assembly.present(manifest, textAt(4), 'operator');
    assert.ok(unsealKey?.equals(key));
    unsealKey?.wipe();
  });

  test('a share of any text is refused with one of our errors', async () => {
    const assembly = new ShareAssembly({ binding, onAttempt: async () => {} });
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string(), fc.json()), async (text) => {
        await assert.rejects(assembly.present(manifest, text, 'operator'), refused('MALFORMED_SHARE'));
      }),
      { numRuns: 100 },
    );
  });

  test('partial progress is forgotten when time is up, and wiped', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    attempts.length = 0;
    const held = liveSecretCount();
    const assembly = new ShareAssembly({ binding, onAttempt, ttlMs: 60 });
    await assembly.present(manifest, textAt(0), 'operator');
    await assembly.present(manifest, textAt(1), 'operator');
    assert.equal(liveSecretCount(), held + 2);
    t.mock.timers.tick(59);
    assert.equal(liveSecretCount(), held + 2);
    t.mock.timers.tick(1);
    await turnOfTheLoop();
    assert.equal(liveSecretCount(), held);
    assert.deepEqual(assembly.progress(manifest), { setId: manifest.setId, threshold: 3, provided: [] });
    assert.deepEqual(attempts.at(-1), { outcome: 'forgotten', share: '2 shares', setId: manifest.setId });
    const { progress } = await assembly.present(manifest, textAt(2), 'operator');
    assert.equal(progress.provided.length, 1);
    assembly.forget();
    assert.equal(liveSecretCount(), held);
  });

  test('a new set starts afresh, and a try that cannot be recorded does not count', async () => {
    const held = liveSecretCount();
    let isRecording = true;
    const assembly = new ShareAssembly({
      binding,
      onAttempt: async () => {
        if (!isRecording) throw new Error('the trail cannot be written');
      },
    });
    await assembly.present(manifest, textAt(0), 'operator');
    const second = await holdCeremony(key, binding, { holders: people, threshold: 2 }, ceremonyKey);
    const newManifest = readManifest(second.blob, binding);
    const [alice, bob] = await textsOf(second);
    isRecording = false;
    await assert.rejects(assembly.present(newManifest, alice ?? '', 'operator'), /cannot be written/);
    isRecording = true;
    assert.equal(liveSecretCount(), held, 'the old set and the unrecorded share are wiped');
    await assembly.present(newManifest, alice ?? '', 'operator');
    const { unsealKey } = await assembly.present(newManifest, bob ?? '', 'operator');
    assert.ok(unsealKey?.equals(key));
    unsealKey?.wipe();
  });

  test('a plan that weakens the threshold, or has no recipient, is refused', async () => {
    const [alice, bob, carol] = people;
    assert.ok(alice !== undefined && bob !== undefined && carol !== undefined);
    const plans: [Parameters<typeof holdCeremony>[2], RegExp][] = [
      [{ holders: [alice, bob], threshold: 3 }, /3 of 2/],
      [{ holders: [alice, bob], threshold: 1 }, /1 of 2/],
      [{ holders: [alice, { ...bob, recipient: alice.recipient }], threshold: 2 }, /bob is there twice/],
      [{ holders: [alice, { ...bob, name: 'ALICE' }], threshold: 2 }, /ALICE is there twice/],
      [{ holders: [alice, { ...bob, name: '../bob' }], threshold: 2 }, /a name has/],
      [
        { holders: [alice, { ...bob, recipient: carol.identity }], threshold: 2 },
        /bob has no X25519 recipient/,
      ],
      [
        {
          holders: [
            alice,
            { ...bob, recipient: `${bob.recipient.slice(0, -1)}${bob.recipient.endsWith('q') ? 'p' : 'q'}` },
          ],
          threshold: 2,
        },
        /mistyped|recipient/,
      ],
    ];
    for (const [plan, message] of plans) {
      await assert.rejects(holdCeremony(key, binding, plan, ceremonyKey), (error: Error) => {
        assert.ok(!error.message.includes(carol.identity), 'an identity given by mistake is not repeated');
        return refused('INVALID_PLAN', message)(error);
      });
    }
  });
});
