# Attributes, and finding objects by them.


def name_attribute(name):
    return attribute(AttributeType.NAME, name)


@case
def locate_by_name():
    name = fresh()
    uid = client.create(Algorithm.AES, 128, name=name)
    return [client.locate(attributes=[name_attribute(name)]) == [uid],
            client.locate(attributes=[name_attribute(name + '!')])]


@case
def locate_by_attributes():
    group = fresh('group')
    in_group = attribute(AttributeType.OBJECT_GROUP, group)
    now = int(time.time())
    small = create_with(in_group, attribute(AttributeType.CONTACT_INFORMATION, 'team one'))
    large = create_with(in_group, attribute(AttributeType.ACTIVATION_DATE, now - 3600))
    data = client.register(secret(b'opens everything'))

    def found(*conditions):
        uids = client.locate(attributes=[in_group, *conditions])
        return sorted({small: 'small', large: 'large'}.get(uid, uid) for uid in uids)
    return {
        'group': found(),
        'contact': found(attribute(AttributeType.CONTACT_INFORMATION, 'team one')),
        'state': found(attribute(AttributeType.STATE, enums.State.ACTIVE)),
        'algorithm': found(attribute(AttributeType.CRYPTOGRAPHIC_ALGORITHM, Algorithm.TRIPLE_DES)),
        'length': found(attribute(AttributeType.CRYPTOGRAPHIC_LENGTH, 256)),
        'mask': found(attribute(AttributeType.CRYPTOGRAPHIC_USAGE_MASK, [Mask.ENCRYPT])),
        'type': found(attribute(AttributeType.OBJECT_TYPE, enums.ObjectType.SECRET_DATA)),
        'date range': found(attribute(AttributeType.ACTIVATION_DATE, now - 7200),
                            attribute(AttributeType.ACTIVATION_DATE, now - 60)),
        'later': found(attribute(AttributeType.ACTIVATION_DATE, now - 60),
                       attribute(AttributeType.ACTIVATION_DATE, now)),
        'identifier': client.locate(attributes=[attribute(AttributeType.UNIQUE_IDENTIFIER, data)]) == [data],
    }


@case
def locate_a_page():
    group = attribute(AttributeType.OBJECT_GROUP, fresh('group'))
    made = {create_with(group) for _ in range(5)}
    first = client.locate(maximum_items=2, attributes=[group])
    pages = {'first': len(first), 'all': set(client.locate(attributes=[group])) == made}
    rest = client.locate(offset_items=2, attributes=[group])
    middle = client.locate(offset_items=2, maximum_items=2, attributes=[group])
    return {**pages, 'rest': set(rest) == made - set(first), 'middle': rest[:2] == middle}


@case
def get_attributes():
    uid = create_with(
        name_attribute('one ' + fresh()), name_attribute('two ' + fresh()),
        attribute(AttributeType.APPLICATION_SPECIFIC_INFORMATION,
                  {'application_namespace': 'ssl', 'application_data': 'www.example.com'}),
        attribute(AttributeType.CONTACT_INFORMATION, 'a person'),
        # PyKMIP has no vendor attributes, which took their place in KMIP 2.
        *([attribute('x-purpose', 'a test')] if version < enums.KMIPVersion.KMIP_2_0 else []))
    seen = attributes_of(uid, 'Cryptographic Algorithm', 'Cryptographic Length', 'Contact Information',
                         'Application Specific Information', 'Name',
                         *(['x-purpose', 'No Such Attribute'] if version < enums.KMIPVersion.KMIP_2_0 else []))
    seen['Name'] = [name[:3] for name in seen['Name']]
    return seen


@case
def get_all_attributes():
    """PyKMIP knows no attribute that came after KMIP 1.1, and no Digest without the field that came with it."""
    seen = attributes_of(aes())
    return sorted(name for name in seen if name in (
        'Activation Date', 'Cryptographic Usage Mask', 'Digest', 'Initial Date', 'Last Change Date', 'State'))


@case
def get_the_attribute_list():
    uid = create_with(name_attribute(fresh()), name_attribute(fresh()))
    names = client.get_attribute_list(uid)
    return {'unique': len(names) == len(set(names)),
            'has': all(name in names for name in ('Name', 'State', 'Object Type', 'Unique Identifier'))}


@case
def modify_an_attribute():
    uid = create_with(attribute(AttributeType.CONTACT_INFORMATION, 'a person'))
    changed, modified = modify(uid, AttributeType.CONTACT_INFORMATION, 'another')
    # KMIP 2 does not send it back.
    value = plain(modified) if version < enums.KMIPVersion.KMIP_2_0 else None
    return [changed == uid, value, attributes_of(uid, 'Contact Information')]


@case
def delete_an_attribute():
    """PyKMIP cannot name an attribute of the standard as KMIP 2 would have it."""
    uid = create_with(attribute(AttributeType.CONTACT_INFORMATION, 'a person'))
    changed, deleted = client.delete_attribute(uid, attribute_name='Contact Information')
    return [changed == uid, plain(deleted), attributes_of(uid, 'Contact Information')]


@case
def modify_one_name_of_two():
    first, second, third = fresh(), fresh(), fresh()
    uid = create_with(name_attribute(first), name_attribute(second))
    modify(uid, AttributeType.NAME, third, index=1)
    return {
        'names': attributes_of(uid, 'Name')['Name'] == [first, third],
        'found': client.locate(attributes=[name_attribute(third)]) == [uid],
        'lost': client.locate(attributes=[name_attribute(second)]),
    }


@case
def set_an_attribute():
    """KMIP 2.0 has it."""
    uid = aes(active=False)
    return [client.set_attribute(uid, attribute_name='Contact Information', attribute_value='a person') == uid,
            attributes_of(uid, 'Contact Information')]


@case
def check_what_a_key_may_do():
    uid = aes()
    request = payloads.CheckRequestPayload(unique_identifier=uid, cryptographic_usage_mask=Mask.SIGN.value)
    return [client.check(uid, cryptographic_usage_mask=[Mask.ENCRYPT]) == uid,
            outcome(lambda: exchange(enums.Operation.CHECK, request).unique_identifier)]


@case
def obtain_a_lease():
    answer = exchange(enums.Operation.OBTAIN_LEASE, payloads.ObtainLeaseRequestPayload(unique_identifier=aes()))
    return [answer.lease_time > 0, abs(answer.last_change_date - time.time()) < 60]
