/** Regions, their gateways, and the issuers that all regions trust. */
import { addGateway, removeGateway } from '../../domain/gateways.ts';
import { addIssuer, listIssuers } from '../../domain/issuers.ts';
import { enrolRegion, getRegion, listRegions } from '../../domain/regions.ts';
import { actorOf, type Routes, splitPage } from '../api.ts';
import * as schemas from '../schemas.ts';

export const regionRoutes: Routes = (app, cmk) => {
  app.post(
    '/v1/regions',
    {
      config: { action: 'region.enrol', permission: 'region.enrol' },
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
    {
      config: { permission: 'region.read' },
      schema: {
        summary: 'Regions with what each has last said of itself',
        querystring: schemas.RegionQuery,
        response: { 200: schemas.pageOf(schemas.Region) },
      },
    },
    (request) => listRegions(cmk, ...splitPage(request.query)),
  );
  app.get(
    '/v1/regions/:region',
    {
      config: { permission: 'region.read' },
      schema: {
        summary: 'One region with its gateways',
        params: schemas.RegionPath,
        response: { 200: schemas.Region },
      },
    },
    (request) => getRegion(cmk, request.params.region),
  );
  app.post(
    '/v1/regions/:region/gateways',
    {
      config: { action: 'gateway.register', permission: 'gateway.register' },
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
      config: { action: 'gateway.remove', permission: 'gateway.remove' },
      schema: {
        summary: 'Refuse the gateway in its region; its name and key are free afterwards',
        params: schemas.GatewayPath,
        response: { 202: schemas.JobStarted },
      },
    },
    async (request, reply) => {
      const { region, name } = request.params;
      return reply.status(202).send(await removeGateway(cmk, actorOf(request), region, name));
    },
  );
  app.post(
    '/v1/issuers',
    {
      config: { action: 'issuer.register', permission: 'issuer.register' },
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
    {
      config: { permission: 'issuer.read' },
      schema: {
        summary: 'Issuers of application certificates, and which region trusts each',
        querystring: schemas.PageQuery,
        response: { 200: schemas.pageOf(schemas.Issuer) },
      },
    },
    (request) => listIssuers(cmk, request.query),
  );
};
