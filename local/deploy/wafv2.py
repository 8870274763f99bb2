"""AWS WAF: web ACLs."""

from typing_extensions import override

from local.aws_clients import Clients
from local.deploy.handler import Draft, Properties, ResourceHandler
from local.deploy.values import names


class _WebAcl(ResourceHandler):
    """A web ACL, which is changed by naming its current version, a lock token."""

    @override
    def _update(self, clients: Clients, resource_id: str, old: Properties, new: Properties) -> None:
        super()._update(clients, resource_id, {**old, "lockToken": self._lock_token(clients, resource_id, old)}, new)

    @override
    def _delete(self, clients: Clients, resource_id: str, state: Properties) -> None:
        super()._delete(clients, resource_id, {**state, "lockToken": self._lock_token(clients, resource_id, state)})

    def _lock_token(self, clients: Clients, resource_id: str, state: Properties) -> str:
        return self.send(clients, self.operation.read, {**state, "id": resource_id}, {})["lockToken"]

    @override
    def _tags(self, clients: Clients, values: Properties) -> dict[str, str]:
        return self.send(clients, self.tag_operations[0], values, {})["tagInfoForResource"].get("tagList", {})


def _to_service(inputs: Draft) -> Draft:
    if "customResponseBodies" not in inputs:
        return inputs
    bodies = {
        body["key"]: {name: body[name] for name in ("content", "contentType")}
        for body in inputs["customResponseBodies"]
    }
    return {**inputs, "customResponseBodies": bodies}


HANDLERS = (
    _WebAcl(
        pulumi_type="aws:wafv2/webAcl:WebAcl",
        operations="CreateWebACL GetWebACL UpdateWebACL DeleteWebACL",
        required=names("defaultAction name scope visibilityConfig"),
        optional=names("customResponseBodies description region rules tags"),
        immutable=names("name region scope"),
        # The emulator forgets the bodies, the service has the rules in another form, and returns
        # neither scope nor region.
        write_only=names("customResponseBodies region rules scope"),
        unsent=names("region"),
        id="{summary[id]}",
        import_id="{id}/{name}/{scope}",
        parameters={"LockToken": "{lockToken}"},
        result="webAcl",
        renamed={"CloudWatchMetricsEnabled": "cloudwatchMetricsEnabled"},
        outputs={"arn": "{arn}", "lockToken": "{lockToken}"},
        to_service=_to_service,
    ),
)
