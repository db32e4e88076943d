/** Locate (KMIP 1.4 §4.9): the objects of the caller's tenant and services that match every attribute given. */
import { KmipError, ObjectGroupMember, type Operation, StorageStatusMask } from '../../../kmip/index.ts';
import { MAX_LOCATE_ATTRIBUTES } from '../../limits.ts';
import { locateObjects } from '../../store/locate.ts';
import type { Handler } from '../context.ts';

const STORAGE = StorageStatusMask.OnLineStorage | StorageStatusMask.ArchivalStorage;
const groupMembers: readonly number[] = Object.values(ObjectGroupMember);

export const locateHandler: Handler<typeof Operation.Locate> = async (request, context) => {
  const { maximumItems, offsetItems, storageStatusMask, objectGroupMember, attribute = [] } = request;
  if (attribute.length > MAX_LOCATE_ATTRIBUTES) {
    throw KmipError.invalidField(`a search names at most ${MAX_LOCATE_ATTRIBUTES} attributes`);
  }
  if ((maximumItems ?? 0) < 0 || (offsetItems ?? 0) < 0) {
    throw KmipError.invalidField('Maximum Items and Offset Items are not negative');
  }
  if (storageStatusMask !== undefined && (storageStatusMask & STORAGE) === 0) {
    throw KmipError.invalidField('the Storage Status Mask asks for on-line objects, archived ones or both');
  }
  if (objectGroupMember !== undefined && !groupMembers.includes(objectGroupMember)) {
    throw KmipError.invalidField('the Object Group Member is Group Member Fresh or Group Member Default');
  }
  const { uids, total } = await locateObjects(context.tx, context.requester.scope, {
    attributes: attribute,
    maximumItems,
    offsetItems: offsetItems ?? 0,
    storageStatusMask,
    groupMember: objectGroupMember,
    nowS: context.nowS,
    budget: context.batch.budget,
    onDamaged: (uid, err) =>
      context.logger.error({ uid, err }, 'a stored object cannot be read, and was passed over'),
  });
  const isOnlyOne = uids.length === 1 && (total === 1 || maximumItems === 1);
  context.batch.idPlaceholder = isOnlyOne ? uids[0] : undefined;
  return { locatedItems: total, uniqueIdentifier: uids };
};
