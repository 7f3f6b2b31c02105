# Nothing said: 30 s, four days, no queue of dead letters.
# rule: HS101 HS102
# site: retry attempts=unlimited attempts.how=default backoff=fixed(30s) deadline=96h
resource "aws_sqs_queue" "events" {
  name = "events"
}

# the policy in a resource of its own, as a text
# site: retry attempts=5 backoff=fixed(2m)
resource "aws_sqs_queue" "mail" {
  visibility_timeout_seconds = 120
}

resource "aws_sqs_queue_redrive_policy" "mail" {
  queue_url      = aws_sqs_queue.mail.id
  redrive_policy = <<EOF
{"deadLetterTargetArn": "${aws_sqs_queue.parked.arn}", "maxReceiveCount": 5}
EOF
}

# ok: parked
resource "aws_sqs_queue" "parked" {}

# site: retry attempts=? backoff=fixed(30s)
resource "aws_sqs_queue" "elsewhere" {
  redrive_policy = var.policy
}
