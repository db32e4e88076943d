# Making and registering objects, and getting them back.


@case
def create_symmetric_keys():
    made = []
    for length in (128, 192, 256):
        key = client.get(client.create(Algorithm.AES, length))
        made.append([key.cryptographic_algorithm.name, key.cryptographic_length, len(key.value)])
    return made


@case
def create_with_a_name_and_masks():
    name = fresh()
    uid = client.create(Algorithm.AES, 256, name=name, cryptographic_usage_mask=[Mask.WRAP_KEY])
    seen = attributes_of(uid, 'Name', 'Cryptographic Usage Mask', 'Object Type', 'State', 'Unique Identifier')
    return {
        'name': seen['Name'] == name,
        'mask': seen['Cryptographic Usage Mask'],
        'type': seen['Object Type'],
        'state': seen['State'],
        'uid': seen['Unique Identifier'] == uid,
    }


@case
def create_an_RSA_key_pair():
    public, private = client.create_key_pair(
        Algorithm.RSA, 2048, public_name=fresh('public'), public_usage_mask=[Mask.VERIFY],
        private_name=fresh('private'), private_usage_mask=[Mask.SIGN])
    got = [client.get(public), client.get(private)]
    return {
        'types': [key.object_type.name for key in got],
        'lengths': [key.cryptographic_length for key in got],
        'masks': [attributes_of(uid, 'Cryptographic Usage Mask')['Cryptographic Usage Mask'] for uid in (public, private)],
        'match': private_of(got[1].value).public_key().public_numbers()
                 == public_of(got[0].value, got[0].key_format_type).public_numbers(),
    }


@case
def create_a_key_pair_without_masks_or_names():
    public, private = client.create_key_pair(Algorithm.RSA, 2048)
    return [client.get(uid).cryptographic_algorithm.name for uid in (public, private)]


@case
def create_an_EC_key_pair():
    public, private = client.create_key_pair(
        Algorithm.EC, 256, public_usage_mask=[Mask.VERIFY], private_usage_mask=[Mask.SIGN])
    secret_key = succeed(proxy.get(private, key_format_type=misc.KeyFormatType(Format.PKCS_8))).secret
    open_key = succeed(proxy.get(public, key_format_type=misc.KeyFormatType(Format.X_509))).secret
    read = private_of(secret_key.key_block.key_value.key_material.value)
    return {
        'curve': read.curve.name,
        'match': read.public_key().public_numbers()
                 == public_of(open_key.key_block.key_value.key_material.value, Format.X_509).public_numbers(),
    }


@case
def register_symmetric_keys():
    given = [(Algorithm.AES, 16), (Algorithm.AES, 32), (Algorithm.TRIPLE_DES, 24), (Algorithm.HMAC_SHA256, 20)]
    same = []
    for algorithm, size in given:
        key = key_of(os.urandom(size), algorithm=algorithm)
        got = client.get(client.register(key))
        same.append(got.value == key.value and got.cryptographic_algorithm is algorithm)
    return same


@case
def register_public_and_private_keys():
    own, seen = own_rsa(), {}
    for key_format in (Format.PKCS_1, Format.X_509):
        key = objects.PublicKey(
            Algorithm.RSA, 2048, der(own.public_key(), key_format), key_format, masks=[Mask.VERIFY], name=fresh())
        got = client.get(client.register(key))
        seen['public ' + key_format.name] = got.value == key.value and got.key_format_type is key_format
    for key_format in (Format.PKCS_1, Format.PKCS_8):
        key = objects.PrivateKey(
            Algorithm.RSA, 2048, der(own, key_format), key_format, masks=[Mask.SIGN], name=fresh())
        got = client.get(client.register(key))
        seen['private ' + key_format.name] = got.value == key.value and got.key_format_type is key_format
    return seen


