"""The bucket of bodies that are too large for an item."""

from aws_cdk import Aws, Duration, RemovalPolicy
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdk.config import Config
from cdk.nag import acknowledge
from shared.aws.provision import declare


class Bodies(Construct):
    """The bucket as `shared.aws.provision` declares it: encrypted, private, over TLS only, and emptied by age.

    Not versioned: an erased body must be gone.
    """

    def __init__(self, scope: Construct, name: str, config: Config) -> None:
        super().__init__(scope, name)
        expire_days = declare(config.settings()).bodies.expire_days
        # Bucket names are global to all AWS accounts.
        bucket_name = f"triggers-{config.stage}-bodies-{Aws.ACCOUNT_ID}-{Aws.REGION}"
        self.objects_arn = f"arn:{Aws.PARTITION}:s3:::{bucket_name}/bodies/*"
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            bucket_name=bucket_name,
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=config.enforce_tls,
            minimum_tls_version=1.2 if config.enforce_tls else None,
            lifecycle_rules=[
                s3.LifecycleRule(id="expire", expiration=Duration.days(expire_days)),
                s3.LifecycleRule(id="abandoned", abort_incomplete_multipart_upload_after=Duration.days(1)),
            ],
            removal_policy=RemovalPolicy.RETAIN if config.keep_data else RemovalPolicy.DESTROY,
        )
        acknowledge(self.bucket, "S1", "Only our own roles reach it, and what they do is in the apps' logs.")
