"""Drives the double of AWS KMS by boto3, and holds every raw answer against botocore's service model.

Usage: aws-kms-model.py URL REGION ACCESS_KEY_ID SECRET_ACCESS_KEY_VARIABLE. Prints one line per operation that was held
against the model; exits with 1 and a reason at the first answer that does not follow it.
"""
import base64
import json
import os
import sys

import boto3
import botocore.exceptions
from botocore.config import Config

url, region, access_key, secret_variable = sys.argv[1:5]
# What any AWS service may answer, whatever the operation (KMS API reference, "Common Errors").
COMMON = {"AccessDeniedException", "ThrottlingException", "ValidationException", "UnrecognizedClientException"}

client = boto3.client(
    "kms", region_name=region, endpoint_url=url, aws_access_key_id=access_key,
    aws_secret_access_key=os.environ[secret_variable], config=Config(retries={"max_attempts": 0}))
checked = {}


def fail(text):
    print(text, file=sys.stderr)
    sys.exit(1)


def check(shape, value, path):
    kind = shape.type_name
    if kind == "structure":
        if not isinstance(value, dict):
            fail(f"{path}: no structure")
        for name in shape.required_members:
            if name not in value:
                fail(f"{path}.{name} is required and missing")
        for name, member in value.items():
            if name not in shape.members:
                fail(f"{path}.{name} is not in the model")
            check(shape.members[name], member, f"{path}.{name}")
    elif kind == "list":
        for index, member in enumerate(value):
            check(shape.member, member, f"{path}[{index}]")
    elif kind == "string":
        if not isinstance(value, str):
            fail(f"{path}: no string")
        if shape.enum and value not in shape.enum:
            fail(f"{path}: {value} is not one of {shape.enum}")
    elif kind == "boolean":
        if not isinstance(value, bool):
            fail(f"{path}: no boolean")
    elif kind in ("integer", "long"):
        if isinstance(value, bool) or not isinstance(value, int):
            fail(f"{path}: no integer")
    elif kind == "timestamp":
        if not isinstance(value, (int, float)):
            fail(f"{path}: no timestamp as a number")
    elif kind == "blob":
        base64.b64decode(value, validate=True)
    else:
        fail(f"{path}: the model has a {kind} here, which is not checked")


def on_answer(http_response, parsed, model, **_):
    body = json.loads(http_response.content or b"{}")
    if http_response.status_code >= 300:
        code = body.get("__type")
        declared = {shape.metadata.get("error", {}).get("code", shape.name) for shape in model.error_shapes}
        declared |= {shape.name for shape in model.error_shapes}
        if code not in declared | COMMON:
            fail(f"{model.name}: the error {code} is not in the model")
        checked[model.name + " " + code] = True
        return
    # What has no output in the model answers nothing.
    if model.output_shape is None:
        if body != {}:
            fail(f"{model.name}: an answer where the model has none")
    else:
        check(model.output_shape, body, model.name)
    checked[model.name] = True


client.meta.events.register("after-call.kms", on_answer)


def refused(code, call):
    try:
        call()
    except botocore.exceptions.ClientError as error:
        if error.response["Error"]["Code"] != code:
            fail(f"expected {code}, not {error.response['Error']}")
        return
    fail(f"expected {code}, and it was done")


key = client.create_key(Description="made by boto3")["KeyMetadata"]["Arn"]
other = client.create_key()["KeyMetadata"]["KeyId"]
client.create_alias(AliasName="alias/boto", TargetKeyId=other)
assert client.describe_key(KeyId="alias/boto")["KeyMetadata"]["KeyId"] == other
assert client.list_keys(Limit=10)["Keys"]
context = {"openkcm:use": "link-secret"}
made = client.generate_data_key(KeyId=key, KeySpec="AES_256", EncryptionContext=context)
opened = client.decrypt(KeyId=key, CiphertextBlob=made["CiphertextBlob"], EncryptionContext=context)
assert opened["Plaintext"] == made["Plaintext"] and len(made["Plaintext"]) == 32
blob = client.encrypt(KeyId=key, Plaintext=b"x" * 32)["CiphertextBlob"]
assert client.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x" * 32
refused("InvalidCiphertextException", lambda: client.decrypt(KeyId=key, CiphertextBlob=made["CiphertextBlob"]))
refused("IncorrectKeyException", lambda: client.decrypt(KeyId=other, CiphertextBlob=blob))
refused("NotFoundException", lambda: client.describe_key(KeyId="alias/none"))
client.disable_key(KeyId=key)
refused("DisabledException", lambda: client.generate_data_key(KeyId=key, KeySpec="AES_256"))
client.enable_key(KeyId=key)
client.schedule_key_deletion(KeyId=key, PendingWindowInDays=30)
refused("KMSInvalidStateException", lambda: client.generate_data_key(KeyId=key, KeySpec="AES_256"))
client.cancel_key_deletion(KeyId=key)

external = client.create_key(Origin="EXTERNAL")["KeyMetadata"]["Arn"]
refused("KMSInvalidStateException", lambda: client.generate_data_key(KeyId=external, KeySpec="AES_256"))
parameters = client.get_parameters_for_import(
    KeyId=external, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048")
refused("InvalidImportTokenException", lambda: client.import_key_material(
    KeyId=external, ImportToken=b"none", EncryptedKeyMaterial=b"x" * 256,
    ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE"))
refused("InvalidCiphertextException", lambda: client.import_key_material(
    KeyId=external, ImportToken=parameters["ImportToken"], EncryptedKeyMaterial=b"x" * 256,
    ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE"))
refused("UnsupportedOperationException", lambda: client.get_parameters_for_import(
    KeyId=key, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048"))

for name in sorted(checked):
    print(name)
