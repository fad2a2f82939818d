"""The OpenAI Python SDK's own push-to-talk example, its audio code unchanged, always talking.

Wants BENCH_SERVER and BENCH_OPENAI_PYTHON (a checkout of the SDK's repository); see bench/README.md.
"""

import asyncio
import base64
import importlib.util
import os
import pathlib
import sys
import types

sys.dont_write_bytecode = True  # the checkout stays as it is
source = pathlib.Path(os.environ.get("BENCH_OPENAI_PYTHON", "")) / "examples/realtime/audio_util.py"
if not source.is_file():
    sys.exit("BENCH_OPENAI_PYTHON is not a checkout of github.com/openai/openai-python")

# The example imports these two for parts that are not used here.
for name in ("pyaudio", "pydub"):
    stand_in = types.ModuleType(name)
    stand_in.paInt16, stand_in.AudioSegment = 8, None
    sys.modules[name] = stand_in

spec = importlib.util.spec_from_file_location("audio_util", source)
audio_util = importlib.util.module_from_spec(spec)
spec.loader.exec_module(audio_util)

from openai import AsyncOpenAI  # noqa: E402


async def main():
    client = AsyncOpenAI(api_key="none", websocket_base_url=os.environ["BENCH_SERVER"])
    player = audio_util.AudioPlayerAsync()
    async with client.realtime.connect(model="bench") as connection:
        detection = {"turn_detection": {"type": "server_vad"}}
        await connection.session.update(session={"type": "realtime", "audio": {"input": detection}})
        talking = asyncio.create_task(audio_util.send_audio_worker_sounddevice(connection))
        async for event in connection:
            if event.type == "response.output_audio.delta":
                player.add_data(base64.b64decode(event.delta))
        await talking


asyncio.run(main())
