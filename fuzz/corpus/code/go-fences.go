// Functions that take a fencing token: remembered afterwards, compared in two steps, in one step.
package resource

import (
	"context"
	"database/sql"
	"errors"
	"sync"
)

var ErrStale = errors.New("stale token")

type Remember struct {
	mu      sync.Mutex
	highest uint64
	state   map[string]string
}

func (r *Remember) Apply(key, value string, token uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	// site: fence guard=remember-after
	// rule: HS301
	r.state[key] = value
	if token > r.highest {
		r.highest = token
	}
}

type Checked struct{ db *sql.DB }

func (c *Checked) Apply(ctx context.Context, key, value string, token int64) error {
	var seen int64
	if err := c.db.QueryRowContext(ctx, "SELECT token FROM resource WHERE id = $1", key).Scan(&seen); err != nil {
		return err
	}
	if token < seen {
		return ErrStale
	}
	// site: fence guard=check-then-write
	// rule: HS302
	_, err := c.db.ExecContext(ctx, "UPDATE resource SET value = $1, token = $2 WHERE id = $3", value, token, key)
	return err
}

type Locked struct {
	mu    sync.Mutex
	epoch int64
	log   []string
}

func (l *Locked) Append(entry string, epoch int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if epoch < l.epoch {
		return ErrStale
	}
	l.epoch = epoch
	// site: fence guard=atomic
	// rule: -
	l.log = append(l.log, entry)
	return nil
}

type Conditional struct{ db *sql.DB }

func (c *Conditional) Apply(ctx context.Context, key, value string, fence int64) error {
	// site: fence guard=atomic
	// rule: -
	res, err := c.db.ExecContext(ctx, `UPDATE resource SET value = $1, fence = $2 WHERE id = $3 AND fence <= $2`, value, fence, key)
	if err != nil {
		return err
	}
	if n, _ := res.RowsAffected(); n == 0 {
		return ErrStale
	}
	return nil
}
