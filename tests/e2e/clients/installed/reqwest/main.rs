// reqwest with the system's roots, as async-openai uses it, told nothing.
use serde_json::json;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let client = reqwest::Client::new();
    for (deed, stream) in [("whole", false), ("stream", true)] {
        for words in ["Say hello.", "Say xyzzy."] {
            let message = json!({"role": "user", "content": words});
            let asked = json!({"model": "gpt-4o-mini", "stream": stream, "messages": [message]});
            let url = "https://api.openai.com/v1/chat/completions";
            let answer = client.post(url).json(&asked).send().await.unwrap();
            let status = answer.status().as_u16();
            let told = answer.text().await.unwrap().contains("FORBIDDEN_WORD");
            println!("{}", json!({"deed": deed, "status": status, "told": told}));
        }
    }
}
