package usage.bench;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.module.blackbird.BlackbirdModule;
import java.io.IOException;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.connect.connector.ConnectRecord;
import org.apache.kafka.connect.data.Decimal;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.transforms.Transformation;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A LiteLLM event as a row of usage_logs: the Single Message Transform that a team needs before
 * Debezium's JDBC sink. It looks owners up in memory and gives a row an id that its event determines.
 */
public final class UsageRow<R extends ConnectRecord<R>> implements Transformation<R> {
  private static final Logger LOG = LoggerFactory.getLogger(UsageRow.class);
  private static final JsonMapper JSON = JsonMapper.builder()
      .addModule(new BlackbirdModule())
      .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
      .serializationInclusion(JsonInclude.Include.NON_NULL)
      .build();
  private static final ObjectReader EVENT = JSON.readerFor(Event.class);
  private static final ObjectWriter METADATA = JSON.writerFor(Metadata.class);

  private static final Schema UUID_TEXT = named("io.debezium.data.Uuid").build();
  private static final Schema MAYBE_UUID = named("io.debezium.data.Uuid").optional().build();
  private static final Schema COST = Decimal.schema(6);
  private static final Schema ROW = SchemaBuilder.struct()
      .field("id", UUID_TEXT)
      .field("subscription_id", UUID_TEXT)
      .field("api_key_id", UUID_TEXT)
      .field("team_id", MAYBE_UUID)
      .field("model_id", Schema.STRING_SCHEMA)
      .field("request_tokens", Schema.INT32_SCHEMA)
      .field("response_tokens", Schema.INT32_SCHEMA)
      .field("input_cost", COST)
      .field("output_cost", COST)
      .field("latency_ms", Schema.INT32_SCHEMA)
      .field("status_code", Schema.INT32_SCHEMA)
      .field("error_message", Schema.OPTIONAL_STRING_SCHEMA)
      .field("litellm_request_id", Schema.STRING_SCHEMA)
      .field("metadata", named("io.debezium.data.Json").build())
      .field("created_at", named("io.debezium.time.ZonedTimestamp").build())
      .build();

  private static SchemaBuilder named(String name) {
    return SchemaBuilder.string().name(name);
  }

  /** What the columns need of a StandardLoggingPayload. */
  static final class Event {
    public String id;
    public String status;
    public double startTime;
    public double endTime;
    public String model;
    @JsonProperty("model_group") public String modelGroup;
    @JsonProperty("call_type") public String callType;
    @JsonProperty("custom_llm_provider") public String provider;
    @JsonProperty("trace_id") public String traceId;
    @JsonProperty("litellm_call_id") public String callId;
    public Boolean stream;
    @JsonProperty("cache_hit") public Boolean cacheHit;
    @JsonProperty("prompt_tokens") public int promptTokens;
    @JsonProperty("completion_tokens") public int completionTokens;
    @JsonProperty("response_cost") public BigDecimal responseCost;
    @JsonProperty("request_tags") public List<String> tags;
    @JsonProperty("error_str") public String error;
    @JsonProperty("cost_breakdown") public CostBreakdown costs;
    @JsonProperty("error_information") public ErrorInformation errorInformation;
    public Owner metadata;
  }

  static final class CostBreakdown {
    @JsonProperty("output_cost") public BigDecimal output;
  }

  static final class ErrorInformation {
    @JsonProperty("error_code") public String code;
  }

  static final class Owner {
    @JsonProperty("user_api_key_hash") public String keyHash;
  }

  record Metadata(@JsonProperty("call_type") String callType, String provider, String model,
      @JsonProperty("trace_id") String traceId, @JsonProperty("call_id") String callId,
      Boolean stream, @JsonProperty("cache_hit") Boolean cacheHit, List<String> tags) {}

  private Owners owners;

  @Override
  public ConfigDef config() {
    return new ConfigDef().define("connection.url", ConfigDef.Type.STRING, ConfigDef.Importance.HIGH,
        "JDBC URL of the database that has the keys and the subscriptions");
  }

  @Override
  public void configure(Map<String, ?> settings) {
    owners = Owners.load((String) settings.get("connection.url"));
  }

  @Override
  public R apply(R record) {
    try {
      Event event = EVENT.readValue((byte[]) record.value());
      Owners.Owner owner = owners.of(event.metadata.keyHash, event.modelGroup);
      if (owner == null) {
        LOG.warn("nobody's event at {}", record);
        return null;
      }
      return record.newRecord(record.topic(), record.kafkaPartition(), null, null, ROW,
          row(event, owner), record.timestamp());
    } catch (IOException error) {
      throw new ConnectException(error);
    }
  }

  private static Struct row(Event event, Owners.Owner owner) throws IOException {
    boolean cached = isTrue(event.cacheHit);
    BigDecimal total = micros(cached ? null : event.responseCost);
    BigDecimal output = micros(cached || event.costs == null ? null : event.costs.output);
    return new Struct(ROW)
        .put("id", UUID.nameUUIDFromBytes(event.id.getBytes(StandardCharsets.UTF_8)).toString())
        .put("subscription_id", owner.subscription())
        .put("api_key_id", owner.key())
        .put("team_id", owner.team())
        .put("model_id", event.modelGroup)
        .put("request_tokens", event.promptTokens)
        .put("response_tokens", event.completionTokens)
        .put("input_cost", total.subtract(output).max(BigDecimal.ZERO.setScale(6)))
        .put("output_cost", output)
        .put("latency_ms", (int) Math.round((event.endTime - event.startTime) * 1000))
        .put("status_code", status(event))
        .put("error_message", event.error)
        .put("litellm_request_id", event.id)
        .put("metadata", METADATA.writeValueAsString(new Metadata(event.callType, event.provider,
            event.model, event.traceId, event.callId, event.stream, event.cacheHit, event.tags)))
        .put("created_at", Instant.EPOCH.plusNanos((long) (event.startTime * 1e6) * 1000).toString());
  }

  private static boolean isTrue(Boolean flag) {
    return flag != null && flag;
  }

  private static BigDecimal micros(BigDecimal cost) {
    return (cost == null ? BigDecimal.ZERO : cost).setScale(6, RoundingMode.HALF_EVEN);
  }

  private static int status(Event event) {
    String code = event.errorInformation == null ? null : event.errorInformation.code;
    if (code != null && code.matches("[4-9]\\d\\d")) {
      return Integer.parseInt(code);
    }
    return "failure".equals(event.status) ? 500 : 200;
  }

  @Override
  public void close() {}
}
