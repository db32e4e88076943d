# What is refused, and how the client is told: PyKMIP fails on a refusal without a Result Reason or a Result Message.

UNKNOWN = 'ffffffff-0000-4000-8000-000000000000'


@case
def unknown_identifiers():
    cbc = {'cryptographic_algorithm': Algorithm.AES, 'block_cipher_mode': Mode.CBC, 'padding_method': Padding.PKCS5}
    derivation = {'cryptographic_parameters': {'hashing_algorithm': Hash.SHA_256}, 'derivation_data': b'data'}
    table = {
        'activate': lambda: client.activate(UNKNOWN),
        'check': lambda: exchange(enums.Operation.CHECK, payloads.CheckRequestPayload(unique_identifier=UNKNOWN)),
        'derive key': lambda: client.derive_key(
            enums.ObjectType.SYMMETRIC_KEY, [UNKNOWN], enums.DerivationMethod.HMAC, derivation,
            cryptographic_length=128, cryptographic_algorithm=Algorithm.AES),
        'destroy': lambda: client.destroy(UNKNOWN),
        'get': lambda: client.get(UNKNOWN),
        'get attribute list': lambda: client.get_attribute_list(UNKNOWN),
        'get attributes': lambda: client.get_attributes(UNKNOWN),
        'modify attribute': lambda: modify(UNKNOWN, AttributeType.CONTACT_INFORMATION, 'somebody'),
        'rekey': lambda: client.rekey(uid=UNKNOWN),
        'revoke': lambda: client.revoke(Reason.CESSATION_OF_OPERATION, UNKNOWN),
        'archive': lambda: exchange(enums.Operation.ARCHIVE, payloads.ArchiveRequestPayload(unique_identifier=UNKNOWN)),
        'recover': lambda: exchange(enums.Operation.RECOVER, payloads.RecoverRequestPayload(unique_identifier=UNKNOWN)),
        'obtain lease': lambda: exchange(
            enums.Operation.OBTAIN_LEASE, payloads.ObtainLeaseRequestPayload(unique_identifier=UNKNOWN)),
        'wrapping key': lambda: client.get(aes(), {**WRAPPING, 'encryption_key_information': key_information(UNKNOWN)}),
    }
    if version >= enums.KMIPVersion.KMIP_1_2:
        table.update({
            'encrypt': lambda: client.encrypt(b'data', uid=UNKNOWN, cryptographic_parameters=cbc),
            'decrypt': lambda: client.decrypt(bytes(16), uid=UNKNOWN, cryptographic_parameters=cbc,
                                              iv_counter_nonce=bytes(16)),
            'mac': lambda: client.mac(b'data', UNKNOWN, Algorithm.HMAC_SHA256),
            'sign': lambda: client.sign(b'data', uid=UNKNOWN),
            'signature verify': lambda: client.signature_verify(b'data', bytes(256), uid=UNKNOWN),
        })
    if version < enums.KMIPVersion.KMIP_2_0:
        table['delete attribute'] = lambda: client.delete_attribute(UNKNOWN, attribute_name='Contact Information')
    # KMIP 1.0 does not know its encoding option.
    if version < enums.KMIPVersion.KMIP_1_1:
        del table['wrapping key']
    answers = {name: outcome(run) for name, run in table.items()}
    return {name: answer for name, answer in answers.items() if answer != {'refused': 'ITEM_NOT_FOUND'}}


@case
def wrong_states():
    fresh_key, active, gone = aes(active=False), aes(), aes(active=False)
    client.destroy(gone)
    table = {
        'activate twice': lambda: client.activate(active),
        'destroy while active': lambda: client.destroy(active),
        'get what is destroyed': lambda: client.get(gone),
        'destroy twice': lambda: client.destroy(gone),
    }
    if version >= enums.KMIPVersion.KMIP_1_2:
        cbc = {'cryptographic_algorithm': Algorithm.AES, 'block_cipher_mode': Mode.CBC, 'padding_method': Padding.PKCS5}
        table['encrypt before activation'] = lambda: client.encrypt(
            b'data', uid=fresh_key, cryptographic_parameters=cbc, iv_counter_nonce=bytes(16))
    return {name: outcome(run) for name, run in table.items()}


