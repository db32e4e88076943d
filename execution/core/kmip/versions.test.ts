// KMIP 1.0 to 1.4: each request is answered in its own version, with nothing that came later (KMIP 1.4 §6.1, §11.1).
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { temporaryDirectory } from '../../../testkit/directories.ts';
import { testDatabase } from '../../../testkit/postgres.ts';
import {
  attribute,
  attributeDefinition,
  decodeTtlv,
  enumerationKnown,
  ItemType,
  isStandardAttribute,
  type KnownOperation,
  knows,
  LinkType,
  Operation,
  operationName,
  operationSince,
  ProfileName,
  QueryFunction,
  type RequestOf,
  ResultReason,
  ResultStatus,
  resultReasonFor,
  SUPPORTED_VERSIONS,
  schemasOf,
  structureItem,
  Tag,
  type Ttlv,
  tagSince,
  V1_0,
  V1_3,
  V1_4,
  type Version,
  versionText,
} from '../../kmip/index.ts';
import type { Caller } from '../../mesh/index.ts';
import { nameAttribute, servedOperations } from '../../objects/index.ts';
import type { GatewayClient } from '../testing/gateway-client.ts';
import { createKey, populate } from '../testing/keys.ts';
import { TestRegion } from '../testing/region.ts';

/** Everything in the tree that `version` does not know. */
function* strangers(item: Ttlv, version: Version): Generator<string> {
  if (!knows(version, tagSince(item.tag) ?? 0)) yield `tag ${item.tag.toString(16)}`;
  if (item.type === ItemType.Enumeration && !enumerationKnown(item.tag, item.value, version))
    yield `value ${item.value} under ${item.tag.toString(16)}`;
  if (item.tag === Tag.ResultReason && item.type === ItemType.Enumeration) {
    if (resultReasonFor(item.value, version) !== item.value) yield `reason ${item.value}`;
  }
  if (
    item.tag === Tag.AttributeName &&
    item.type === ItemType.TextString &&
    isStandardAttribute(item.value)
  ) {
    if (!knows(version, attributeDefinition(item.value).since)) yield item.value;
  }
  if (item.type === ItemType.Structure) for (const child of item.value) yield* strangers(child, version);
}

