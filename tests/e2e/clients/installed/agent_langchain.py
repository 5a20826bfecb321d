"""A coding agent in LangChain: `agent_langchain.py chat|responses MODEL WORDS`."""

import sys

from coding_tools import TOOLS
from langchain.agents import create_agent
from langchain_openai import ChatOpenAI

kind, model, words = sys.argv[1:]
chat = ChatOpenAI(model=model, use_responses_api=kind == "responses", streaming=True)
agent = create_agent(chat, list(TOOLS))
answer = agent.invoke({"messages": [("user", words)]})
print(answer["messages"][-1].text)
