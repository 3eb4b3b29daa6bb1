"""A tiny application for the local stack, written into a folder of the test's own."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from local.front import Front
from local.payload import Request, Response
from local.plan import HIGHEST_PORT, Options, Ports
from tests.contract.service_processes import are_free

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Issuer: { Type: String }
Globals:
  Function:
    Runtime: python3.13
    Layers: [!Ref Shared]
    AutoPublishAlias: live
    Timeout: 1
    Environment:
      Variables:
        TOY_TABLE: !Ref Things
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      Auth:
        EnableIamAuthorizer: true
        DefaultAuthorizer: AWS_IAM
        Authorizers:
          SignIn:
            JwtConfiguration: { issuer: !Ref Issuer, audience: [toy-api] }
      CorsConfiguration:
        AllowOrigins: [http://127.0.0.1:9]
        AllowMethods: [GET]
        AllowHeaders: [authorization]
  Shared:
    Type: AWS::Serverless::LayerVersion
    Properties: { ContentUri: shared }
  Echo:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: echo
      Handler: app.lambda_handler
      Environment:
        Variables:
          TOY_KEY: !GetAtt Key.Arn
      Events:
        Open:
          Type: HttpApi
          Properties: { ApiId: !Ref Api, Method: ANY, Path: "/open/{name}", Auth: { Authorizer: NONE } }
        Machine: { Type: HttpApi, Properties: { ApiId: !Ref Api, Method: PUT, Path: "/machine/{name}" } }
        Person:
          Type: HttpApi
          Properties:
            ApiId: !Ref Api
            Method: GET
            Path: /person
            Auth: { Authorizer: SignIn, AuthorizationScopes: [toy] }
  Broken:
    Type: AWS::Serverless::Function
    Properties: { CodeUri: echo, Handler: nowhere.lambda_handler }
  Consumer:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: consumer
      Handler: app.lambda_handler
      Timeout: 20
      Events:
        Work:
          Type: SQS
          Properties: { Queue: !GetAtt Work.Arn, BatchSize: 10, FunctionResponseTypes: [ReportBatchItemFailures] }
        Tick:
          Type: ScheduleV2
          Properties: { ScheduleExpression: rate(5 minutes) }
  Work:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: 2
      RedrivePolicy: { deadLetterTargetArn: !GetAtt DeadLetters.Arn, maxReceiveCount: 2 }
  DeadLetters: { Type: AWS::SQS::Queue }
  Key: { Type: AWS::KMS::Key, Properties: { EnableKeyRotation: true } }
  Things:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{ AttributeName: PK, AttributeType: S }]
      KeySchema: [{ AttributeName: PK, KeyType: HASH }]
      StreamSpecification: { StreamViewType: KEYS_ONLY }
      TimeToLiveSpecification: { AttributeName: ttl, Enabled: true }
"""

ECHO = """
import os, time
import toy_layer

def lambda_handler(event, context):
    match event.get("pathParameters", {}).get("name"):
        case "sleep": time.sleep(60)
        case "die": os._exit(7)
        case "raise": raise ValueError("said by the function")
        case "home": return {"environment": dict(os.environ), "layer": toy_layer.WORD}
        case "cookies": return {"statusCode": 303, "headers": {"Location": "/there"}, "cookies": ["a=1", "b=2"]}
        case "bytes": return {"statusCode": 200, "body": "AP8=", "isBase64Encoded": True}
        case "malformed": return {"statusCode": "no number"}
        case _: return {"event": event, "arn": context.invoked_function_arn, "pid": os.getpid()}
"""

CONSUMER = """
import os
import boto3

TABLE = boto3.client("dynamodb")

def lambda_handler(event, context):
    if "Records" not in event:
        return {"event": event, "arn": context.invoked_function_arn}
    failures = []
    for record in event["Records"]:
        TABLE.put_item(TableName=os.environ["TOY_TABLE"], Item={
            "PK": {"S": record["body"]},
            "times": {"N": record["attributes"]["ApproximateReceiveCount"]},
            "group": {"S": record["attributes"].get("MessageGroupId", "none")},
            "source": {"S": record["eventSourceARN"]},
        })
        if record["body"].startswith("bad"):
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}
"""


class Issuer:
    """A sign-in service that only publishes its key; the tests make the tokens."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.key = generate_private_key(public_exponent=65537, key_size=2048)
        self._front = Front(port, self._answer)

    def _answer(self, request: Request) -> Response:
        document: dict[str, object] = {"issuer": self.url, "jwks_uri": f"{self.url}/jwks.json"}
        if request.path == "/jwks.json":
            document = {
                "keys": [{**json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key())), "kid": "one"}]
            }
        return Response(200, (("content-type", "application/json"),), json.dumps(document).encode())

    def token(self, key: RSAPrivateKey | None = None, **changed: object) -> str:
        now = int(time.time())
        claims = {"iss": self.url, "aud": "toy-api", "sub": "alice", "scope": "toy more", "iat": now, "exp": now + 60}
        return jwt.encode({**claims, **changed}, key or self.key, "RS256", {"kid": "one"})

    def close(self) -> None:
        self._front.close()


def write_application(folder: Path) -> Path:
    """Write template, layer and functions; give back the template's path."""
    files = {"template.yaml": TEMPLATE, "echo/app.py": ECHO, "consumer/app.py": CONSUMER}
    for name, text in {**files, "shared/python/toy_layer.py": "WORD = 'layered'\n"}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    return folder / "template.yaml"


def options(folder: Path, ports: Ports, issuer: str) -> Options:
    """A stack of the toy application whose schedule fires only when told."""
    return Options(
        run_dir=folder / "run",
        ports=ports,
        template=write_application(folder),
        parameters={"Issuer": issuer},
        environment={"TOY_EXTRA": "given to all"},
        tick_every=0,
    )


def free_ports(start: int) -> Ports:
    """Find seven neighbouring ports that a system may take, from `start` on.

    Tests that run at the same time look in different places.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    possible = range(start + 200 * (worker % 10), HIGHEST_PORT - 7, 100)
    return next(Ports(first) for first in possible if are_free(range(first, first + 7)))


def until(condition: Callable[[], bool], within: float = 30.0) -> None:
    """Wait for something that another process does; fail when it never comes."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        threading.Event().wait(0.05)


def alive(pid: int) -> bool:
    """Whether the process runs; one that has ended and waits to be collected does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"
