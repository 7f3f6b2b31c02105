"""Reads a secret. boto3 1.44 in the mode that was the default until 2026."""
import boto3
from botocore.config import Config


def run():
    client = boto3.client(
        "secretsmanager",
        region_name="eu-central-1",
        config=Config(retries=dict(mode="legacy", max_attempts=3)),
    )
    return client.get_secret_value(SecretId="db")
