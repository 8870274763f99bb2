"""ACM certificates and Route 53 records."""

from typing import Any

from typing_extensions import override

from local.aws_clients import Clients
from local.deploy.handler import Draft, Properties, ResourceHandler, missing
from local.deploy.values import names, tag_changes


def _region_of(arn: str) -> str:
    return arn.split(":")[3]


class _Certificate(ResourceHandler):
    """A certificate in the region of its input, or in the region of its ARN."""

    @override
    def _create(self, clients: Clients, inputs: Properties) -> str:
        region = inputs.get("region") or _region_of(inputs.get("certificateArn", f":::{clients.region}"))
        return super()._create(clients.in_region(region), inputs)

    @override
    def _read(self, clients: Clients, resource_id: str, state: Properties) -> Properties:
        return super()._read(clients.in_region(_region_of(resource_id)), resource_id, state)

    @override
    def _update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        super()._update(clients.in_region(_region_of(resource_id)), resource_id, old, new)

    @override
    def _delete(self, clients: Clients, resource_id: str, state: Properties) -> None:
        super()._delete(clients.in_region(_region_of(resource_id)), resource_id, state)

    @override
    def _change_tags(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        removed, added = tag_changes(old, new)
        _, set_operation, remove_operation = self.tag_operations
        values = self._known(clients, resource_id)
        if removed:
            # ACM removes tags by key and value.
            self.send(clients, remove_operation, values, {"tags": {key: old["tags"][key] for key in removed}})
        if added:
            self.send(clients, set_operation, values, {"tags": added})


def _certificate_from_service(properties: Draft, returned: Properties, _state: Properties) -> Draft:
    options = [
        {
            "domainName": each["domainName"],
            **{f"resourceRecord{name}": each["resourceRecord"][name.lower()] for name in _RECORD},
        }
        for each in returned["domainValidationOptions"]
    ]
    return {**properties, "domainValidationOptions": options}


_RECORD = ("Name", "Type", "Value")


class _Record(ResourceHandler):
    """A record set, which is changed as part of a batch of its zone."""

    @override
    def _create(self, clients: Clients, inputs: Properties) -> str:
        self._change(clients, "UPSERT" if inputs.get("allowOverwrite") else "CREATE", inputs)
        return f"{inputs['zoneId']}_{inputs['name']}_{inputs['type']}"

    @override
    def _read(self, clients: Clients, resource_id: str, state: Properties) -> Properties:
        zone, name, record_type = resource_id.split("_", 1)[0], *resource_id.split("_", 1)[1].rsplit("_", 1)
        pages = clients.route53.get_paginator("list_resource_record_sets").paginate(HostedZoneId=zone)
        for found in (each for page in pages for each in page["ResourceRecordSets"]):
            if (_absolute(found["Name"]), found["Type"]) == (_absolute(name), record_type):
                return {
                    "zoneId": zone,
                    "name": name,
                    "type": record_type,
                    "fqdn": name.removesuffix("."),
                    **({"allowOverwrite": state["allowOverwrite"]} if "allowOverwrite" in state else {}),
                    **_values_from_service(found),
                }
        raise missing(self.operation.read, resource_id)

    @override
    def _update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        self._change(clients, "UPSERT", new)

    @override
    def _delete(self, clients: Clients, resource_id: str, state: Properties) -> None:
        # Route 53 deletes a record only with the values that it has.
        self._change(clients, "DELETE", self._read(clients, resource_id, state))

    def _change(self, clients: Clients, action: str, record: Properties) -> None:
        record_set: Draft = {"Name": record["name"], "Type": record["type"]}
        if record.get("aliases"):
            (alias,) = record["aliases"]
            record_set["AliasTarget"] = {
                "DNSName": alias["name"],
                "HostedZoneId": alias["zoneId"],
                "EvaluateTargetHealth": alias["evaluateTargetHealth"],
            }
        else:
            record_set |= {"TTL": record["ttl"], "ResourceRecords": [{"Value": each} for each in record["records"]]}
        clients.route53.change_resource_record_sets(
            HostedZoneId=record["zoneId"],
            ChangeBatch={"Changes": [{"Action": action, "ResourceRecordSet": record_set}]},
        )


def _values_from_service(found: Any) -> Draft:
    if alias := found.get("AliasTarget"):
        target = {"name": alias["DNSName"].removesuffix("."), "zoneId": alias["HostedZoneId"]}
        return {"aliases": [{**target, "evaluateTargetHealth": alias["EvaluateTargetHealth"]}]}
    return {"ttl": found["TTL"], "records": [each["Value"] for each in found["ResourceRecords"]]}


def _absolute(name: str) -> str:
    return f"{name.removesuffix('.')}."


HANDLERS = (
    _Certificate(
        pulumi_type="aws:acm/certificate:Certificate",
        operations="RequestCertificate DescribeCertificate - DeleteCertificate",
        required=names("domainName validationMethod"),
        optional=names("region tags"),
        immutable=names("domainName region validationMethod"),
        write_only=names("region validationMethod"),
        unsent=names("region"),
        id="{certificateArn}",
        result="certificate",
        outputs={"arn": "{certificateArn}", "status": "{status}"},
        from_service=_certificate_from_service,
        tag_operations=("ListTagsForCertificate", "AddTagsToCertificate", "RemoveTagsFromCertificate"),
    ),
    # Nothing in the account: on AWS its creation waits until the certificate is issued.
    _Certificate(
        pulumi_type="aws:acm/certificateValidation:CertificateValidation",
        operations="DescribeCertificate DescribeCertificate - -",
        required=names("certificateArn"),
        optional=names("region validationRecordFqdns"),
        immutable=names("region validationRecordFqdns"),
        write_only=names("region validationRecordFqdns"),
        unsent=names("region validationRecordFqdns"),
        id="{certificateArn}",
        tag_operations=("", "", ""),
    ),
    _Record(
        pulumi_type="aws:route53/record:Record",
        operations="ChangeResourceRecordSets ListResourceRecordSets - -",
        required=names("name type zoneId"),
        optional=names("aliases allowOverwrite records ttl"),
        immutable=names("name type zoneId"),
        id="{zoneId}_{name}_{type}",
        tag_operations=("", "", ""),
    ),
)
