"""The peer of `bench turns`: the Python livekit-agents framework's own session, with its defaults, on the same services.

Speech to text, the language model and text to speech are its clients for LiveKit Inference; voice activity, turn detection
and early replies are what a session has by itself.
"""

from livekit.agents import Agent, AgentSession, JobContext, inference

import peer


class Talker(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="You talk with a visitor of a web page. Be brief.")

    async def on_enter(self) -> None:
        self.session.say("Hello! How can I help you?")


async def entrypoint(ctx: JobContext) -> None:
    session = AgentSession(
        stt=inference.STT(model="deepgram/nova-3", language="multi"),
        llm=inference.LLM(model="openai/gpt-4o-mini"),
        tts=inference.TTS(model="cartesia/sonic-3", voice="9626c31c-bec5-4cca-baa8-f8ba9e84c8bc"),
    )
    await session.start(agent=Talker(), room=ctx.room)


if __name__ == "__main__":
    peer.run(entrypoint)
