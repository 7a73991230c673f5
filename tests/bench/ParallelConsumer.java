import io.confluent.parallelconsumer.ParallelConsumerOptions;
import io.confluent.parallelconsumer.ParallelConsumerOptions.ProcessingOrder;
import io.confluent.parallelconsumer.vertx.VertxParallelStreamProcessor;
import io.vertx.core.buffer.Buffer;
import io.vertx.ext.web.client.HttpResponse;
import io.vertx.ext.web.client.predicate.ResponsePredicate;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * Delivers every record of a topic by HTTP POST with Confluent's parallel-consumer on Vert.x, until SIGTERM. The requests
 * have the same headers as those of kafka-http-sink, and as there a response must be {"retry":false}. Fetch and buffer
 * size are the defaults, except by partition, where the library's README advises to set both: with the defaults, many
 * partitions have no record in the buffer.
 *
 * ParallelConsumer BOOTSTRAP TOPIC GROUP PORT PATH KEY|PARTITION|UNORDERED IN_FLIGHT
 */
public class ParallelConsumer {
  private static final Buffer DELIVERED = Buffer.buffer("{\"retry\":false}");

  public static void main(String[] arguments) {
    String topic = arguments[1];
    String group = arguments[2];
    int port = Integer.parseInt(arguments[3]);
    String path = arguments[4];
    Properties properties = new Properties();
    properties.put("bootstrap.servers", arguments[0]);
    properties.put("group.id", group);
    properties.put("enable.auto.commit", "false");
    properties.put("auto.offset.reset", "earliest");
    ProcessingOrder ordering = ProcessingOrder.valueOf(arguments[5]);
    if (ordering == ProcessingOrder.PARTITION) {
      properties.put("max.partition.fetch.bytes", 65_536);
    }
    var options = ParallelConsumerOptions.<String, byte[]>builder()
        .consumer(new KafkaConsumer<>(properties, new StringDeserializer(), new ByteArrayDeserializer()))
        .ordering(ordering)
        .maxConcurrency(Integer.parseInt(arguments[6]))
        .messageBufferSize(ordering == ProcessingOrder.PARTITION ? 16_000 : 0)
        .build();
    VertxParallelStreamProcessor<String, byte[]> processor = VertxParallelStreamProcessor.createEosStreamProcessor(options);
    Runtime.getRuntime().addShutdownHook(new Thread(processor::closeDontDrainFirst));
    processor.subscribe(List.of(topic));
    processor.vertxHttpWebClient((client, context) -> {
      ConsumerRecord<String, byte[]> record = context.getSingleConsumerRecord();
      String partition = Integer.toString(record.partition());
      String offset = Long.toString(record.offset());
      var request = client.post(port, "127.0.0.1", path)
          .putHeader("X-Kafka-Topic", record.topic())
          .putHeader("X-Kafka-Partition", partition)
          .putHeader("X-Kafka-Offset", offset)
          .putHeader("X-Kafka-Timestamp", Long.toString(record.timestamp()))
          .putHeader("X-B3-TraceId", "0123456789abcdef")
          .putHeader("X-B3-SpanId", "0123456789abcdef")
          .putHeader("X-B3-Sampled", "Defer")
          .putHeader("X-B3-Info", "topic=" + record.topic() + "|partition=" + partition + "|offset=" + offset)
          .putHeader("Content-Type", "text/plain; charset=utf-8")
          .putHeader("Idempotency-Key", "\"" + group + "/" + record.topic() + "/" + partition + "/" + offset + "\"")
          .expect(ResponsePredicate.SC_OK);
      if (record.key() != null) {
        request.putHeader("X-Kafka-Key", record.key());
      }
      return request.sendBuffer(Buffer.buffer(record.value())).map(ParallelConsumer::requireDelivered);
    }, sent -> {});
  }

  private static HttpResponse<Buffer> requireDelivered(HttpResponse<Buffer> response) {
    if (!DELIVERED.equals(response.body())) {
      throw new IllegalStateException("not delivered: " + response.bodyAsString());
    }
    return response;
  }
}
