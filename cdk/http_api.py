"""One URL for all APIs: writes go to ingest, reads to the inbox, and leases and groups to the groups."""

import json
from typing import cast

from aws_cdk import CfnOutput
from aws_cdk import aws_apigatewayv2 as api
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_certificatemanager as certificates
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from cdk.config import Config
from cdk.log_groups import log_group
from cdk.nag import acknowledge

# Requests that API Gateway rejects appear only here. No part of a body or key is logged.
_ACCESS_LOG = json.dumps(
    {
        "time": "$context.requestTime",
        "request_id": "$context.requestId",
        "method": "$context.httpMethod",
        "route": "$context.routeKey",
        "status": "$context.status",
        "duration_ms": "$context.responseLatency",
        "function_ms": "$context.integrationLatency",
        "bytes_out": "$context.responseLength",
        "client": "$context.identity.sourceIp",
        "error": "$context.error.message",
    }
)


_GROUP_METHODS = (
    api.HttpMethod.GET,
    api.HttpMethod.HEAD,
    api.HttpMethod.POST,
    api.HttpMethod.PUT,
    api.HttpMethod.DELETE,
)


class HttpApi(Construct):
    """An HTTP API in front of the functions, with one rate limit for all clients together."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        config: Config,
        *,
        ingest: lambda_.IFunction,
        inbox: lambda_.IFunction,
        groups: lambda_.IFunction,
    ) -> None:
        super().__init__(scope, name)
        to_ingest = integrations.HttpLambdaIntegration("Ingest", ingest)
        to_inbox = integrations.HttpLambdaIntegration("Inbox", inbox)
        to_groups = integrations.HttpLambdaIntegration("Groups", groups)
        self.api = api.HttpApi(
            self,
            "Api",
            api_name=f"triggers-{config.stage}",
            create_default_stage=False,
            # With a custom domain, disable the default endpoint.
            disable_execute_api_endpoint=config.domain is not None,
            # Requests without a route get a 404 or 405 from ingest, as problem+json.
            default_integration=to_ingest,
        )
        self._route("/v1/events", api.HttpMethod.POST, to_ingest)
        self._route("/v1/acks", api.HttpMethod.POST, to_ingest)
        for path in ("/v1/events", "/v1/events/{id+}"):
            self._route(path, api.HttpMethod.DELETE, to_ingest)
        for method in (api.HttpMethod.POST, api.HttpMethod.OPTIONS):
            self._route("/v1/in/{token}", method, to_ingest)
        for method in (api.HttpMethod.GET, api.HttpMethod.HEAD):
            self._route("/{path+}", method, to_inbox)
        # The most specific route counts, so these precede those of the inbox.
        for path in ("/v1/leases", "/v1/leases/{path+}", "/v1/groups", "/v1/groups/{path+}"):
            for method in _GROUP_METHODS:
                self._route(path, method, to_groups)
        self.stage = self._stage(config)
        acknowledge(self, "APIG4", "The apps authorize each request themselves, by API keys that this API can't check.")
        CfnOutput(self, "Url", value=f"https://{config.domain}" if config.domain else self.api.api_endpoint)

    def _route(self, path: str, method: api.HttpMethod, to: integrations.HttpLambdaIntegration) -> None:
        self.api.add_routes(path=path, methods=[method], integration=to)

    def _stage(self, config: Config) -> api.HttpStage:
        stage = api.HttpStage(
            self,
            "Stage",
            http_api=self.api,
            stage_name="$default",
            auto_deploy=True,
            detailed_metrics_enabled=True,
            throttle=api.ThrottleSettings(rate_limit=config.api_rate_per_second, burst_limit=config.api_burst),
            domain_mapping=self._domain(config),
        )
        log = log_group(self, config, "access")
        # The construct takes log settings as an object with methods, which Python can't pass.
        resource = cast("api.CfnStage", stage.node.default_child)
        resource.access_log_settings = api.CfnStage.AccessLogSettingsProperty(
            destination_arn=log.log_group_arn, format=_ACCESS_LOG
        )
        return stage

    def _domain(self, config: Config) -> api.DomainMappingOptions | None:
        if config.domain is None:
            return None
        certificate = certificates.Certificate.from_certificate_arn(self, "Certificate", config.certificate_arn or "")
        name = api.DomainName(self, "Domain", domain_name=config.domain, certificate=certificate)
        # The target for the DNS record of the domain.
        CfnOutput(self, "DomainTarget", value=name.regional_domain_name)
        return api.DomainMappingOptions(domain_name=name)
