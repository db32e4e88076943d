# As lifecycle.py, for clients that speak KMIP 1.0: it has no Encrypt and no Decrypt.
name = 'pykmip-' + os.urandom(4).hex()

uid = client.create(
    enums.CryptographicAlgorithm.AES, 256, name=name,
    cryptographic_usage_mask=[enums.CryptographicUsageMask.ENCRYPT, enums.CryptographicUsageMask.DECRYPT])
emit({'create': uid})

client.activate(uid)
key = client.get(uid)
emit({'get': [key.cryptographic_algorithm.name, key.cryptographic_length, len(key.value)]})

from kmip.core.factories.attributes import AttributeFactory
located = client.locate(attributes=[AttributeFactory().create_attribute(
    enums.AttributeType.NAME,
    __import__('kmip.core.attributes', fromlist=['Name']).Name.create(name, enums.NameType.UNINTERPRETED_TEXT_STRING))])
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
