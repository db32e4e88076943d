# An object's states, its successors, and batches.


@case
def revoke_and_destroy():
    states, uid = [], aes(active=False)
    for step in (lambda: client.activate(uid),
                 lambda: client.revoke(Reason.CESSATION_OF_OPERATION, uid, revocation_message='no longer used')):
        states.append(state_of(uid))
        step()
    states.append(state_of(uid))
    client.destroy(uid)
    return states


@case
def revoke_as_compromised():
    uid = aes()
    client.revoke(Reason.KEY_COMPROMISE, uid, compromise_occurrence_date=int(time.time()) - 60)
    seen = attributes_of(uid, 'State', 'Compromise Occurrence Date')
    client.destroy(uid)
    return [seen['State'], 'Compromise Occurrence Date' in seen]


@case
def rekey():
    name = fresh()
    uid = aes(name=name)
    successor = client.rekey(uid=uid)
    return {
        'another': client.get(successor).value != client.get(uid).value,
        'name': client.locate(attributes=[attribute(AttributeType.NAME, name)]) == [successor],
        'states': [state_of(uid), state_of(successor)],
    }


@case
def rekey_with_dates():
    later = int(time.time()) + 86_400
    successor = client.rekey(uid=aes(), activation_date=later, deactivation_date=later + 60)
    seen = attributes_of(successor, 'Activation Date', 'Deactivation Date', 'State')
    return [seen['Activation Date'] - later, seen['Deactivation Date'] - later, seen['State']]


@case
def rekey_with_an_offset():
    uid = aes()
    successor = client.rekey(uid=uid, offset=3600)
    seen = attributes_of(successor, 'Activation Date', 'Initial Date', 'State')
    return [seen['Activation Date'] - seen['Initial Date'], seen['State']]


@case
def rekey_a_key_pair():
    public, private = client.create_key_pair(
        Algorithm.RSA, 2048, public_usage_mask=[Mask.VERIFY], private_usage_mask=[Mask.SIGN])
    result = succeed(proxy.rekey_key_pair(private_key_uuid=attributes.PrivateKeyUniqueIdentifier(private)))
    got = client.get(result.private_key_uuid)
    return {
        'another': got.value != client.get(private).value,
        'match': private_of(got.value).public_key().public_numbers()
                 == public_of(client.get(result.public_key_uuid).value, None).public_numbers(),
    }


@case
def archive_and_recover():
    uid = aes()
    archived = exchange(enums.Operation.ARCHIVE, payloads.ArchiveRequestPayload(unique_identifier=uid))
    refused = outcome(lambda: client.get(uid))
    recovered = exchange(enums.Operation.RECOVER, payloads.RecoverRequestPayload(unique_identifier=uid))
    return [archived.unique_identifier == uid, refused, recovered.unique_identifier == uid, len(client.get(uid).value)]


@case
def several_operations_in_one_message():
    """The second and third item mean what the first has made."""
    template = core_objects.TemplateAttribute(attributes=[
        attribute(AttributeType.CRYPTOGRAPHIC_ALGORITHM, Algorithm.AES),
        attribute(AttributeType.CRYPTOGRAPHIC_LENGTH, 128),
        attribute(AttributeType.CRYPTOGRAPHIC_USAGE_MASK, [Mask.ENCRYPT])])
    # PyKMIP would write an empty identifier in place of none.
    activate = payloads.ActivateRequestPayload()
    activate.unique_identifier = None
    created, activated, got = exchange(
        None,
        (enums.Operation.CREATE, payloads.CreateRequestPayload(
            object_type=enums.ObjectType.SYMMETRIC_KEY, template_attribute=template)),
        (enums.Operation.ACTIVATE, activate),
        (enums.Operation.GET, payloads.GetRequestPayload()))
    uid = created.unique_identifier
    return [activated.unique_identifier.value == uid, got.unique_identifier == uid,
            len(got.secret.key_block.key_value.key_material.value)]


@case
def query():
    functions = [enums.QueryFunction.QUERY_OPERATIONS, enums.QueryFunction.QUERY_OBJECTS,
                 enums.QueryFunction.QUERY_SERVER_INFORMATION, enums.QueryFunction.QUERY_APPLICATION_NAMESPACES]
    if version >= enums.KMIPVersion.KMIP_1_1:
        functions += [enums.QueryFunction.QUERY_EXTENSION_LIST, enums.QueryFunction.QUERY_EXTENSION_MAP]
    if version >= enums.KMIPVersion.KMIP_1_3:
        functions += [enums.QueryFunction.QUERY_PROFILES, enums.QueryFunction.QUERY_CAPABILITIES,
                      enums.QueryFunction.QUERY_RNGS, enums.QueryFunction.QUERY_VALIDATIONS]
    result = succeed(proxy.query(query_functions=functions))
    return {
        'operations': sorted(operation.name for operation in result.operations),
        'objects': sorted(kind.name for kind in result.object_types),
        'vendor': result.vendor_identification,
    }


@case
def discover_versions():
    result = succeed(proxy.discover_versions())
    wanted = [contents.ProtocolVersion(1, minor) for minor in (2, 0)]
    shared = succeed(proxy.discover_versions(protocol_versions=[contents.ProtocolVersion(9, 0), *wanted]))
    return [[str(one) for one in answer.protocol_versions] for answer in (result, shared)]
