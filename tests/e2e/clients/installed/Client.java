import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.stream.Collectors;

/** The JDK's own HTTP client, told nothing. */
public class Client {
    private static final HttpClient HTTP = HttpClient.newHttpClient();

    public static void main(String[] arguments) throws Exception {
        for (String stream : new String[] {"false", "true"}) {
            for (String words : new String[] {"Say hello.", "Say xyzzy."}) {
                var asked = HttpRequest.newBuilder(
                        URI.create("https://api.openai.com/v1/chat/completions"))
                    .header("Content-Type", "application/json")
                    .POST(HttpRequest.BodyPublishers.ofString("""
                        {"model": "gpt-4o-mini", "stream": %s,
                         "messages": [{"role": "user", "content": "%s"}]}
                        """.formatted(stream, words)))
                    .build();
                var answer = HTTP.send(asked, BodyHandlers.ofLines());
                String said = answer.body().collect(Collectors.joining());
                System.out.printf("{\"deed\": \"%s\", \"status\": %d, \"told\": %b}%n",
                    stream.equals("true") ? "stream" : "whole", answer.statusCode(),
                    said.contains("FORBIDDEN_WORD"));
            }
        }
    }
}