@case
def wrong_requests():
    name = fresh()
    client.create(Algorithm.AES, 128, name=name)
    key = aes()
    opaque = client.register(objects.OpaqueObject(b'anything', enums.OpaqueDataType.NONE, name=fresh()))
    no_derivation = register(key_of(os.urandom(32)), active=True)
    hmac_data = {'cryptographic_parameters': {'hashing_algorithm': Hash.SHA_256}, 'derivation_data': b'data'}
    table = {
        'a name that is taken': lambda: client.create(Algorithm.AES, 128, name=name),
        'a length that AES has not': lambda: client.create(Algorithm.AES, 129),
        'a pair of 1-bit keys': lambda: client.create_key_pair(Algorithm.RSA, 1),
        'a key in a format it has not': lambda: succeed(
            proxy.get(key, key_format_type=misc.KeyFormatType(Format.PKCS_8))),
        'to activate an opaque object': lambda: client.activate(opaque),
        'to derive from a key without the mask': lambda: client.derive_key(
            enums.ObjectType.SYMMETRIC_KEY, [no_derivation], enums.DerivationMethod.HMAC, hmac_data,
            cryptographic_length=128, cryptographic_algorithm=Algorithm.AES),
        'to modify the length': lambda: modify(key, AttributeType.CRYPTOGRAPHIC_LENGTH, 128),
    }
    if version < enums.KMIPVersion.KMIP_2_0:
        table.update({
            'to delete the state': lambda: client.delete_attribute(key, attribute_name='State'),
            'to delete an attribute that is not there': lambda: client.delete_attribute(
                key, attribute_name='Contact Information'),
        })
    if version >= enums.KMIPVersion.KMIP_1_2:
        cbc = {'cryptographic_algorithm': Algorithm.AES, 'block_cipher_mode': Mode.CBC, 'padding_method': Padding.PKCS5}
        public, private = rsa_pair('signature')
        decrypts = register(key_of(os.urandom(32), masks=[Mask.DECRYPT]), active=True)
        table.update({
            'to encrypt without the mask': lambda: client.encrypt(
                b'data', uid=decrypts, cryptographic_parameters=cbc, iv_counter_nonce=bytes(16)),
            'to sign with a public key': lambda: client.sign(b'data', uid=public, cryptographic_parameters={
                'cryptographic_algorithm': Algorithm.RSA, 'padding_method': Padding.PKCS1v15,
                'hashing_algorithm': Hash.SHA_256}),
            'to decrypt part of a block': lambda: client.decrypt(
                b'half a block', uid=key, cryptographic_parameters=cbc, iv_counter_nonce=bytes(16)),
        })
    return {wrong: outcome(run) for wrong, run in table.items()}


@case
def other_identities():
    """Another tenant sees nothing; a colleague may do no more than it is permitted to."""
    uid, seen = aes(), {}
    for who, (cert, key) in parameters['others'].items():
        other = connect(cert, key)
        with other:
            seen[who] = {
                'get': outcome(lambda: len(other.get(uid).value)),
                'destroy': outcome(lambda: other.destroy(uid)),
                'locate': outcome(lambda: uid in other.locate(
                    attributes=[attribute(AttributeType.UNIQUE_IDENTIFIER, uid)])),
            }
    return {**seen, 'still': state_of(uid)}


@case
def operations_of_later_versions():
    """Refused in a version that does not know them."""
    uid = aes()
    table = {
        'encrypt': lambda: bool(client.encrypt(b'data', uid=uid)),
        'sign': lambda: bool(client.sign(b'data', uid=uid)),
        'mac': lambda: bool(client.mac(b'data', uid, Algorithm.HMAC_SHA256)),
    }
    return {name: outcome(run) for name, run in table.items()}


run_cases()
