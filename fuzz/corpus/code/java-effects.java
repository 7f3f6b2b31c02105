// Effects in Java: Stripe's SDK 20 and later, WebClient and RestTemplate of Spring 5 to 7.
package shop.refunds;

import com.stripe.model.Refund;
import com.stripe.net.RequestOptions;
import com.stripe.param.RefundCreateParams;
import java.util.UUID;
import org.springframework.retry.annotation.Retryable;

class Refunds {
  Refund bare(RefundCreateParams params) throws Exception {
    // site: retry attempts=3
    // rule: HS101 HS102 HS111 HS113
    for (int i = 0; i < 3; i++) {
      try {
        // site: effect key=none
        // rule: HS401
        return Refund.create(params);
      } catch (Exception e) {
        Thread.sleep(500);
      }
    }
    return null;
  }

  Refund fresh(RefundCreateParams params) throws Exception {
    // site: retry attempts=3
    for (int i = 0; i < 3; i++) {
      try {
        RequestOptions options = RequestOptions.builder()
            .setIdempotencyKey(UUID.randomUUID().toString())
            .build();
        // site: effect key=per-attempt
        return Refund.create(params, options);
      } catch (Exception e) {
        Thread.sleep(500);
      }
    }
    return null;
  }

  Refund keyed(RefundCreateParams params) throws Exception {
    String key = UUID.randomUUID().toString();
    RequestOptions options = RequestOptions.builder().setIdempotencyKey(key).build();
    // site: retry attempts=3
    for (int i = 0; i < 3; i++) {
      try {
        // site: effect key=per-operation
        return Refund.create(params, options);
      } catch (Exception e) {
        Thread.sleep(500);
      }
    }
    return null;
  }

  // site: retry attempts=3
  @Retryable
  public String order(Order order) {
    // site: effect key=none
    // rule: HS401
    return restTemplate.postForObject("https://shop.example/orders", order, String.class);
  }
}
