/** Linking, rotating and unlinking a tenant's L1: each a proposal (routes/workflows.ts). */

import type { Cmk } from '../../context.ts';
import { viewLinks } from '../../links/view.ts';
import { propose } from '../../workflows/proposals.ts';
import { linkingWish } from '../../workflows/switching.ts';
import type { ProposalView } from '../../workflows/view.ts';
import { actorOf, type Routes } from '../api.ts';
import * as schemas from '../schemas.ts';

export const linkRoutes: Routes = (app, cmk) => {
  app.post(
    '/v1/tenants/:tenant/link',
    {
      config: { action: 'link.propose', permission: 'key.link' },
      schema: {
        summary:
          'Link the tenant to an L1 key in every region, or switch it to that key; carried out when enough have agreed',
        params: schemas.TenantPath,
        body: schemas.LinkRequest,
        response: { 202: schemas.Decision },
      },
    },
    async (request, reply) => {
      const { tenant } = request.params;
      const wish = await linkingWish(cmk, tenant, request.body);
      return reply.status(202).send(await decision(cmk, propose(cmk, actorOf(request), tenant, wish)));
    },
  );
  app.post(
    '/v1/tenants/:tenant/unlink',
    {
      config: { action: 'unlink.propose', permission: 'key.unlink' },
      schema: {
        summary:
          'Close the links in every region, for ever: nothing of the tenant can be used until it is linked anew',
        params: schemas.TenantPath,
        body: schemas.UnlinkRequest,
        response: { 202: schemas.Decision },
      },
    },
    async (request, reply) => {
      const wish = { action: 'unlink', parameters: { reason: request.body.reason } } as const;
      return reply
        .status(202)
        .send(await decision(cmk, propose(cmk, actorOf(request), request.params.tenant, wish)));
    },
  );
  app.post(
    '/v1/tenants/:tenant/link/rotate',
    {
      config: { action: 'rotate-link.propose', permission: 'key.rotate' },
      schema: {
        summary: 'A fresh link secret under the same L1 key, in every region whose link lives',
        params: schemas.TenantPath,
        body: schemas.RotateLinkRequest,
        response: { 202: schemas.Decision },
      },
    },
    async (request, reply) => {
      const wish = { action: 'rotate-link', parameters: request.body } as const;
      return reply
        .status(202)
        .send(await decision(cmk, propose(cmk, actorOf(request), request.params.tenant, wish)));
    },
  );
  app.get(
    '/v1/tenants/:tenant/links',
    {
      config: { permission: 'link.read' },
      schema: { params: schemas.TenantPath, response: { 200: schemas.Links } },
    },
    (request) => viewLinks(cmk, request.params.tenant),
  );
};

/** A decision about links, with where they stand. */
export async function decision(cmk: Cmk, deciding: Promise<ProposalView>) {
  const proposal = await deciding;
  return { proposal, links: await viewLinks(cmk, proposal.tenant) };
}