describe('versions', () => {
  let region: TestRegion;
  let gateway: GatewayClient;
  let app: Caller;
  let uid: string;
  let sensitive: string;

  before(async () => {
    region = await TestRegion.create((await testDatabase()).url, temporaryDirectory('core'));
    await region.start();
    const populated = await populate(region);
    app = populated.app;
    gateway = region.connect(populated.gatewayIdentity);
    uid = await createKey(
      gateway,
      app,
      nameAttribute('versatile'),
      attribute('Description', 'new in 1.4'),
      attribute('Alternative Name', { alternativeNameValue: 'a', alternativeNameType: 1 }),
      attribute('Link', { linkType: LinkType.NextLink, linkedObjectIdentifier: 'n' }),
      attribute('Link', { linkType: LinkType.PKCS_12CertificateLink, linkedObjectIdentifier: 'c' }),
      attribute('Link', { linkType: LinkType.CertificateLink, linkedObjectIdentifier: 'old' }),
      attribute('Cryptographic Parameters', { blockCipherMode: 9, tagLength: 16, saltLength: 4 }),
    );
    sensitive = await createKey(gateway, app, attribute('Sensitive', true));
  });
  after(() => region.stop());

  async function ask<O extends KnownOperation>(version: Version, operation: O, payload: RequestOf<O>) {
    const request = { operation, payload: schemasOf(operation).request.write(payload, version) };
    const { message, items } = await gateway.tunnel(app, [request], { header: { protocolVersion: version } });
    const found = [...strangers(decodeTtlv(message), version)];
    assert.deepEqual(found, [], `${operationName(operation)} in ${versionText(version)}`);
    return items[0];
  }

  for (const version of SUPPORTED_VERSIONS) {
    test(`${versionText(version)}: answers hold what it knows`, async () => {
      const attributes = await ask(version, Operation.GetAttributes, { uniqueIdentifier: uid });
      const { attribute: told = [] } = schemasOf(Operation.GetAttributes).response.read(
        attributes?.payload ?? structureItem(Tag.ResponsePayload, []),
      );
      const links = told.filter((a) => a.attributeName === 'Link');
      assert.equal(links.length, version.minor >= 4 ? 3 : version.minor >= 2 ? 2 : 1);
      assert.equal(
        told.some((a) => a.attributeName === 'Operation Policy Name'),
        version.minor < 3,
      );
      const all = { uniqueIdentifier: uid };
      for (const item of [
        await ask(version, Operation.GetAttributeList, all),
        await ask(version, Operation.GetAttributes, { ...all, attributeName: ['Fresh', 'Comment', 'State'] }),
        await ask(version, Operation.Get, all),
        await ask(version, Operation.Locate, { attribute: [nameAttribute('versatile')] }),
        await ask(version, Operation.Query, { queryFunction: Object.values(QueryFunction) }),
        await ask(version, Operation.ObtainLease, all),
        await ask(version, Operation.Check, all),
      ])
        assert.equal(item?.resultStatus, ResultStatus.Success, item?.resultMessage);
    });

    test(`${versionText(version)}: operations that came later are not served, nor offered`, async () => {
      for (const operation of servedOperations) {
        const item = (
          await gateway.tunnel(app, [{ operation, payload: structureItem(Tag.RequestPayload, []) }], {
            header: { protocolVersion: version },
          })
        ).items[0];
        const isKnown = knows(version, operationSince(operation) ?? 0);
        const isRefused = item?.resultReason === ResultReason.OperationNotSupported;
        assert.equal(isRefused, !isKnown, operationName(operation));
      }
      const item = await ask(version, Operation.Query, { queryFunction: [QueryFunction.QueryOperations] });
      const offered = schemasOf(Operation.Query).response.read(
        item?.payload ?? structureItem(Tag.ResponsePayload, []),
      ).operation;
      assert.deepEqual(
        offered,
        servedOperations.filter((operation) => knows(version, operationSince(operation) ?? 0)),
      );
      for (const quiet of [Operation.Notify, Operation.Put])
        assert.ok(!offered?.includes(quiet), 'nothing serves them to applications');
    });
  }

  test('a reason that came with 1.4 is told as the one before it', async () => {
    const refused = async (version: Version) =>
      (await ask(version, Operation.Get, { uniqueIdentifier: sensitive }))?.resultReason;
    assert.equal(await refused(V1_4), ResultReason.Sensitive);
    assert.equal(await refused(V1_3), ResultReason.PermissionDenied);
    assert.equal(await refused(V1_0), ResultReason.PermissionDenied);
  });

  test('Query tells what this server is, and nothing that it is not', async () => {
    const payload = async (...queryFunction: QueryFunction[]) => {
      const item = await ask(V1_4, Operation.Query, { queryFunction });
      assert.ok(item?.payload);
      return schemasOf(Operation.Query).response.read(item.payload);
    };
    const { QueryRNGs, QueryCapabilities, QueryProfiles, QueryServerInformation } = QueryFunction;
    assert.equal((await payload(QueryRNGs)).rngParameters?.[0]?.rngAlgorithm, 3);
    const [capabilities] = (await payload(QueryCapabilities)).capabilityInformation ?? [];
    assert.equal(capabilities?.batchUndoCapability, true);
    assert.equal(capabilities?.attestationCapability, false);
    const { profileInformation = [] } = await payload(QueryProfiles);
    assert.ok(
      profileInformation.some((p) => p.profileName === ProfileName.SymmetricKeyLifecycleServerKMIPV1_4),
    );
    assert.equal((await payload(QueryServerInformation)).vendorIdentification, 'OpenKCM');
    const { QueryValidations, QueryAttestationTypes, QueryExtensionMap } = QueryFunction;
    assert.deepEqual(await payload(QueryValidations, QueryAttestationTypes, QueryExtensionMap), {});
  });
});
