"""Stores a backup. boto3 1.44: total_max_attempts counts the first as well."""
import boto3
from botocore.config import Config

s3 = boto3.client(
    "s3",
    region_name="eu-central-1",
    config=Config(retries={"total_max_attempts": 4, "mode": "standard"}),
)


def run():
    return s3.head_object(Bucket="backups", Key="monday.tar")
