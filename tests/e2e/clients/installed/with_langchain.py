from deeds import report
from langchain_openai import ChatOpenAI

chat = ChatOpenAI(model="gpt-4o-mini")
report(
    lambda words: chat.invoke(words).text,
    lambda words: "".join(chunk.text for chunk in chat.stream(words)),
)
