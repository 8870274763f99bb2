"""Writes of UserKeys' items, for a transaction: a key is claimed, released, or held to be another user's.

Whoever writes there writes so, hence no key is taken from the user who holds it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from functions.users.transaction import Item

_FREE_OR_OWN = "attribute_not_exists(userId) OR userId = :owner"


def claim_key(table: str, key: str, owner: str) -> TransactWriteItemTypeDef:
    """Make a key the owner's; refused where it is another user's."""
    return {
        "Put": {
            "TableName": table,
            "Item": {"key": {"S": key}, "userId": {"S": owner}},
            "ConditionExpression": _FREE_OR_OWN,
            "ExpressionAttributeValues": {":owner": {"S": owner}},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    }


def release_key(table: str, key: str, owner: str) -> TransactWriteItemTypeDef:
    """Free a key; refused, with the item that is there, where it is another user's."""
    return {
        "Delete": {
            "TableName": table,
            "Key": {"key": {"S": key}},
            "ConditionExpression": _FREE_OR_OWN,
            "ExpressionAttributeValues": {":owner": {"S": owner}},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    }


def hold_key(table: str, item: Item) -> TransactWriteItemTypeDef:
    """Write another user's key as it is; refused, with what is there, where it is no longer theirs.

    A condition check would do the same, but for it a role needs one more permission.
    """
    return {
        "Put": {
            "TableName": table,
            "Item": item,
            "ConditionExpression": "userId = :other",
            "ExpressionAttributeValues": {":other": item["userId"]},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    }
