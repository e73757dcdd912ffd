package usage.bench;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import org.apache.kafka.connect.errors.ConnectException;

/** Answers whose an event is, from memory: loaded once, which a real one could not afford. */
final class Owners {
  record Owner(String subscription, String key, String team) {}

  private record Key(String id, String user, String team) {}

  private record UserModel(String user, String model) {}

  private final Map<String, Key> keys = new HashMap<>();
  private final Map<UserModel, String> subscriptions = new HashMap<>();

  private Owners() {}

  Owner of(String hash, String model) {
    Key key = keys.get(hash);
    String subscription = key == null ? null : subscriptions.get(new UserModel(key.user, model));
    return subscription == null ? null : new Owner(subscription, key.id, key.team);
  }

  static Owners load(String url) {
    Owners all = new Owners();
    try (Connection connection = DriverManager.getConnection(url);
        Statement statement = connection.createStatement()) {
      MessageDigest sha = MessageDigest.getInstance("SHA-256");
      ResultSet rows = statement.executeQuery(
          "SELECT id, user_id, team_id, key_hash, lite_llm_key_value FROM api_keys");
      while (rows.next()) {
        Key key = new Key(rows.getString(1), rows.getString(2), rows.getString(3));
        all.keys.put(rows.getString(4), key);
        String secret = rows.getString(5);
        if (secret != null && !secret.isEmpty()) {
          byte[] sum = sha.digest(secret.getBytes(StandardCharsets.UTF_8));
          all.keys.put(HexFormat.of().formatHex(sum), key);
        }
      }
      rows = statement.executeQuery("SELECT id, user_id, model_id FROM subscriptions");
      while (rows.next()) {
        all.subscriptions.put(new UserModel(rows.getString(2), rows.getString(3)), rows.getString(1));
      }
    } catch (SQLException | NoSuchAlgorithmException error) {
      throw new ConnectException("loading keys and subscriptions", error);
    }
    return all;
  }
}
