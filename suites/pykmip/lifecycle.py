# A key's whole life as PyKMIP sees it. `client` is an open ProxyKmipClient; `emit` hands results to the test.
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from kmip.core.attributes import Name
from kmip.core.factories.attributes import AttributeFactory

name = 'pykmip-' + os.urandom(4).hex()
plain = b'sixteen byte msg and some more'

uid = client.create(
    enums.CryptographicAlgorithm.AES, 256, name=name,
    cryptographic_usage_mask=[enums.CryptographicUsageMask.ENCRYPT, enums.CryptographicUsageMask.DECRYPT])
emit({'create': uid})

client.activate(uid)
key = client.get(uid)
emit({'get': [key.cryptographic_algorithm.name, key.cryptographic_length, len(key.value)]})

# KMIP 1.0 and 1.1 have no Encrypt and no Decrypt.
if client.kmip_version not in (enums.KMIPVersion.KMIP_1_0, enums.KMIPVersion.KMIP_1_1):
    parameters = {
        'cryptographic_algorithm': enums.CryptographicAlgorithm.AES,
        'block_cipher_mode': enums.BlockCipherMode.CBC,
        'padding_method': enums.PaddingMethod.PKCS5,
    }
    iv = os.urandom(16)
    ciphertext, _ = client.encrypt(plain, uid=uid, cryptographic_parameters=parameters, iv_counter_nonce=iv)
    opened = client.decrypt(ciphertext, uid=uid, cryptographic_parameters=parameters, iv_counter_nonce=iv)
    emit({'cipher': [ciphertext != plain, opened == plain]})

    decryptor = Cipher(algorithms.AES(key.value), modes.CBC(iv)).decryptor()
    padded = decryptor.update(ciphertext) + decryptor.finalize()
    emit({'sameCipher': padded[:-padded[-1]] == plain})

located = client.locate(attributes=[AttributeFactory().create_attribute(
    enums.AttributeType.NAME,
    Name.create(name, enums.NameType.UNINTERPRETED_TEXT_STRING))])
emit({'locate': located == [uid]})

_, attributes = client.get_attributes(uid, ['State', 'Cryptographic Length'])
emit({'attributes': sorted(a.attribute_name.value for a in attributes)})
emit({'attributeList': 'State' in client.get_attribute_list(uid)})

successor = client.rekey(uid=uid)
emit({'rekey': successor != uid})

client.revoke(enums.RevocationReasonCode.CESSATION_OF_OPERATION, uid=uid)
_, attributes = client.get_attributes(uid, ['State'])
emit({'state': str(attributes[0].attribute_value.value)})

client.destroy(uid)
try:
    client.get(uid)
    emit({'destroyed': False})
except Exception as error:
    emit({'destroyed': str(error)})
