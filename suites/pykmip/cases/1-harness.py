# What the cases share. Each case is a function that makes the objects it needs and returns what it saw, as JSON can say
# it; what PyKMIP raised is said in its place. The files of this folder are joined, in order, into one script that has
# `client`, `connect`, `parameters`, `enums`, `objects`, `json` and `emit` already.
import functools, hashlib, hmac, time
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, keywrap, serialization
from cryptography.hazmat.primitives import padding as block_padding
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from kmip.core import attributes, misc, primitives, secrets
from kmip.core import exceptions as core_exceptions
from kmip.core import objects as core_objects
from kmip.core.factories.attributes import AttributeFactory
from kmip.core.factories.payloads.response import ResponsePayloadFactory
from kmip.core.messages import contents, messages, payloads
from kmip.pie import exceptions as pie_exceptions

Algorithm = enums.CryptographicAlgorithm
AttributeType = enums.AttributeType
Format = enums.KeyFormatType
Hash = enums.HashingAlgorithm
Mask = enums.CryptographicUsageMask
Mode = enums.BlockCipherMode
Padding = enums.PaddingMethod
Reason = enums.RevocationReasonCode

proxy = client.proxy
attribute = AttributeFactory().create_attribute
version = client.kmip_version
CASES = []

# PyKMIP has the payloads of these operations, and leaves them out where it reads a response.
for _name in ('archive', 'recover', 'obtain_lease'):
    _class = ''.join(word.capitalize() for word in _name.split('_')) + 'ResponsePayload'
    setattr(ResponsePayloadFactory, '_create_%s_payload' % _name,
            functools.partialmethod(lambda self, cls: cls(), getattr(payloads, _class)))


# A wrapped Key Value is a byte string (KMIP 1.4 §2.1.4); PyKMIP reads and writes a structure in its place.
_read_structure = core_objects.KeyValue.read


def _read_key_value(self, stream, kmip_version=version):
    if not self.is_type_next(enums.Types.BYTE_STRING, stream):
        return _read_structure(self, stream, kmip_version=kmip_version)
    value = primitives.ByteString(tag=enums.Tags.KEY_VALUE)
    value.read(stream, kmip_version=kmip_version)
    self.key_material = core_objects.KeyMaterial(value.value)
    self.attributes = []


core_objects.KeyValue.read = _read_key_value


class WrappedKeyValue(core_objects.KeyValue):
    def write(self, stream, kmip_version=version):
        primitives.ByteString(self.key_material.value, tag=enums.Tags.KEY_VALUE).write(stream, kmip_version)


def case(function):
    CASES.append(function)
    return function


def outcome(run):
    """What it returned; or `refused` and the Result Reason; or `raised` and what PyKMIP stumbled over."""
    try:
        return run()
    except (pie_exceptions.KmipOperationFailure, core_exceptions.OperationFailure) as error:
        if not (error.message if hasattr(error, 'message') else str(error)):
            return {'raised': 'a refusal without a message'}
        return {'refused': error.reason.name}
    except Exception as error:
        return {'raised': '%s: %s' % (type(error).__name__, error)}


def run_cases():
    wanted = parameters.get('cases')
    for function in CASES:
        name = function.__name__.replace('_', ' ')
        if wanted is None or name in wanted:
            emit({'case': name, 'saw': outcome(function)})


def fresh(prefix='pykmip'):
    """A Name that no other object has."""
    return '%s-%s' % (prefix, os.urandom(6).hex())


def succeed(result):
    """For the lower client, which returns failures."""
    get = result.get if isinstance(result, dict) else lambda key: getattr(getattr(result, key), 'value', None)
    if get('result_status') != enums.ResultStatus.SUCCESS:
        raise pie_exceptions.KmipOperationFailure(
            get('result_status'), get('result_reason'), get('result_message'))
    return result


def exchange(operation, *requests):
    """Sends payloads of one operation, or (operation, payload) pairs, as one batch; returns the answers' payloads."""
    pairs = [request if isinstance(request, tuple) else (operation, request) for request in requests]
    items = [messages.RequestBatchItem(
        operation=contents.Operation(each),
        unique_batch_item_id=contents.UniqueBatchItemID(bytes([index + 1])) if len(pairs) > 1 else None,
        request_payload=payload) for index, (each, payload) in enumerate(pairs)]
    response = proxy._send_and_receive_message(proxy._build_request_message(None, items))
    for item in response.batch_items:
        if item.result_status.value != enums.ResultStatus.SUCCESS:
            raise core_exceptions.OperationFailure(
                item.result_status.value, item.result_reason.value, item.result_message.value)
    answers = [item.response_payload for item in response.batch_items]
    return answers if len(answers) > 1 else answers[0]


