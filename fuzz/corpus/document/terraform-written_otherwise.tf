# Policies as texts, merged, behind conditions, and not set at all.
variable "deliveries" {
  default = 7
}

locals {
  base = { maxReceiveCount = 3 }
}

# site: retry attempts=7 backoff=fixed(30s)
# rule: HS101 HS102
resource "aws_sqs_queue" "text" {
  redrive_policy = "{\"deadLetterTargetArn\":\"${aws_sqs_queue.holding.arn}\",\"maxReceiveCount\":${var.deliveries}}"
}

# the later argument wins
# site: retry attempts=9
# rule: HS101 HS102
resource "aws_sqs_queue" "merged" {
  redrive_policy = jsonencode(merge(local.base, { deadLetterTargetArn = aws_sqs_queue.holding.arn, maxReceiveCount = 9 }))
}

# site: retry attempts=?
resource "aws_sqs_queue" "conditional" {
  redrive_policy = var.enabled ? jsonencode({ deadLetterTargetArn = element(aws_sqs_queue.parking.*.arn, 0), maxReceiveCount = 4 }) : null
}

# what is null is not set
# site: retry attempts=unlimited backoff=fixed(30s)
# rule: HS101 HS102
resource "aws_sqs_queue" "nothing" {
  visibility_timeout_seconds = null
  redrive_policy             = null
}

# ok: what failed for good
resource "aws_sqs_queue" "holding" {}

# ok: what failed for good
resource "aws_sqs_queue" "parking" {
  count = 1
}

variable "endless" {
  default = -1
}

# a default may be negative
# site: retry attempts=unlimited attempts.how=default
resource "aws_lambda_event_source_mapping" "clicks" {
  event_source_arn       = aws_kinesis_stream.clicks.arn
  function_name          = "clicks"
  starting_position      = "LATEST"
  maximum_retry_attempts = var.endless
}
