# A batch without a report of what failed comes again as a whole; the limit of retries of a mapping is for streams only.
# rule: HS101 HS102 HS304 HS406 HS109
# site: retry attempts=3 backoff=fixed(45s) timeout=60s
resource "aws_sqs_queue" "jobs" {
  visibility_timeout_seconds = local.visibility
  redrive_policy             = jsonencode({ deadLetterTargetArn = aws_sqs_queue.dead.arn, maxReceiveCount = "3" })
}

# ok: dead letters
resource "aws_sqs_queue" "dead" {}

resource "aws_lambda_event_source_mapping" "jobs" {
  event_source_arn       = aws_sqs_queue.jobs.arn
  function_name          = aws_lambda_function.worker.arn
  maximum_retry_attempts = 2
}
