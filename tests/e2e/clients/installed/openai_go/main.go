// openai-go, told nothing but its key.
package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

func main() {
	client := openai.NewClient(option.WithAPIKey("made-up"), option.WithMaxRetries(0))
	for _, stream := range []bool{false, true} {
		for _, words := range []string{"Say hello.", "Say xyzzy."} {
			asked := openai.ChatCompletionNewParams{
				Model:    openai.ChatModel("gpt-4o-mini"),
				Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(words)},
			}
			text, err := "", error(nil)
			if stream {
				chunks := client.Chat.Completions.NewStreaming(context.Background(), asked)
				for chunks.Next() {
					for _, choice := range chunks.Current().Choices {
						text += choice.Delta.Content
					}
				}
				err = chunks.Err()
			} else {
				var answer *openai.ChatCompletion
				answer, err = client.Chat.Completions.New(context.Background(), asked)
				if err == nil {
					text = answer.Choices[0].Message.Content
				}
			}
			deed := map[bool]string{false: "whole", true: "stream"}[stream]
			var told *openai.Error
			if errors.As(err, &told) {
				fmt.Printf("{\"deed\": %q, \"error\": \"Error %d\", \"told\": %t}\n", deed, told.StatusCode,
					strings.Contains(told.RawJSON()+err.Error(), "FORBIDDEN_WORD"))
			} else if err != nil {
				fmt.Printf("{\"deed\": %q, \"error\": %q}\n", deed, err.Error())
			} else {
				fmt.Printf("{\"deed\": %q, \"text\": %q}\n", deed, text)
			}
		}
	}
}
