"""A network of two zones, and the load balancer, its only entry point."""

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elb
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdk.config import Config
from cdk.log_groups import log_group
from cdk.nag import acknowledge


class Network(Construct):
    """Containers have no public address; their traffic to SQS, DynamoDB and S3 stays within AWS."""

    def __init__(self, scope: Construct, name: str, config: Config) -> None:
        super().__init__(scope, name)
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            max_azs=2,
            # For services without an endpoint here: pulling the image, and writing logs.
            nat_gateways=2 if config.keep_data else 1,
            gateway_endpoints={
                "DynamoDb": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.DYNAMODB),
                "S3": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.S3),
            },
            flow_logs={
                "Flow": ec2.FlowLogOptions(
                    destination=ec2.FlowLogDestination.to_cloud_watch_logs(log_group(self, config, "network")),
                    traffic_type=ec2.FlowLogTrafficType.REJECT,
                )
            },
        )
        sqs = self.vpc.add_interface_endpoint("Sqs", service=ec2.InterfaceVpcEndpointAwsService.SQS)
        acknowledge(sqs, "EC23", "Open to this network's own addresses alone, which the rule can't resolve.")
        self.balancer = elb.ApplicationLoadBalancer(
            self,
            "Balancer",
            vpc=self.vpc,
            internet_facing=True,
            drop_invalid_header_fields=True,
            deletion_protection=config.keep_data,
            # A long poll takes 20 s.
            idle_timeout=Duration.seconds(60),
        )
        self.balancer.log_access_logs(self._access_logs(config))
        for group in self.balancer.connections.security_groups:
            acknowledge(group, "EC23", "An API for the whole world; each request needs a key.")

    def _access_logs(self, config: Config) -> s3.Bucket:
        bucket = s3.Bucket(
            self,
            "AccessLogs",
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            lifecycle_rules=[s3.LifecycleRule(expiration=Duration.days(config.log_days))],
            removal_policy=RemovalPolicy.DESTROY if not config.keep_data else RemovalPolicy.RETAIN,
        )
        acknowledge(bucket, "S1", "It is itself where access logs go.")
        return bucket
