# Cryptographic operations, each compared with `cryptography`.


def pkcs7(data):
    padder = block_padding.PKCS7(128).padder()
    return padder.update(data) + padder.finalize()


def ciphered(key, mode, data):
    encryptor = Cipher(algorithms.AES(key), mode).encryptor()
    return encryptor.update(data) + encryptor.finalize()


@case
def encrypt_and_decrypt():
    key, data = os.urandom(32), b'sixteen byte msg and some more'
    uid = register(key_of(key), active=True)
    iv = os.urandom(16)
    table = {
        'CBC': (Mode.CBC, Padding.PKCS5, modes.CBC(iv), pkcs7(data)),
        'ECB': (Mode.ECB, Padding.PKCS5, modes.ECB(), pkcs7(data)),
        'CTR': (Mode.CTR, None, modes.CTR(iv), data),
        'CFB': (Mode.CFB, None, modes.CFB(iv), data),
        'OFB': (Mode.OFB, None, modes.OFB(iv), data),
    }
    seen = {}
    for name, (mode, padding_method, theirs, input_data) in table.items():
        settings = {'cryptographic_algorithm': Algorithm.AES, 'block_cipher_mode': mode, 'padding_method': padding_method}
        nonce = None if mode is Mode.ECB else iv

        def both():
            sealed, _ = client.encrypt(data, uid=uid, cryptographic_parameters=settings, iv_counter_nonce=nonce)
            opened = client.decrypt(sealed, uid=uid, cryptographic_parameters=settings, iv_counter_nonce=nonce)
            return [sealed == ciphered(key, theirs, input_data), opened == data]
        seen[name] = outcome(both)
    return seen


@case
def encrypt_with_an_IV_of_the_server():
    uid = aes()
    settings = {'cryptographic_algorithm': Algorithm.AES, 'block_cipher_mode': Mode.CBC,
                'padding_method': Padding.PKCS5, 'random_iv': True}
    sealed, iv = client.encrypt(b'attack at dawn', uid=uid, cryptographic_parameters=settings)
    again, another = client.encrypt(b'attack at dawn', uid=uid, cryptographic_parameters=settings)
    opened = client.decrypt(sealed, uid=uid, cryptographic_parameters=settings, iv_counter_nonce=iv)
    return [len(iv), iv != another and sealed != again, opened == b'attack at dawn']


@case
def encrypt_with_GCM():
    key, data, extra, nonce = os.urandom(32), b'attack at dawn', b'header', os.urandom(12)
    uid = register(key_of(key), active=True)
    settings = client._build_cryptographic_parameters({
        'cryptographic_algorithm': Algorithm.AES, 'block_cipher_mode': Mode.GCM, 'tag_length': 16})
    sealed = exchange(enums.Operation.ENCRYPT, payloads.EncryptRequestPayload(
        unique_identifier=uid, cryptographic_parameters=settings, data=data, iv_counter_nonce=nonce,
        auth_additional_data=extra))
    expected = AESGCM(key).encrypt(nonce, data, extra)

    def opened(tag):
        return exchange(enums.Operation.DECRYPT, payloads.DecryptRequestPayload(
            unique_identifier=uid, cryptographic_parameters=settings, data=sealed.data, iv_counter_nonce=nonce,
            auth_additional_data=extra, auth_tag=tag)).data == data
    spoilt = bytes([sealed.auth_tag[0] ^ 1]) + sealed.auth_tag[1:]
    return {
        'same': sealed.data + sealed.auth_tag == expected,
        'opens': opened(sealed.auth_tag),
        'spoilt': outcome(lambda: opened(spoilt)),
    }


@case
def encrypt_with_RSA():
    public, private = rsa_pair('cipher')
    key = public_of(client.get(public).value, None)
    data, seen = b'a session key', {}
    table = {
        'OAEP SHA-1': ({'padding_method': Padding.OAEP, 'hashing_algorithm': Hash.SHA_1},
                       padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)),
        'PKCS1 v1.5': ({'padding_method': Padding.PKCS1v15}, padding.PKCS1v15()),
    }
    for name, (settings, theirs) in table.items():
        settings['cryptographic_algorithm'] = Algorithm.RSA

        def both():
            sealed, _ = client.encrypt(data, uid=public, cryptographic_parameters=settings)
            return [client.decrypt(value, uid=private, cryptographic_parameters=settings) == data
                    for value in (sealed, key.encrypt(data, theirs))]
        seen[name] = outcome(both)
    return seen


@case
def sign_and_verify():
    public, private = rsa_pair('signature')
    key = public_of(client.get(public).value, None)
    message, seen = b'pay nobody anything', {}
    sha = hashes.SHA256()
    # KMIP 1.4 §3.6 brought a hash of the mask's own, whose default is SHA-1; before, it is the hash of the message.
    mask = hashes.SHA1() if version >= enums.KMIPVersion.KMIP_1_4 else sha
    table = {
        'PKCS1 v1.5': ({'padding_method': Padding.PKCS1v15, 'hashing_algorithm': Hash.SHA_256,
                        'cryptographic_algorithm': Algorithm.RSA}, padding.PKCS1v15()),
        'by signature algorithm': ({
            'digital_signature_algorithm': enums.DigitalSignatureAlgorithm.SHA256_WITH_RSA_ENCRYPTION,
            'padding_method': Padding.PKCS1v15}, padding.PKCS1v15()),
        'PSS': ({'digital_signature_algorithm': enums.DigitalSignatureAlgorithm.RSASSA_PSS,
                 'hashing_algorithm': Hash.SHA_256, 'padding_method': Padding.PSS},
                padding.PSS(padding.MGF1(mask), padding.PSS.AUTO)),
    }
    for name, (settings, theirs) in table.items():
        def both():
            signature = client.sign(message, uid=private, cryptographic_parameters=settings)
            key.verify(signature, message, theirs, sha)
            return [client.signature_verify(text, signature, uid=public, cryptographic_parameters=settings).name
                    for text in (message, message + b'!')]
        seen[name] = outcome(both)
    return seen


@case
def sign_with_an_EC_key():
    public, private = client.create_key_pair(
        Algorithm.EC, 256, public_usage_mask=[Mask.VERIFY], private_usage_mask=[Mask.SIGN])
    for uid in (public, private):
        client.activate(uid)
    got = succeed(proxy.get(public, key_format_type=misc.KeyFormatType(Format.X_509))).secret
    key = public_of(got.key_block.key_value.key_material.value, Format.X_509)
    settings = {'digital_signature_algorithm': enums.DigitalSignatureAlgorithm.ECDSA_WITH_SHA256}
    signature = client.sign(b'message', uid=private, cryptographic_parameters=settings)
    key.verify(signature, b'message', ec.ECDSA(hashes.SHA256()))
    return client.signature_verify(b'message', signature, uid=public, cryptographic_parameters=settings).name


@case
def make_a_MAC():
    seen = {}
    for algorithm, name in ((Algorithm.HMAC_SHA1, 'sha1'), (Algorithm.HMAC_SHA256, 'sha256'),
                            (Algorithm.HMAC_SHA512, 'sha512')):
        def compare():
            key = os.urandom(32)
            uid = register(key_of(key, masks=[Mask.MAC_GENERATE, Mask.MAC_VERIFY], algorithm=algorithm), active=True)
            answered, mac = client.mac(b'message', uid, algorithm)
            return answered == uid and mac == hmac.new(key, b'message', name).digest()
        seen[name] = outcome(compare)
    return seen
