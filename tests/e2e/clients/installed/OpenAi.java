import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.models.chat.completions.ChatCompletionCreateParams;

/** openai-java on OkHttp, told nothing but its key. */
public class OpenAi {
    public static void main(String[] given) {
        var client = OpenAIOkHttpClient.fromEnv();
        for (var deed : new String[] {"whole", "stream"}) {
            for (var words : new String[] {"Say hello.", "Say xyzzy."}) {
                var asked = ChatCompletionCreateParams.builder()
                        .model("gpt-4o-mini").addUserMessage(words).build();
                var text = new StringBuilder();
                try {
                    if (deed.equals("whole")) {
                        text.append(client.chat().completions().create(asked)
                                .choices().get(0).message().content().orElse(""));
                    } else {
                        try (var chunks = client.chat().completions().createStreaming(asked)) {
                            chunks.stream().forEach(chunk -> chunk.choices().forEach(
                                    choice -> text.append(choice.delta().content().orElse(""))));
                        }
                    }
                    System.out.printf("{\"deed\": \"%s\", \"text\": \"%s\"}%n", deed, text);
                } catch (RuntimeException error) {
                    System.out.printf("{\"deed\": \"%s\", \"error\": \"%s\", \"told\": %b}%n", deed,
                            error.getClass().getSimpleName(),
                            String.valueOf(error.getMessage()).contains("magic word"));
                }
            }
        }
        System.exit(0);
    }
}