def aes(length=256, masks=(Mask.ENCRYPT, Mask.DECRYPT), active=True, name=None, algorithm=Algorithm.AES):
    uid = client.create(algorithm, length, name=name or fresh(), cryptographic_usage_mask=list(masks))
    if active:
        client.activate(uid)
    return uid


def register(value, active=False):
    uid = client.register(value)
    if active:
        client.activate(uid)
    return uid


def key_of(value, masks=(Mask.ENCRYPT, Mask.DECRYPT), algorithm=Algorithm.AES):
    return objects.SymmetricKey(algorithm, len(value) * 8, value, masks=list(masks), name=fresh())


def secret(value, masks=(Mask.DERIVE_KEY,), kind=enums.SecretDataType.PASSWORD):
    return objects.SecretData(value, kind, masks=list(masks), name=fresh())


def create_with(*given, object_type=enums.ObjectType.SYMMETRIC_KEY):
    """Create with attributes that the simple client does not offer."""
    template = core_objects.TemplateAttribute(attributes=[
        attribute(AttributeType.CRYPTOGRAPHIC_ALGORITHM, Algorithm.AES),
        attribute(AttributeType.CRYPTOGRAPHIC_LENGTH, 256),
        attribute(AttributeType.CRYPTOGRAPHIC_USAGE_MASK, [Mask.ENCRYPT, Mask.DECRYPT]),
        *given])
    return succeed(proxy.create(object_type, template)).uuid


def modify(uid, kind, value, index=None):
    """The instance of that index in KMIP 1; the only one in KMIP 2."""
    if version < enums.KMIPVersion.KMIP_2_0:
        return client.modify_attribute(uid, attribute=attribute(kind, value, index))
    tag = enums.convert_attribute_name_to_tag(kind.value)
    tagged = client.attribute_value_factory.create_attribute_value_by_enum(tag, value)
    return client.modify_attribute(uid, new_attribute=core_objects.NewAttribute(tagged))


def plain(value):
    """An attribute's value as JSON can say it."""
    if isinstance(value, primitives.Enumeration):
        return value.value.name
    if isinstance(value, attributes.Name):
        return value.name_value.value
    if isinstance(value, attributes.ApplicationSpecificInformation):
        return [value.application_namespace, value.application_data]
    if isinstance(value, core_objects.Attribute):
        return plain(value.attribute_value)
    return value.value if hasattr(value, 'value') else str(value)


def attributes_of(uid, *names):
    """Name to value; to a list of values where there are several."""
    found = {}
    for one in client.get_attributes(uid, list(names) or None)[1]:
        found.setdefault(one.attribute_name.value, []).append(plain(one.attribute_value))
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def state_of(uid):
    return attributes_of(uid, 'State')['State']


@functools.lru_cache(maxsize=None)
def rsa_pair(purpose):
    """Public and private UID of an active pair: made once for each purpose, since that takes long."""
    masks = {'cipher': ([Mask.ENCRYPT], [Mask.DECRYPT]), 'signature': ([Mask.VERIFY], [Mask.SIGN])}[purpose]
    public, private = client.create_key_pair(
        Algorithm.RSA, 2048, public_name=fresh('public'), public_usage_mask=masks[0],
        private_name=fresh('private'), private_usage_mask=masks[1])
    client.activate(public)
    client.activate(private)
    return public, private


@functools.lru_cache(maxsize=None)
def own_rsa():
    return rsa.generate_private_key(65537, 2048)


def private_of(value):
    return serialization.load_der_private_key(value, None)


def public_of(value, key_format):
    """`cryptography` reads X.509 and PKCS#1 alike."""
    return serialization.load_der_public_key(value)


def der(key, key_format):
    """A key of `cryptography` in a format of KMIP's."""
    if isinstance(key, rsa.RSAPublicKey):
        public = {Format.PKCS_1: serialization.PublicFormat.PKCS1,
                  Format.X_509: serialization.PublicFormat.SubjectPublicKeyInfo}
        return key.public_bytes(serialization.Encoding.DER, public[key_format])
    private = {Format.PKCS_1: serialization.PrivateFormat.TraditionalOpenSSL,
               Format.PKCS_8: serialization.PrivateFormat.PKCS8}
    return key.private_bytes(serialization.Encoding.DER, private[key_format], serialization.NoEncryption())
