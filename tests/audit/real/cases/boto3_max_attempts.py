"""Puts a message on a queue. boto3 1.44: max_attempts counts retries here."""
import boto3
from botocore.config import Config

config = Config(retries={"max_attempts": 4, "mode": "standard"}, connect_timeout=2, read_timeout=5)
sqs = boto3.client("sqs", region_name="eu-central-1", config=config)


def run():
    return sqs.send_message(QueueUrl="https://sqs.eu-central-1.amazonaws.com/1/orders", MessageBody="{}")
