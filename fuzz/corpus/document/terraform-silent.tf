# ok: words that look like it, and policies of other things.
variable "retries" {
  default = 3
}

resource "aws_autoscaling_group" "web" {
  health_check_grace_period = 300
  wait_for_capacity_timeout = "10m"
}

resource "aws_sqs_queue_redrive_allow_policy" "dead" {
  queue_url            = aws_sqs_queue.dead.id
  redrive_allow_policy = jsonencode({ redrivePermission = "byQueue" })
}

resource "kubernetes_job" "migrate" {
  spec {
    backoff_limit = 4
  }
}
