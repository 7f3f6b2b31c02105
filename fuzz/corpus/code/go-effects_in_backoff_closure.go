// An order and a mail inside the function that cenkalti/backoff v4 runs again.
package shop

import (
	"bytes"
	"net/http"
	"net/smtp"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/google/uuid"
)

var client = &http.Client{Timeout: 5 * time.Second}

func PlaceOrder(body []byte) error {
	operation := func() error {
		req, err := http.NewRequest("POST", "https://shop.internal/orders", bytes.NewReader(body))
		if err != nil {
			return backoff.Permanent(err)
		}
		req.Header.Set("Idempotency-Key", uuid.NewString())
		// site: effect key=per-attempt retried=true
		// rule: HS402
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		return resp.Body.Close()
	}
	// site: retry attempts=4 backoff=exponential(base=500ms,multiplier=1.5,cap=1m) jitter=proportional(50%) deadline=15m timeout=5s
	return backoff.Retry(operation, backoff.WithMaxRetries(backoff.NewExponentialBackOff(), 3))
}

func Mail(auth smtp.Auth, to string, text []byte) error {
	// site: retry attempts=3 backoff=fixed(10s) jitter=none
	return backoff.Retry(func() error {
		// site: effect key=none retried=true
		// rule: HS401
		return smtp.SendMail("mail.internal:587", auth, "shop@example.com", []string{to}, text)
	}, backoff.WithMaxRetries(backoff.NewConstantBackOff(10*time.Second), 2))
}
