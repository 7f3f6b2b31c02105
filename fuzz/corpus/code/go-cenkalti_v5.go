// cenkalti/backoff v5 (5.0.3): context first, options last; tries count the first attempt.
package sync

import (
	"context"
	"time"

	bo "github.com/cenkalti/backoff/v5"
)

func Default(ctx context.Context, op bo.Operation[string]) (string, error) {
	// site: retry named=cenkalti attempts=unlimited backoff=exponential(base=500ms,multiplier=1.5,cap=1m) jitter=proportional(50%) deadline=15m
	// rule: HS101
	return bo.Retry(ctx, op)
}

func Tries(ctx context.Context, op bo.Operation[string]) (string, error) {
	exp := bo.NewExponentialBackOff()
	exp.InitialInterval = time.Second
	exp.MaxInterval = 10 * time.Second
	// site: retry attempts=5 backoff=exponential(base=1s,multiplier=1.5,cap=10s) jitter=proportional(50%) deadline=15m
	// rule: HS101
	return bo.Retry(ctx, op, bo.WithBackOff(exp), bo.WithMaxTries(5))
}

func Constant(ctx context.Context, op bo.Operation[int]) (int, error) {
	// site: retry attempts=3 backoff=fixed(500ms) jitter=none deadline=20s
	// rule: HS101 HS102
	return bo.Retry(ctx, op,
		bo.WithBackOff(bo.NewConstantBackOff(500*time.Millisecond)),
		bo.WithMaxTries(3),
		bo.WithMaxElapsedTime(20*time.Second),
	)
}

func Never(ctx context.Context, op bo.Operation[int]) (int, error) {
	// site: retry attempts=unlimited backoff=exponential(base=500ms,multiplier=1.5,cap=1m) jitter=proportional(50%)
	// rule: HS101 HS106
	return bo.Retry(ctx, op, bo.WithMaxElapsedTime(0))
}
