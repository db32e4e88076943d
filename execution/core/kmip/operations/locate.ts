/** Locate (KMIP 1.4 §4.9): the objects of the caller's tenant and services that match every attribute given. */
import { KmipError, type Operation, StorageStatusMask } from '../../../kmip/index.ts';
import { locateObjects } from '../../store/locate.ts';
import type { Handler } from '../context.ts';

export const locateHandler: Handler<typeof Operation.Locate> = async (request, context) => {
  const { maximumItems, offsetItems, storageStatusMask, objectGroupMember, attribute = [] } = request;
  if ((maximumItems ?? 0) < 0 || (offsetItems ?? 0) < 0) {
    throw KmipError.invalidField('Maximum Items and Offset Items are not negative');
  }
  if (objectGroupMember !== undefined) {
    throw KmipError.featureNotSupported('object groups have no fresh or default members here');
  }
  const { uids, total } =
    // Nothing is ever archived here, so a search of the archive alone finds nothing.
    storageStatusMask !== undefined && (storageStatusMask & StorageStatusMask.OnLineStorage) === 0
      ? { uids: [], total: 0 }
      : await locateObjects(context.tx, context.requester.scope, {
          attributes: attribute,
          maximumItems,
          offsetItems: offsetItems ?? 0,
          nowS: context.nowS,
          budget: context.batch.budget,
          onDamaged: (uid, err) =>
            context.logger.error({ uid, err }, 'a stored object cannot be read, and was passed over'),
        });
  const isOnlyOne = uids.length === 1 && (total === 1 || maximumItems === 1);
  context.batch.idPlaceholder = isOnlyOne ? uids[0] : undefined;
  return { locatedItems: total, uniqueIdentifier: uids };
};
