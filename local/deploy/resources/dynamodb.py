"""DynamoDB tables without secondary indexes."""

from typing import Any

from typing_extensions import override

from local.deploy.resources.clients import Clients
from local.deploy.resources.handler import Properties, ResourceHandler, changed, names, without


class _Table(ResourceHandler):
    @override
    def _create(self, clients: Clients, inputs: Properties) -> str:
        name = super()._create(clients, inputs)
        if inputs.get("ttl", {}).get("enabled"):
            self._set_ttl(clients, name, inputs["ttl"])
        if inputs.get("pointInTimeRecovery", {}).get("enabled"):
            self._set_recovery(clients, name, inputs)
        return name

    @override
    def _prepared(self, inputs: dict[str, Any]) -> dict[str, Any]:
        keys = {"hashKey": "HASH", "rangeKey": "RANGE"}
        sent = without(inputs, {*keys, "serverSideEncryption", "streamEnabled", "streamViewType"})
        sent["keySchema"] = [{"name": inputs[key], "keyType": kind} for key, kind in keys.items() if key in inputs]
        sent.setdefault("deletionProtectionEnabled", False)
        if inputs.get("streamEnabled"):
            sent["streamSpecification"] = _stream(inputs)
        if "serverSideEncryption" in inputs:
            sent["sseSpecification"] = _encryption(inputs)
        return sent

    @override
    def _read(self, clients: Clients, resource_id: str, state: Properties) -> Properties:
        properties = super()._read(clients, resource_id, state)
        dynamodb = clients.dynamodb
        backups = dynamodb.describe_continuous_backups(TableName=resource_id)["ContinuousBackupsDescription"]
        recovery = backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus")
        properties = {**properties, "pointInTimeRecovery": {"enabled": recovery == "ENABLED"}}
        ttl = dynamodb.describe_time_to_live(TableName=resource_id)["TimeToLiveDescription"]
        if ttl.get("TimeToLiveStatus") in {"ENABLED", "ENABLING"}:
            properties["ttl"] = {"attributeName": ttl.get("AttributeName"), "enabled": True}
        return properties

    @override
    def _described(self, properties: dict[str, Any], returned: Properties, state: Properties) -> dict[str, Any]:
        keys = {each["keyType"]: each["name"] for each in returned["keySchema"]}
        stream = returned.get("streamSpecification", {})
        properties |= {
            "hashKey": keys["HASH"],
            "billingMode": returned.get("billingModeSummary", {}).get("billingMode", "PROVISIONED"),
            "streamEnabled": stream.get("streamEnabled", False),
        }
        if "RANGE" in keys:
            properties["rangeKey"] = keys["RANGE"]
        if properties["streamEnabled"]:
            properties |= {
                "streamViewType": stream.get("streamViewType"),
                "streamArn": returned.get("latestStreamArn"),
                "streamLabel": returned.get("latestStreamLabel"),
            }
        return properties

    @override
    def _update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        def update(name: str, value: Any) -> None:
            self.send(clients, "UpdateTable", {"name": resource_id}, {name: value})

        # One thing per call: DynamoDB refuses to change two of these at once.
        if changed(old, new, "billingMode"):
            update("billingMode", new["billingMode"])
        if changed(old, new, "deletionProtectionEnabled"):
            update("deletionProtectionEnabled", new.get("deletionProtectionEnabled", False))
        if changed(old, new, "serverSideEncryption"):
            update("sseSpecification", _encryption(new))
        if bool(old.get("streamEnabled")) != bool(new.get("streamEnabled")) or changed(old, new, "streamViewType"):
            # A stream's view can't be changed: the old stream ends, another begins.
            if old.get("streamEnabled"):
                update("streamSpecification", {"streamEnabled": False})
            if new.get("streamEnabled"):
                update("streamSpecification", _stream(new))
        if changed(old, new, "ttl"):
            self._set_ttl(clients, resource_id, new.get("ttl") or {**old["ttl"], "enabled": False})
        if changed(old, new, "pointInTimeRecovery"):
            self._set_recovery(clients, resource_id, new)
        self._change_tags(clients, resource_id, old, new)

    def _set_ttl(self, clients: Clients, table_name: str, ttl: Properties) -> None:
        clients.dynamodb.update_time_to_live(
            TableName=table_name,
            TimeToLiveSpecification={"Enabled": ttl.get("enabled", False), "AttributeName": ttl["attributeName"]},
        )

    def _set_recovery(self, clients: Clients, table_name: str, inputs: Properties) -> None:
        enabled = bool(inputs.get("pointInTimeRecovery", {}).get("enabled", False))
        clients.dynamodb.update_continuous_backups(
            TableName=table_name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": enabled}
        )


def _stream(inputs: Properties) -> dict[str, Any]:
    return {"streamEnabled": True, "streamViewType": inputs["streamViewType"]}


def _encryption(inputs: Properties) -> dict[str, Any]:
    encryption = inputs.get("serverSideEncryption", {"enabled": False})
    specification: dict[str, Any] = {"enabled": encryption["enabled"]}
    if encryption["enabled"]:
        specification["sseType"] = "KMS"
    if "kmsKeyArn" in encryption:
        specification["kmsMasterKeyId"] = encryption["kmsKeyArn"]
    return specification


HANDLERS = (
    _Table(
        pulumi_type="aws:dynamodb/table:Table",
        client="dynamodb",
        required=names("attributes billingMode hashKey name"),
        optional=names(
            "deletionProtectionEnabled pointInTimeRecovery rangeKey serverSideEncryption streamEnabled streamViewType "
            "tags ttl"
        ),
        replace_on=names("hashKey name rangeKey"),
        recomputed=dict.fromkeys(("streamEnabled", "streamViewType"), names("streamArn streamLabel")),
        by_hand=names("pointInTimeRecovery ttl"),
        create_operation="CreateTable",
        read_operation="DescribeTable",
        update_operation="UpdateTable",
        delete_operation="DeleteTable",
        id="{name}",
        identity={"TableName": "{name}", "ResourceArn": "{arn}"},
        result="table",
        renamed={
            "AttributeDefinitions": "attributes",
            "AttributeName": "name",
            "AttributeType": "type",
            "TableName": "name",
        },
        absent={"deletionProtectionEnabled": False},
        outputs={"arn": "{tableArn}"},
        tag_operations=("ListTagsOfResource", "TagResource", "UntagResource"),
    ),
)
