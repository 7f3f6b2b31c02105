# The function, and what is named, in a file beside it.
locals {
  visibility = 45
}

resource "aws_lambda_function" "worker" {
  timeout = 2 * 30
}
