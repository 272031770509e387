import io.debezium.engine.ChangeEvent;
import io.debezium.engine.DebeziumEngine;
import io.debezium.engine.format.Json;
import java.io.BufferedWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;

/** Writes the changes of a slot to a file as JSON: `Follow.java PORT USER PASSWORD SLOT PUBLICATION CHANGES FILE`. */
public class Follow {
    public static void main(String[] arguments) throws Exception {
        long wanted = Long.parseLong(arguments[5]);
        Properties properties = new Properties();
        properties.setProperty("name", "bench");
        properties.setProperty("connector.class", "io.debezium.connector.postgresql.PostgresConnector");
        properties.setProperty("offset.storage", "org.apache.kafka.connect.storage.MemoryOffsetBackingStore");
        properties.setProperty("topic.prefix", "bench");
        properties.setProperty("database.hostname", "127.0.0.1");
        properties.setProperty("database.port", arguments[0]);
        properties.setProperty("database.user", arguments[1]);
        properties.setProperty("database.password", arguments[2]);
        properties.setProperty("database.dbname", "postgres");
        properties.setProperty("plugin.name", "pgoutput");
        properties.setProperty("slot.name", arguments[3]);
        properties.setProperty("publication.name", arguments[4]);
        properties.setProperty("publication.autocreate.mode", "disabled");
        properties.setProperty("snapshot.mode", "no_data");
        properties.setProperty("tombstones.on.delete", "false");
        properties.setProperty("decimal.handling.mode", "string");
        properties.setProperty("converter.schemas.enable", "false");
        AtomicLong count = new AtomicLong();
        AtomicReference<String> failure = new AtomicReference<>();
        CountDownLatch done = new CountDownLatch(1);
        try (BufferedWriter file = Files.newBufferedWriter(Path.of(arguments[6]))) {
            DebeziumEngine<ChangeEvent<String, String>> engine = DebeziumEngine.create(Json.class)
                    .using(properties)
                    .using((success, message, error) -> {
                        if (!success) {
                            failure.set(message + " " + error);
                        }
                        done.countDown();
                    })
                    .notifying(event -> {
                        try {
                            file.write(event.value());
                            file.newLine();
                        } catch (java.io.IOException error) {
                            throw new java.io.UncheckedIOException(error);
                        }
                        if (count.incrementAndGet() == wanted) {
                            done.countDown();
                        }
                    })
                    .build();
            var thread = Executors.newSingleThreadExecutor();
            thread.execute(engine);
            done.await();
            engine.close();
            thread.shutdown();
        }
        if (failure.get() != null || count.get() < wanted) {
            System.err.println(count.get() + " changes; " + failure.get());
            System.exit(1);
        }
        System.exit(0);
    }
}
