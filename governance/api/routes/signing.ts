/** The keys by which governance and the regions sign what crosses the broker, and their rotation. */
import { Type } from 'typebox';
import {
  activateSigningKey,
  announceSigningKey,
  listSigningKeys,
  retireSigningKey,
} from '../../signing/own-keys.ts';
import { listRegionKeys, putRegionKey, rotateRegionKey } from '../../signing/region-keys.ts';
import { retireRegionKey } from '../../signing/region-retirement.ts';
import { signingKeyStates } from '../../store/signing-tables.ts';
import { actorOf, type Routes } from '../api.ts';
import * as schemas from '../schemas.ts';

const KeyId = Type.String({
  pattern: '^[A-Za-z0-9_.:-]{1,128}$',
  description: 'Names a signing key; never used twice',
});
const PublicKey = Type.String({ description: 'Ed25519, SubjectPublicKeyInfo PEM' });
const State = Type.Enum([...signingKeyStates]);
const SigningKey = schemas.model('SigningKey', {
  keyId: KeyId,
  publicKey: PublicKey,
  state: State,
  since: schemas.Instant,
  trustedBy: Type.Array(Type.String(), { description: 'Regions that have said so' }),
});
const RegionKey = schemas.model('RegionKey', {
  keyId: KeyId,
  publicKey: PublicKey,
  state: State,
  since: schemas.nullable(schemas.Instant),
  heardAt: schemas.nullable(schemas.Instant),
});
const KeyPath = Type.Object({ key: KeyId }, schemas.closed);
const RegionKeyPath = Type.Object({ region: schemas.Name, key: KeyId }, schemas.closed);
const NewSigningKey = Type.Object({ keyId: KeyId }, schemas.closed);
const NewRegionKey = Type.Object(
  { keyId: KeyId, publicKey: Type.Optional(schemas.NewRegion.properties.publicKey) },
  schemas.closed,
);
const Retirement = schemas.nullable(
  Type.Object(
    {
      stolen: Type.Optional(
        Type.Boolean({
          description: 'Also while something is signed by it: whoever has stolen it sees to that',
        }),
      ),
    },
    schemas.closed,
  ),
);
const all = <T extends typeof SigningKey | typeof RegionKey>(item: T) =>
  Type.Object({ items: Type.Array(item) }, schemas.closed);

export const signingRoutes: Routes = (app, cmk) => {
  app.get(
    '/v1/signing-keys',
    {
      config: { permission: 'signing-key.read' },
      schema: { summary: 'The keys by which jobs are signed', response: { 200: all(SigningKey) } },
    },
    () => listSigningKeys(cmk),
  );
  app.post(
    '/v1/signing-keys',
    {
      config: { action: 'signing-key.announce', permission: 'signing-key.rotate' },
      schema: {
        summary: 'Announce a key to every region; it signs as soon as all of them trust it',
        body: NewSigningKey,
        response: { 202: SigningKey },
      },
    },
    async (request, reply) =>
      reply.status(202).send(await announceSigningKey(cmk, actorOf(request), request.body.keyId)),
  );
  app.post(
    '/v1/signing-keys/:key/activate',
    {
      config: { action: 'signing-key.activate', permission: 'signing-key.rotate' },
      schema: {
        summary: 'Sign by this key now, also where a region does not trust it yet',
        params: KeyPath,
        response: { 200: SigningKey },
      },
    },
    (request) => activateSigningKey(cmk, actorOf(request), request.params.key),
  );
  app.post(
    '/v1/signing-keys/:key/retire',
    {
      config: { action: 'signing-key.retire', permission: 'signing-key.rotate' },
      schema: {
        summary: 'Trust this key nowhere any more, for good',
        params: KeyPath,
        body: Retirement,
        response: { 202: SigningKey },
      },
    },
    async (request, reply) => {
      const key = { keyId: request.params.key, stolen: request.body?.stolen };
      return reply.status(202).send(await retireSigningKey(cmk, actorOf(request), key));
    },
  );
  app.get(
    '/v1/regions/:region/keys',
    {
      config: { permission: 'signing-key.read' },
      schema: {
        summary: 'The keys by which a region signs',
        params: schemas.RegionPath,
        response: { 200: all(RegionKey) },
      },
    },
    (request) => listRegionKeys(cmk, request.params.region),
  );
  app.post(
    '/v1/regions/:region/keys',
    {
      config: { action: 'region-key.rotate', permission: 'region-key.rotate' },
      schema: {
        summary:
          'Have the region make a key and sign by it; or, with publicKey, take one that was brought here',
        params: schemas.RegionPath,
        body: NewRegionKey,
        response: { 202: Type.Object({ job: schemas.nullable(schemas.JobId) }, schemas.closed) },
      },
    },
    async (request, reply) => {
      const { region } = request.params;
      const { keyId, publicKey } = request.body;
      const answer =
        publicKey === undefined
          ? await rotateRegionKey(cmk, actorOf(request), region, keyId)
          : await putRegionKey(cmk, actorOf(request), region, { keyId, publicKey });
      return reply.status(202).send(answer);
    },
  );
  app.post(
    '/v1/regions/:region/keys/:key/retire',
    {
      config: { action: 'region-key.retire', permission: 'region-key.rotate' },
      schema: {
        summary: 'Let this key of the region count for nothing any more, for good',
        params: RegionKeyPath,
        body: Retirement,
        response: { 200: all(RegionKey) },
      },
    },
    async (request) => {
      const { region, key } = request.params;
      await retireRegionKey(cmk, actorOf(request), region, { keyId: key, stolen: request.body?.stolen });
      return await listRegionKeys(cmk, region);
    },
  );
};
