/** Query and Discover Versions (KMIP 1.4 §4.25, §4.26): the core answers as the gateways do. */
import type { Operation } from '../../../kmip/index.ts';
import { answerDiscoverVersions, answerQuery } from '../../../objects/index.ts';
import type { Handler } from '../context.ts';

export const queryHandler: Handler<typeof Operation.Query> = async (request, { version }) =>
  answerQuery(request, version);

export const discoverVersionsHandler: Handler<typeof Operation.DiscoverVersions> = async (request) =>
  answerDiscoverVersions(request);
