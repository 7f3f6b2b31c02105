# SQS and Lambda; hashicorp/terraform-provider-aws 3 to 6: a message is hidden for 30 s unless it is said, and after
# maxReceiveCount deliveries it goes to the other queue. A queue of dead letters is read by nobody.
variable "function_timeout" {
  type    = number
  default = 30
}

# site: retry attempts=4 backoff=fixed(1m) jitter=none timeout=30s
# rule: HS101 HS102 HS304
resource "aws_sqs_queue" "orders" {
  name                       = "orders"
  visibility_timeout_seconds = 60
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.orders_dlq.arn
    maxReceiveCount     = 4
  })
}

# ok: what failed for good
resource "aws_sqs_queue" "orders_dlq" {
  name = "orders-dlq"
}

resource "aws_lambda_function" "orders" {
  function_name = "orders"
  timeout       = var.function_timeout
}

resource "aws_lambda_event_source_mapping" "orders" {
  event_source_arn        = aws_sqs_queue.orders.arn
  function_name           = aws_lambda_function.orders.arn
  batch_size              = 10
  function_response_types = ["ReportBatchItemFailures"]
}
