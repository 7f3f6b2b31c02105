// Producers of Kafka in Java (kafka-clients 2 to 4) and consistency of Cassandra's driver: constants and texts.
package shop.events;

import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;

class Events {
  KafkaProducer<String, String> one() {
    Properties props = new Properties();
    props.put("bootstrap.servers", "kafka:9092");
    // site: acks acks=1
    // rule: HS203
    props.put(ProducerConfig.ACKS_CONFIG, "1");
    return new KafkaProducer<>(props);
  }

  KafkaProducer<String, String> none() {
    Properties props = new Properties();
    // site: acks acks=0
    // rule: HS203
    props.setProperty("acks", "0");
    return new KafkaProducer<>(props);
  }

  Map<String, Object> all() {
    // site: acks acks=all
    return Map.of(ProducerConfig.ACKS_CONFIG, "all");
  }
}