@case
def register_a_certificate():
    value = bytes.fromhex(parameters['certificate'])
    uid = client.register(objects.X509Certificate(value, masks=[Mask.VERIFY], name=fresh()))
    got = client.get(uid)
    # PyKMIP reads that attribute in KMIP 1 only.
    names = ['Certificate Type'] if version < enums.KMIPVersion.KMIP_2_0 else ['Object Type']
    return [got.object_type.name, got.certificate_type.name, got.value == value, *attributes_of(uid, *names).values()]


@case
def register_secret_data():
    seen = []
    for kind in (enums.SecretDataType.PASSWORD, enums.SecretDataType.SEED):
        given = secret(os.urandom(96), kind=kind)
        got = client.get(client.register(given))
        seen.append(got.value == given.value and got.data_type is kind)
    return seen


@case
def register_an_opaque_object():
    given = objects.OpaqueObject(os.urandom(33), enums.OpaqueDataType.NONE, name=fresh())
    got = client.get(client.register(given))
    return [got.object_type.name, got.opaque_type.name, got.value == given.value]


@case
def register_a_split_key():
    given = objects.SplitKey(
        cryptographic_algorithm=Algorithm.AES, cryptographic_length=256, key_value=os.urandom(32),
        cryptographic_usage_masks=[Mask.EXPORT], name=fresh(), key_format_type=Format.RAW, split_key_parts=3,
        key_part_identifier=2, split_key_threshold=2, split_key_method=enums.SplitKeyMethod.POLYNOMIAL_SHARING_GF_2_16)
    got = client.get(client.register(given))
    return [got.value == given.value, got.split_key_parts, got.key_part_identifier, got.split_key_threshold,
            got.split_key_method.name]


@case
def register_a_template_and_create_by_it():
    name = fresh('template')
    template = secrets.Template(attributes=[
        attribute(AttributeType.CRYPTOGRAPHIC_ALGORITHM, Algorithm.AES),
        attribute(AttributeType.CRYPTOGRAPHIC_LENGTH, 192),
        attribute(AttributeType.CRYPTOGRAPHIC_USAGE_MASK, [Mask.ENCRYPT, Mask.DECRYPT])])
    own = core_objects.TemplateAttribute(attributes=[attribute(AttributeType.NAME, name)])
    succeed(proxy.register(enums.ObjectType.TEMPLATE, own, template))
    by_name = core_objects.TemplateAttribute(
        names=[attributes.Name.create(name, enums.NameType.UNINTERPRETED_TEXT_STRING)])
    uid = succeed(proxy.create(enums.ObjectType.SYMMETRIC_KEY, by_name)).uuid
    return client.get(uid).cryptographic_length


# PyKMIP writes a wrapped key with its encoding option, which KMIP 1.0 does not know.
WRAPPING = {
    'wrapping_method': enums.WrappingMethod.ENCRYPT,
    'encoding_option': enums.EncodingOption.NO_ENCODING,
}


def wrapping_key(masks=(Mask.WRAP_KEY, Mask.UNWRAP_KEY)):
    value = os.urandom(32)
    return value, register(key_of(value, masks=masks), active=True)


def key_information(uid):
    return {'unique_identifier': uid, 'cryptographic_parameters': {'block_cipher_mode': Mode.NIST_KEY_WRAP}}


@case
def get_a_key_wrapped():
    outer, wrapper = wrapping_key()
    inner = key_of(os.urandom(32))
    got = client.get(client.register(inner), {**WRAPPING, 'encryption_key_information': key_information(wrapper)})
    return {
        'opens': keywrap.aes_key_unwrap(outer, got.value) == inner.value,
        'method': got.key_wrapping_data['wrapping_method'].name,
        'by': got.key_wrapping_data['encryption_key_information']['unique_identifier'] == wrapper,
    }


