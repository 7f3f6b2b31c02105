# A state machine in Terraform: as an object, and as a text.
resource "aws_sfn_state_machine" "pay" {
  definition = jsonencode({
    StartAt = "Charge"
    States = {
      Charge = {
        Type     = "Task"
        Resource = aws_lambda_function.charge.arn
        # site: retry attempts=4 backoff=exponential(base=2s,multiplier=2) jitter=none
        Retry = [{ ErrorEquals = ["States.TaskFailed"], IntervalSeconds = 2, MaxAttempts = 3, BackoffRate = 2 }]
        End   = true
      }
    }
  })
}

resource "aws_sfn_state_machine" "text" {
  # site: retry attempts=3 backoff=exponential(base=1s,multiplier=1.5,cap=10s) jitter=full
  definition = <<EOF
{ "StartAt": "A", "States": { "A": { "Type": "Task", "Resource": "${aws_lambda_function.a.arn}", "End": true,
  "Retry": [{ "ErrorEquals": ["States.ALL"], "MaxAttempts": 2, "BackoffRate": 1.5, "MaxDelaySeconds": 10, "JitterStrategy": "FULL" }] } } }
EOF
}
