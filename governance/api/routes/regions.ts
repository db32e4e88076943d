/** Regions, their gateways, and the issuers that all regions trust. */
import { addGateway, removeGateway } from '../../domain/gateways.ts';
import { addIssuer, listIssuers } from '../../domain/issuers.ts';
import { enrolRegion, listRegions } from '../../domain/regions.ts';
import { actorOf, type Routes } from '../api.ts';
import * as schemas from '../schemas.ts';

export const regionRoutes: Routes = (app, cmk) => {
  app.post(
    '/v1/regions',
    {
      config: { action: 'region.enrol' },
      schema: {
        summary: 'Enrol a region; its public key is brought here by an operator',
        body: schemas.NewRegion,
        response: { 200: schemas.Created, 201: schemas.Created },
      },
    },
    async (request, reply) => {
      const answer = await enrolRegion(cmk, actorOf(request), request.body);
      return reply.status(answer.created ? 201 : 200).send(answer);
    },
  );
  app.get(
    '/v1/regions',
    { schema: { querystring: schemas.PageQuery, response: { 200: schemas.pageOf(schemas.Region) } } },
    (request) => listRegions(cmk, request.query),
  );
  app.post(
    '/v1/regions/:region/gateways',
    {
      config: { action: 'gateway.register' },
      schema: {
        summary: 'Register the key of a gateway in its region',
        params: schemas.RegionPath,
        body: schemas.NewGateway,
        response: { 200: schemas.GatewayAdded, 202: schemas.GatewayAdded },
      },
    },
    async (request, reply) => {
      const answer = await addGateway(cmk, actorOf(request), request.params.region, request.body);
      return reply.status(answer.created ? 202 : 200).send(answer);
    },
  );
  app.delete(
    '/v1/regions/:region/gateways/:name',
    {
      config: { action: 'gateway.remove' },
      schema: { params: schemas.GatewayPath, response: { 202: schemas.JobStarted } },
    },
    async (request, reply) => {
      const { region, name } = request.params;
      return reply.status(202).send(await removeGateway(cmk, actorOf(request), region, name));
    },
  );
  app.post(
    '/v1/issuers',
    {
      config: { action: 'issuer.register' },
      schema: {
        summary: 'Trust a CA as issuer of application certificates, in every region',
        body: schemas.NewIssuer,
        response: { 200: schemas.IssuerAdded, 202: schemas.IssuerAdded },
      },
    },
    async (request, reply) => {
      const answer = await addIssuer(cmk, actorOf(request), request.body.certificate);
      return reply.status(answer.created ? 202 : 200).send(answer);
    },
  );
  app.get(
    '/v1/issuers',
    { schema: { querystring: schemas.PageQuery, response: { 200: schemas.pageOf(schemas.Issuer) } } },
    (request) => listIssuers(cmk, request.query),
  );
};
