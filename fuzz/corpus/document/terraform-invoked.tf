# Lambda's asynchronous calls (a minute, then two), EventBridge, streams.
resource "aws_lambda_function" "thumbs" {
  timeout = 20
}

# site: retry attempts=2 backoff=table(1m) timeout=20s deadline=1h
resource "aws_lambda_function_event_invoke_config" "thumbs" {
  function_name                = aws_lambda_function.thumbs.function_name
  maximum_retry_attempts       = 1
  maximum_event_age_in_seconds = 3600
}

# site: retry attempts=6 backoff=? jitter=? deadline=1h
resource "aws_cloudwatch_event_target" "thumbs" {
  rule = "hourly"
  arn  = aws_lambda_function.thumbs.arn
  retry_policy {
    maximum_retry_attempts       = 5
    maximum_event_age_in_seconds = 3600
  }
}

# site: retry attempts=unlimited attempts.how=default backoff=? timeout=20s deadline=24h
# rule: HS101
resource "aws_lambda_event_source_mapping" "stream" {
  event_source_arn  = aws_kinesis_stream.clicks.arn
  function_name     = aws_lambda_function.thumbs.arn
  starting_position = "LATEST"
}

# site: retry attempts=4 deadline=10m
resource "aws_lambda_event_source_mapping" "bounded" {
  event_source_arn              = aws_dynamodb_table.orders.stream_arn
  function_name                 = aws_lambda_function.thumbs.arn
  starting_position             = "LATEST"
  maximum_retry_attempts        = 3
  maximum_record_age_in_seconds = 600
}
