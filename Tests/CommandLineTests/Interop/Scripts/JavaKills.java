import java.io.BufferedReader;
import java.io.File;
import java.io.InputStreamReader;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
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
 * Consume, transform, produce in transactions of version 2, one in five of them aborted, while the
 * server is killed and started again. Arguments: MILLRACE DATA KILLS
 */
public class JavaKills {
    static String server;
    static Process process;
    static volatile int kills = 0;
    static String[] command;

    public static void main(String[] args) throws Exception {
        try (ServerSocket probe = new ServerSocket(0)) {
            server = "127.0.0.1:" + probe.getLocalPort();
        }
        command = new String[] {
            args[0], "serve", "--data", args[1], "--listen", server,
            "--config", "num.partitions=3", "--config", "group.initial.rebalance.delay.ms=0"
        };
        int wanted = Integer.parseInt(args[2]);
        int count = 400 * wanted;
        start();
        fill(count);
        Thread killer = new Thread(() -> kill(wanted));
        killer.start();
        work(wanted);
        killer.join();
        check(count);
        process.destroy();
        if (process.waitFor() != 0) throw new IllegalStateException("the server's exit code");
        System.out.println("exactly once: " + count + " records, " + kills + " kills");
    }

    static void start() throws Exception {
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.redirectError(ProcessBuilder.Redirect.to(new File("/dev/null")));
        process = builder.start();
        InputStreamReader output = new InputStreamReader(process.getInputStream());
        String line = new BufferedReader(output).readLine();
        if (line == null || !line.startsWith("listening")) throw new IllegalStateException(line);
    }

    static void kill(int wanted) {
        Random random = new Random(7);
        try {
            while (kills < wanted) {
                Thread.sleep(300 + random.nextInt(900));
                process.destroyForcibly().waitFor();
                start();
                kills += 1;
            }
        } catch (Exception error) {
            error.printStackTrace();
            System.exit(1);
        }
    }

    static Properties common() {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", server);
        properties.put("key.serializer", StringSerializer.class.getName());
        properties.put("value.serializer", StringSerializer.class.getName());
        properties.put("key.deserializer", StringDeserializer.class.getName());
        properties.put("value.deserializer", StringDeserializer.class.getName());
        return properties;
    }

    static void fill(int count) throws Exception {
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(common())) {
            for (int number = 0; number < count; number++) {
                producer.send(new ProducerRecord<>("in", "k" + number % 7, "w" + number));
            }
        }
    }

    static KafkaConsumer<String, String> consumer(String group) {
        Properties properties = common();
        properties.put("isolation.level", "read_committed");
        properties.put("auto.offset.reset", "earliest");
        properties.put("enable.auto.commit", "false");
        properties.put("max.poll.records", "37");
        properties.put("session.timeout.ms", "6000");
        properties.put("heartbeat.interval.ms", "500");
        properties.put("default.api.timeout.ms", "20000");
        if (group != null) properties.put("group.id", group);
        return new KafkaConsumer<>(properties);
    }

    /** Transforms until all is done and the last kill has come; begins anew after an error. */
    static void work(int wanted) {
        Random random = new Random(3);
        while (true) {
            Properties properties = common();
            properties.put("transactional.id", "g-t");
            properties.put("max.block.ms", "20000");
            properties.put("delivery.timeout.ms", "20000");
            properties.put("request.timeout.ms", "10000");
            properties.put("linger.ms", "0");
            KafkaProducer<String, String> producer = new KafkaProducer<>(properties);
            KafkaConsumer<String, String> consumer = consumer("g");
            try {
                producer.initTransactions();
                consumer.subscribe(List.of("in"));
                while (true) {
                    ConsumerRecords<String, String> records = consumer.poll(Duration.ofMillis(300));
                    if (records.isEmpty()) {
                        if (kills == wanted && isDone(consumer)) return;
                        continue;
                    }
                    transform(producer, consumer, records, random.nextInt(5) == 0);
                }
            } catch (KafkaException error) {
                System.out.println("begins anew after " + error);
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
        boolean aborts
    ) {
        producer.beginTransaction();
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
        for (ConsumerRecord<String, String> record : records) {
            producer.send(
                new ProducerRecord<>("out", record.key(), record.value().toUpperCase()));
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
        if (consumer.assignment().size() < 3) return false;
        Map<TopicPartition, Long> ends = consumer.endOffsets(consumer.assignment());
        Map<TopicPartition, OffsetAndMetadata> committed =
            consumer.committed(consumer.assignment());
        for (TopicPartition partition : ends.keySet()) {
            OffsetAndMetadata offset = committed.get(partition);
            if ((offset == null ? 0 : offset.offset()) != ends.get(partition)) return false;
        }
        return true;
    }

    static void check(int count) {
        List<String> found = new ArrayList<>();
        try (KafkaConsumer<String, String> consumer = consumer(null)) {
            List<TopicPartition> partitions = new ArrayList<>();
            consumer.partitionsFor("out")
                .forEach(each -> partitions.add(new TopicPartition("out", each.partition())));
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            while (partitions.stream().anyMatch(p -> consumer.position(p) < ends.get(p))) {
                consumer.poll(Duration.ofMillis(300)).forEach(record -> found.add(record.value()));
            }
        }
        HashSet<String> wanted = new HashSet<>();
        for (int number = 0; number < count; number++) wanted.add("W" + number);
        wanted.removeAll(found);
        if (found.size() != count || !wanted.isEmpty()) {
            throw new IllegalStateException(
                found.size() + " records, " + new HashSet<>(found).size() + " different, "
                    + wanted.size() + " missing");
        }
    }
}
