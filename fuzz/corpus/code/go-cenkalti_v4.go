// cenkalti/backoff v4 (4.3.0): several spellings; the default ends after fifteen minutes.
package sync

import (
	"context"
	"net/http"
	"time"

	"github.com/cenkalti/backoff/v4"
)

var client = &http.Client{Timeout: 3 * time.Second}

func Default(op func() error) error {
	// site: retry named=cenkalti attempts=unlimited backoff=exponential(base=500ms,multiplier=1.5,cap=1m) jitter=proportional(50%) deadline=15m
	// rule: HS101
	return backoff.Retry(op, backoff.NewExponentialBackOff())
}

func Fields(op func() error) error {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval = 200 * time.Millisecond
	b.MaxInterval = 5 * time.Second
	b.Multiplier = 2
	b.MaxElapsedTime = time.Minute
	// site: retry attempts=unlimited backoff=exponential(base=200ms,multiplier=2,cap=5s) jitter=proportional(50%) deadline=1m
	// rule: HS101
	return backoff.Retry(op, b)
}

func Options(ctx context.Context, op func() error) error {
	b := backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(100*time.Millisecond),
		backoff.WithRandomizationFactor(0),
		backoff.WithMaxElapsedTime(30*time.Second),
	)
	// Without the random factor all callers wait alike.
	// site: retry attempts=unlimited backoff=exponential(base=100ms,multiplier=1.5,cap=1m) jitter=none deadline=30s
	// rule: HS101 HS102
	err := backoff.Retry(op, backoff.WithContext(b, ctx))
	return err
}

func Constant(op func() error) error {
	// The second argument counts retries: four attempts.
	// site: retry attempts=4 backoff=fixed(2s) jitter=none
	// rule: HS101 HS102
	return backoff.Retry(op, backoff.WithMaxRetries(backoff.NewConstantBackOff(2*time.Second), 3))
}

func Notify(url string, log func(error, time.Duration)) error {
	op := func() error {
		resp, err := client.Get(url)
		if err != nil {
			return err
		}
		return resp.Body.Close()
	}
	policy := backoff.WithMaxRetries(backoff.NewExponentialBackOff(), 5)
	// site: retry attempts=6 backoff=exponential(base=500ms,multiplier=1.5,cap=1m) jitter=proportional(50%) deadline=15m timeout=3s
	// rule: HS101
	return backoff.RetryNotify(op, policy, log)
}

func Never(op func() (string, error)) (string, error) {
	eb := backoff.NewExponentialBackOff()
	eb.MaxElapsedTime = 0
	// Zero takes the limit of time away.
	// site: retry attempts=unlimited backoff=exponential(base=500ms,multiplier=1.5,cap=1m) jitter=proportional(50%)
	// rule: HS101 HS106
	return backoff.RetryWithData(op, eb)
}
