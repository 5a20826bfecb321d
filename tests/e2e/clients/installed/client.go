// Go's own HTTP client, told nothing.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

const body = `{"model": "gpt-4o-mini", "stream": %t,
	"messages": [{"role": "user", "content": "%s"}]}`

func main() {
	for _, stream := range []bool{false, true} {
		for _, words := range []string{"Say hello.", "Say xyzzy."} {
			asked := strings.NewReader(fmt.Sprintf(body, stream, words))
			answer, err := http.Post(
				"https://api.openai.com/v1/chat/completions", "application/json", asked)
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			said, _ := io.ReadAll(answer.Body)
			deed := map[bool]string{false: "whole", true: "stream"}[stream]
			fmt.Printf("{\"deed\": %q, \"status\": %d, \"told\": %t}\n", deed,
				answer.StatusCode, strings.Contains(string(said), "FORBIDDEN_WORD"))
		}
	}
}