@case
def register_a_wrapped_key():
    outer, wrapper = wrapping_key()
    inner = os.urandom(32)
    wrapped = keywrap.aes_key_wrap(outer, inner)
    block = core_objects.KeyBlock(
        key_format_type=misc.KeyFormatType(Format.RAW),
        key_value=WrappedKeyValue(core_objects.KeyMaterial(wrapped)),
        cryptographic_algorithm=attributes.CryptographicAlgorithm(Algorithm.AES),
        cryptographic_length=attributes.CryptographicLength(256),
        key_wrapping_data=core_objects.KeyWrappingData(
            wrapping_method=enums.WrappingMethod.ENCRYPT,
            encoding_option=enums.EncodingOption.NO_ENCODING,
            encryption_key_information=core_objects.EncryptionKeyInformation(
                unique_identifier=wrapper,
                cryptographic_parameters=attributes.CryptographicParameters(block_cipher_mode=Mode.NIST_KEY_WRAP))))
    template = core_objects.TemplateAttribute(attributes=[
        attribute(AttributeType.CRYPTOGRAPHIC_USAGE_MASK, [Mask.ENCRYPT, Mask.DECRYPT])])
    uid = succeed(proxy.register(enums.ObjectType.SYMMETRIC_KEY, template, secrets.SymmetricKey(block))).uuid
    got = client.get(uid)
    return {'as it came': got.value == wrapped, 'says so': bool(got.key_wrapping_data)}


@case
def derive_keys():
    seen = {}
    key_bytes, password, salt, data = os.urandom(32), b'correct horse', os.urandom(16), os.urandom(40)
    base = register(key_of(key_bytes, masks=[Mask.DERIVE_KEY]), active=True)
    phrase = register(secret(password), active=True)

    def derived(uids, method, derivation, kind=enums.ObjectType.SYMMETRIC_KEY):
        uid = client.derive_key(
            kind, uids, method, derivation, cryptographic_length=256, cryptographic_algorithm=Algorithm.AES,
            cryptographic_usage_mask=[Mask.ENCRYPT])
        return client.get(uid).value

    seen['PBKDF2'] = derived([phrase], enums.DerivationMethod.PBKDF2, {
        'cryptographic_parameters': {'hashing_algorithm': Hash.SHA_256}, 'salt': salt, 'iteration_count': 4096,
    }) == hashlib.pbkdf2_hmac('sha256', password, salt, 4096, 32)
    seen['HASH'] = derived([base], enums.DerivationMethod.HASH, {
        'cryptographic_parameters': {'hashing_algorithm': Hash.SHA_256},
    }) == hashlib.sha256(key_bytes).digest()
    seen['HMAC'] = derived([base], enums.DerivationMethod.HMAC, {
        'cryptographic_parameters': {'hashing_algorithm': Hash.SHA_256}, 'derivation_data': data,
    }) == hmac.new(key_bytes, data, 'sha256').digest()
    iv, blocks = os.urandom(16), os.urandom(32)
    encryptor = Cipher(algorithms.AES(key_bytes), modes.CBC(iv)).encryptor()
    seen['ENCRYPT'] = derived([base], enums.DerivationMethod.ENCRYPT, {
        'cryptographic_parameters': {'block_cipher_mode': Mode.CBC, 'padding_method': Padding.NONE},
        'initialization_vector': iv, 'derivation_data': blocks,
    }) == encryptor.update(blocks) + encryptor.finalize()
    counter = {'cryptographic_parameters': {'hashing_algorithm': Hash.SHA_256}, 'derivation_data': data}
    first, second = (derived([base], enums.DerivationMethod.NIST800_108_C, counter) for _ in range(2))
    seen['NIST800_108_C'] = len(first) == 32 and first == second
    seen['secret data'] = derived(
        [base], enums.DerivationMethod.HMAC,
        {'cryptographic_parameters': {'hashing_algorithm': Hash.SHA_256}, 'derivation_data': data},
        enums.ObjectType.SECRET_DATA) == hmac.new(key_bytes, data, 'sha256').digest()
    return seen
