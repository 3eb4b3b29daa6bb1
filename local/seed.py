"""What an operator writes into a new table by hand: the row that lets the host speak for teams."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.accounts import HOST

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.type_defs import AttributeValueTypeDef


def operators_rows(dynamodb: DynamoDBClient, table: str) -> None:
    """Let the demo's host speak for every team. The README shows the same call of the AWS command line."""
    row: dict[str, AttributeValueTypeDef] = {
        "PK": {"S": f"H#{HOST.account}#{HOST.role_id}"},
        "SK": {"S": "A"},
        "kind": {"S": "host"},
        "account": {"S": HOST.account},
        "role_id": {"S": HOST.role_id},
        "teams": {"L": [{"S": "*"}]},
    }
    dynamodb.put_item(TableName=table, Item=row)
