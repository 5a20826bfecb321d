// What a program on encoding/json holds of a stream: members match in any letter case.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
)

type said struct {
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
}

type item struct {
	Type      string `json:"type"`
	ID        string `json:"id"`
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
}

type block struct {
	Type  string `json:"type"`
	Name  string `json:"name"`
	Input any    `json:"input"`
}

type event struct {
	Choices []struct {
		Index int `json:"index"`
		Delta struct {
			FunctionCall said `json:"function_call"`
			ToolCalls    []struct {
				Index    int  `json:"index"`
				Function said `json:"function"`
			} `json:"tool_calls"`
		} `json:"delta"`
	} `json:"choices"`
	Type         string `json:"type"`
	Index        int    `json:"index"`
	OutputIndex  int    `json:"output_index"`
	ItemID       string `json:"item_id"`
	Item         item   `json:"item"`
	ContentBlock block  `json:"content_block"`
	Response     struct {
		Output []item `json:"output"`
	} `json:"response"`
	Delta json.RawMessage `json:"delta"`
}

type holder struct {
	calls map[string]*said
	keys  []string
	held  [][2]any
}

func (h *holder) at(key string) *said {
	if h.calls[key] == nil {
		h.calls[key] = &said{}
		h.keys = append(h.keys, key)
	}
	return h.calls[key]
}

func (h *holder) hold(name string, arguments any) {
	h.held = append(h.held, [2]any{name, arguments})
}

func (h *holder) read(e event) {
	for _, choice := range e.Choices {
		for _, call := range choice.Delta.ToolCalls {
			h.grow(h.at(fmt.Sprint(choice.Index, call.Index)), call.Function)
		}
		if old := choice.Delta.FunctionCall; old.Name+old.Arguments != "" {
			h.grow(h.at(fmt.Sprint(choice.Index, "old")), old)
		}
	}
	switch e.Type {
	case "response.output_item.added":
		if e.Item.Type == "function_call" {
			*h.at(fmt.Sprint("item", e.OutputIndex)) = said{e.Item.Name, e.Item.Arguments}
		}
	case "response.function_call_arguments.delta":
		var words string
		json.Unmarshal(e.Delta, &words)
		h.at(fmt.Sprint("item", e.OutputIndex)).Arguments += words
	case "response.output_item.done":
		if e.Item.Type == "function_call" {
			h.hold(e.Item.Name, e.Item.Arguments)
		}
	case "response.completed":
		for _, one := range e.Response.Output {
			if one.Type == "function_call" {
				h.hold(one.Name, one.Arguments)
			}
		}
	case "content_block_start":
		if e.ContentBlock.Type == "tool_use" {
			*h.at(fmt.Sprint("block", e.Index)) = said{Name: e.ContentBlock.Name}
			h.hold(e.ContentBlock.Name, e.ContentBlock.Input)
		}
	case "content_block_delta":
		var delta struct {
			PartialJSON string `json:"partial_json"`
		}
		json.Unmarshal(e.Delta, &delta)
		if delta.PartialJSON != "" {
			h.at(fmt.Sprint("block", e.Index)).Arguments += delta.PartialJSON
		}
	}
}

func (h *holder) grow(call *said, more said) {
	if more.Name != "" {
		call.Name = more.Name
	}
	call.Arguments += more.Arguments
}

var asked = map[string]string{
	"chat/completions": `"messages": [{"role": "user", "content": "Look."}]`,
	"messages":         `"max_tokens": 9, "messages": [{"role": "user", "content": "Look."}]`,
	"responses":        `"input": "Look."`,
}

func ask(base, path, model string) (*holder, error) {
	h := &holder{calls: map[string]*said{}, held: [][2]any{}}
	body := fmt.Sprintf(`{"model": %q, "stream": true, %s}`, model, asked[path])
	answer, err := http.Post(base+"/v1/"+path, "application/json", strings.NewReader(body))
	if err != nil {
		return h, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != 200 {
		return h, fmt.Errorf("status %d", answer.StatusCode)
	}
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		data, found := bytes.CutPrefix(lines.Bytes(), []byte("data:"))
		var e event
		if found && json.Unmarshal(data, &e) == nil {
			h.read(e)
		}
	}
	for _, key := range h.keys {
		h.hold(h.calls[key].Name, h.calls[key].Arguments)
	}
	return h, lines.Err()
}

func main() {
	path, model, roots := os.Args[1], os.Args[3], os.Args[4:]
	count, _ := strconv.Atoi(os.Args[2])
	for _, root := range roots {
		for at := range count {
			h, err := ask(fmt.Sprintf("%s/%d", root, at), path, model)
			line := map[string]any{"calls": h.held, "error": nil}
			if err != nil {
				line["error"] = err.Error()
			}
			written, _ := json.Marshal(line)
			fmt.Println(string(written))
		}
	}
}
