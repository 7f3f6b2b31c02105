// The words of retries without a retry: fields, flags, text, manifests, arithmetic.
package misc

import (
	"flag"
	"time"

	batchv1 "k8s.io/api/batch/v1"
)

// A job is retried by others; MaxAttempts: 5 and Backoff: 1s are only stored here.
type JobRow struct {
	MaxAttempts int           `db:"max_attempts"`
	RetryCount  int           `db:"retry_count"`
	Backoff     time.Duration `db:"backoff"`
	Timeout     time.Duration `db:"timeout"`
}

var retries = flag.Int("retries", 3, "number of retries that the batch asks for")

const usage = `
for i := 0; i < 3; i++ {
	if err = op(); err == nil {
		return nil
	}
	time.Sleep(time.Second)
}
`

func Manifest(limit int32) batchv1.JobSpec {
	// ok: Kubernetes counts these
	return batchv1.JobSpec{BackoffLimit: &limit}
}

func Retry(row *JobRow) {
	// ok: puts the row back once, on request
	row.RetryCount++
}

func TotalWait(n int) (sum time.Duration) {
	// ok: arithmetic
	for i := 0; i < n; i++ {
		sum += min(time.Second<<i, 10*time.Second)
	}
	return sum
}

func Sum(xs []int) (s int) {
	// ok: no failure in sight
	for attempt := 0; attempt < len(xs); attempt++ {
		s += xs[attempt]
	}
	return s
}
