import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Random;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Consumes, transforms, produces in transactions of version 2, one in five of them aborted, until
 * its input ends and all is done. Arguments: SERVER NAME. What it writes soak_kills.py explains.
 */
public class SoakWorker {
    static final int PARTITIONS = 3;
    static volatile boolean stops = false;

    public static void main(String[] args) throws Exception {
        Thread listener = new Thread(() -> {
            try {
                System.in.readAllBytes();
            } catch (java.io.IOException error) {
                System.exit(1);
            }
            stops = true;
        });
        listener.setDaemon(true);
        listener.start();
        work(args[0], args[1]);
    }

    static Properties common(String server) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", server);
        properties.put("key.serializer", StringSerializer.class.getName());
        properties.put("value.serializer", StringSerializer.class.getName());
        properties.put("key.deserializer", StringDeserializer.class.getName());
        properties.put("value.deserializer", StringDeserializer.class.getName());
        return properties;
    }

    static KafkaProducer<String, String> producer(String server, String name) {
        Properties properties = common(server);
        properties.put("transactional.id", name + "-t");
        properties.put("max.block.ms", "20000");
        properties.put("delivery.timeout.ms", "20000");
        properties.put("request.timeout.ms", "10000");
        properties.put("linger.ms", "0");
        return new KafkaProducer<>(properties);
    }

    static KafkaConsumer<String, String> consumer(String server, String name) {
        Properties properties = common(server);
        properties.put("group.id", name);
        properties.put("isolation.level", "read_committed");
        properties.put("auto.offset.reset", "earliest");
        properties.put("enable.auto.commit", "false");
        properties.put("max.poll.records", "37");
        properties.put("session.timeout.ms", "6000");
        properties.put("heartbeat.interval.ms", "500");
        properties.put("default.api.timeout.ms", "20000");
        return new KafkaConsumer<>(properties);
    }

    /** Begins anew after an error. */
    static void work(String server, String name) {
        Random random = new Random(3);
        for (int begun = 1; true; begun++) {
            KafkaProducer<String, String> producer = producer(server, name);
            KafkaConsumer<String, String> consumer = consumer(server, name);
            int number = 0;
            try {
                producer.initTransactions();
                consumer.subscribe(List.of("in"));
                while (true) {
                    ConsumerRecords<String, String> records = consumer.poll(Duration.ofMillis(300));
                    if (records.isEmpty()) {
                        if (!stops || !isDone(consumer)) continue;
                        System.out.println(name + " begun " + begun + " times");
                        return;
                    }
                    number += 1;
                    String transaction = begun + "-" + number;
                    boolean aborts = random.nextInt(5) == 0;
                    transform(producer, consumer, records, name, transaction, aborts);
                }
            } catch (KafkaException error) {
                System.out.println(name + " begins anew after " + error);
            } finally {
                producer.close(Duration.ZERO);
                consumer.close(Duration.ofSeconds(1));
            }
        }
    }

    static void transform(
        KafkaProducer<String, String> producer,
        Consumer<String, String> consumer,
        ConsumerRecords<String, String> records,
        String name,
        String transaction,
        boolean aborts
    ) {
        String end = ":" + transaction + ":" + records.count() + (aborts ? ":abort" : ":commit");
        producer.beginTransaction();
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
        for (ConsumerRecord<String, String> record : records) {
            String value = name + ":" + record.value() + end;
            producer.send(new ProducerRecord<>("out", record.key(), value));
            offsets.put(
                new TopicPartition(record.topic(), record.partition()),
                new OffsetAndMetadata(record.offset() + 1));
        }
        producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
        if (!aborts) {
            producer.commitTransaction();
            return;
        }
        producer.abortTransaction();
        for (TopicPartition partition : records.partitions()) {
            consumer.seek(partition, records.records(partition).get(0).offset());
        }
    }

    /** Whether everything that came in has been committed. */
    static boolean isDone(Consumer<String, String> consumer) {
        if (consumer.assignment().size() < PARTITIONS) return false;
        Map<TopicPartition, Long> ends = consumer.endOffsets(consumer.assignment());
        Map<TopicPartition, OffsetAndMetadata> committed =
            consumer.committed(consumer.assignment());
        for (TopicPartition partition : ends.keySet()) {
            OffsetAndMetadata offset = committed.get(partition);
            if ((offset == null ? 0 : offset.offset()) != ends.get(partition)) return false;
        }
        return true;
    }
}
