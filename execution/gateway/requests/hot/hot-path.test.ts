/** The hot path and the general one on the same bytes: where both answer, they say the same. */
import assert from 'node:assert/strict';
import { createDecipheriv, randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import {
  attribute,
  CryptographicAlgorithm,
  CryptographicUsageMask,
  decodeRequest,
  decodeResponse,
  encodeRequest,
  ObjectType,
  Operation,
  operationSchemas,
  ResultReason,
  ResultStatus,
  V1_4,
} from '../../../kmip/index.ts';
import { nameAttribute } from '../../../objects/index.ts';
import { OTHER_TENANT, silent, TENANT } from '../../fixture.test.ts';
import { RequestHandler } from '../handler.ts';
import {
  createdIn,
  encoded,
  type HotWorld,
  hotWorld,
  request,
  requester,
  withoutTime,
} from './hot-world.test.ts';
import { newScan, scanRequest } from './scan.ts';
import { newCreateScan, scanCreate } from './scan-create.ts';

const { Create, Encrypt, Decrypt, Get } = Operation;

let world: HotWorld;
before(async () => {
  world = await hotWorld();
});
after(() => world.close());

describe('the hot path', () => {
  for (const minor of [2, 3, 4]) {
    it(`encrypts for clients of KMIP 1.${minor} what the general path decrypts, and back`, () => {
      const uid = world.objects.get('plain')?.uid ?? '';
      const version = { major: 1, minor };
      const ask = (operation: typeof Encrypt | typeof Decrypt, more: object): Uint8Array => {
        const schema = operationSchemas[operation].request;
        const payload = schema.write({ uniqueIdentifier: uid, ...more }, version);
        return encodeRequest({
          header: { protocolVersion: version, batchCount: 1 },
          items: [{ operation, payload }],
        });
      };
      for (const size of [0, 1, 15, 16, 17, 4_096, 16_384]) {
        const data = Buffer.alloc(size, 7);
        const answer = world.hot.answer(ask(Encrypt, { data }), requester);
        assert.ok(answer);
        const payload = decodeResponse(answer).items[0]?.payload;
        assert.ok(payload);
        const { uniqueIdentifier: _, ...sealed } = operationSchemas[Encrypt].response.read(payload, version);
        const back = ask(Decrypt, sealed);
        for (const opened of [
          world.hot.answer(back, requester),
          world.handler.handleGenerally(back, requester),
        ]) {
          assert.ok(opened instanceof Uint8Array);
          const found = decodeResponse(opened).items[0]?.payload;
          assert.ok(found);
          assert.deepEqual(
            Buffer.from(operationSchemas[Decrypt].response.read(found, version).data ?? []),
            data,
          );
        }
      }
    });
  }

  it('gives out a key that has been given out before, and leaves an entry in the trail', async () => {
    for (const minor of [0, 1, 2, 3, 4]) {
      const version = { major: 1, minor };
      const ask = (kind: string): Uint8Array =>
        encodeRequest({
          header: { protocolVersion: version, batchCount: 1 },
          items: [
            {
              operation: Get,
              payload: operationSchemas[Get].request.write(
                { uniqueIdentifier: world.objects.get(kind)?.uid ?? kind },
                version,
              ),
            },
          ],
        });
      await world.audit.flush();
      const events = world.store.audit.size;
      const answer = world.hot.answer(ask('served'), requester);
      assert.ok(answer);
      await world.audit.flush();
      assert.equal(world.store.audit.size, events + 1);
      const general = world.handler.handleGenerally(ask('served'), requester);
      assert.ok(general instanceof Uint8Array);
      assert.deepEqual(withoutTime(answer), withoutTime(general));
      for (const other of ['plain', 'sensitive', 'kept', 'archived', 'foreign', 'l3:orders'])
        assert.equal(world.hot.answer(ask(other), requester), undefined, other);
    }
  });

  it('answers what repeats in one read as it answers each alone', () => {
    const wanted = fc.record({
      kind: fc.constantFrom('plain', 'plain', 'plain', 'encryptOnly'),
      size: fc.constantFrom(0, 3, 4, 8, 32, 32, 32, 100),
      aad: fc.constantFrom(undefined, undefined, undefined, 'one', 'two'),
      minor: fc.constantFrom(4, 4, 4, 3),
      id: fc.constantFrom(undefined, undefined, undefined, 'x'),
      more: fc.constantFrom('', '', '', 'spoiled', 'Decrypt'),
      again: fc.constantFrom(true, true, false),
    });
    const rest = fc.constantFrom(0, 0, 0, 1, 2);
    const ivs = new Set<string>();
    fc.assert(
      fc.property(fc.array(wanted, { minLength: 1, maxLength: 12 }), rest, (drawn, moved) => {
        const all: (typeof drawn)[number][] = [];
        // Most are the one before them, but for their data.
        for (const one of drawn) {
          const before = all.at(-1);
          all.push(one.again && before !== undefined ? { ...before, more: one.more } : one);
        }
        const messages = all.map(({ kind, size, aad, minor, id, more }) => {
          const version = { major: 1, minor };
          const operation = more === 'Decrypt' ? Decrypt : Encrypt;
          const payload = operationSchemas[operation].request.write(
            {
              uniqueIdentifier: world.objects.get(kind)?.uid ?? '',
              data: randomBytes(size),
              ...(aad === undefined || minor < 4
                ? {}
                : { authenticatedEncryptionAdditionalData: Buffer.from(aad) }),
            },
            version,
          );
          const item = { operation, payload, ...(id && { uniqueBatchItemId: Buffer.from(id) }) };
          const message = Buffer.from(
            encodeRequest({ header: { protocolVersion: version, batchCount: 1 }, items: [item] }),
          );
          // The last byte is padding, or of the data or of what comes with it.
          if (more === 'spoiled') message[message.length - 1] = (message[message.length - 1] ?? 0) ^ 1;
          return message;
        });
        // Where the bytes begin in their buffer is as the runtime likes it.
        const bytes = Buffer.concat([Buffer.alloc(moved), ...messages]).subarray(moved);
        const out = Buffer.alloc(64 * 1024);
        const answers = world.hot.plainAnswers(() => requester);
        const made: (readonly [number, number] | undefined)[] = [];
        const before = world.spentOf(world.objects.get('plain')?.uid ?? '');
        let [start, at] = [0, 0];
        for (const message of messages) {
          const end = answers.answer(bytes, start, start + message.length, out, at);
          made.push(end < 0 ? undefined : [at, end]);
          if (end >= 0) at = end;
          start += message.length;
        }
        answers.settle();
        answers.done(0);
        const served = made.filter((one, index) => one !== undefined && all[index]?.kind === 'plain').length;
        assert.equal(
          world.spentOf(world.objects.get('plain')?.uid ?? '') - before,
          served,
          'each spends one IV',
        );
        for (const [index, message] of messages.entries()) {
          const alone = world.hot.answer(message, requester);
          const place = made[index];
          assert.equal(place === undefined, alone === undefined, `message ${index}`);
          if (place === undefined || alone === undefined) continue;
          const together = out.subarray(...place);
          const version = { major: 1, minor: all[index]?.minor ?? 4 };
          const read = (answer: Uint8Array) => {
            const [item] = decodeResponse(answer).items;
            assert.ok(item?.payload);
            const { payload, ...about } = item;
            return { about, ...operationSchemas[Encrypt].response.read(payload, version) };
          };
          const [mine, other] = [read(together), read(alone)];
          assert.deepEqual(mine.about, other.about);
          for (const { ivCounterNonce } of [mine, other]) {
            const iv = Buffer.from(ivCounterNonce ?? []).toString('hex');
            assert.ok(iv.length === 24 && !ivs.has(iv), 'no IV comes twice');
            ivs.add(iv);
          }
          const asked = decodeRequest(message).items[0]?.payload;
          assert.ok(asked && mine.data && mine.ivCounterNonce);
          const { data, authenticatedEncryptionAdditionalData: aad } = operationSchemas[Encrypt].request.read(
            asked,
            version,
          );
          const held = world.services.ring.ready(TENANT, mine.uniqueIdentifier ?? '');
          assert.ok(held);
          const key = held.key.use((secret) => Buffer.from(secret));
          const tag = mine.authenticatedEncryptionTag ?? mine.data.subarray(-16);
          const text = mine.data.subarray(0, data?.length ?? 0);
          const decipher = createDecipheriv('aes-256-gcm', key, mine.ivCounterNonce).setAuthTag(tag);
          if (aad !== undefined) decipher.setAAD(aad);
          assert.deepEqual(Buffer.concat([decipher.update(text), decipher.final()]), Buffer.from(data ?? []));
        }
      }),
      { numRuns: 300 },
    );
  });

  it('leaves to the general path whom it may not serve', () => {
    const uid = world.objects.get('plain')?.uid ?? '';
    const payload = operationSchemas[Encrypt].request.write(
      { uniqueIdentifier: uid, data: new Uint8Array(4) },
      V1_4,
    );
    const message = encodeRequest({
      header: { protocolVersion: V1_4, batchCount: 1 },
      items: [{ operation: Encrypt, payload }],
    });
    const { identity } = requester;
    for (const other of [
      { ...identity, tenant: OTHER_TENANT },
      { ...identity, services: [] },
      { ...identity, operations: ['Decrypt'] },
    ]) {
      assert.equal(world.hot.answer(message, { identity: other, peer: 'p' }), undefined);
    }
    assert.ok(world.hot.answer(message, { identity: { ...identity, operations: ['Encrypt'] }, peer: 'p' }));
  });

  it('reads within the message, whatever the message claims', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), request, fc.nat(), (noise, wanted, cut) => {
        const scan = newScan();
        const create = newCreateScan();
        const message = Buffer.from(encoded(world, wanted));
        for (const one of [Buffer.from(noise), message.subarray(0, cut % (message.length + 1))]) {
          if (!scanRequest(one, 0, one.length, scan)) continue;
          const found = [[scan.idAt, scan.idLength]];
          if (scan.operation === Create) {
            if (!scanCreate(one, scan, create)) continue;
            found.push([create.nameAt, create.nameLength], [create.groupAt, create.groupLength]);
            for (let i = 0; i < create.kept; i++)
              found.push([create.keptAt[i] ?? 0, create.keptLengths[i] ?? 0]);
          } else {
            found.push([scan.uidAt, scan.uidLength], [scan.dataAt, scan.dataLength]);
            found.push(
              [scan.ivAt, scan.ivLength],
              [scan.aadAt, scan.aadLength],
              [scan.tagAt, scan.tagLength],
            );
          }
          for (const [at = 0, length = 0] of found) assert.ok(length < 0 || at + length <= one.length);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('makes keys that are at once good for use, here and on the general path', async () => {
    const { Encrypt: toEncrypt, Decrypt: toDecrypt } = CryptographicUsageMask;
    const attributes = [
      attribute('Cryptographic Algorithm', CryptographicAlgorithm.AES),
      attribute('Cryptographic Length', 256),
      attribute('Cryptographic Usage Mask', toEncrypt | toDecrypt),
      attribute('Activation Date', Math.floor(Date.now() / 1000)),
      nameAttribute('a key of the hot path'),
    ];
    const payload = operationSchemas[Create].request.write(
      { objectType: ObjectType.SymmetricKey, templateAttribute: { attribute: attributes } },
      V1_4,
    );
    const message = encodeRequest({
      header: { protocolVersion: V1_4, batchCount: 1 },
      items: [{ operation: Create, payload }],
    });
    await world.audit.flush();
    const events = world.store.audit.size;
    const answer = await world.hot.create(message, requester);
    assert.ok(answer);
    assert.equal(world.store.audit.size, events + 1, 'no key without its entry');
    const uid = createdIn(answer);
    assert.equal(world.store.objects.nameHolder(TENANT, 'a key of the hot path'), uid);
    const encrypt = encodeRequest({
      header: { protocolVersion: V1_4, batchCount: 1 },
      items: [
        {
          operation: Encrypt,
          payload: operationSchemas[Encrypt].request.write(
            { uniqueIdentifier: uid, data: Buffer.from('to be kept') },
            V1_4,
          ),
        },
      ],
    });
    assert.ok(world.hot.answer(encrypt, requester));
    // The name is taken by now: what cannot be made durable is answered as a failure, once.
    await assert.rejects(async () => world.hot.create(message, requester), /belongs to another object/);
    const refused = await world.handler.handle(message, requester);
    assert.equal(decodeResponse(refused).items[0]?.resultReason, ResultReason.InvalidField);
  });

  for (const [whenFull, isServed] of [
    ['refuse', false],
    ['drop', true],
  ] as const) {
    it(`${isServed ? 'goes on, and counts it,' : 'refuses'} where there is no room for an audit entry and that was chosen`, async () => {
      const full = await hotWorld(whenFull, 0);
      const uid = full.objects.get('served')?.uid ?? '';
      const message = encodeRequest({
        header: { protocolVersion: V1_4, batchCount: 1 },
        items: [
          { operation: Get, payload: operationSchemas[Get].request.write({ uniqueIdentifier: uid }, V1_4) },
        ],
      });
      assert.equal(full.hot.answer(message, requester) !== undefined, isServed);
      const [item] = decodeResponse(await full.handler.handle(message, requester)).items;
      assert.equal(item?.resultStatus, isServed ? ResultStatus.Success : ResultStatus.OperationFailed);
      if (!isServed) {
        assert.equal(item?.resultReason, ResultReason.GeneralFailure);
        assert.match(item?.resultMessage ?? '', /too many audit events wait .* Create and Get are refused/);
      }
      const text = await full.metrics.registry.getSingleMetricAsString('okcm_gateway_audit_lost_total');
      assert.match(text, new RegExp(`event="OBJECT_READ"[^}]*} ${isServed ? 2 : 0}`));
      full.close();
    });
  }

  it('can be switched off', async () => {
    const { services, metrics } = world;
    const off = new RequestHandler({
      services,
      metrics,
      tunnel: {} as never,
      logger: silent,
      hotPath: 'off',
    });
    assert.equal(
      off.plainAnswers(() => requester),
      undefined,
    );
  });
});
