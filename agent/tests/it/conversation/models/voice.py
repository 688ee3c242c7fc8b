"""A Piper voice behind OpenAI's `/v1/audio/speech`: one WAV for each request, at the voice's own rate. Prints its port.

Not a server of somebody else's, as the recogniser's is: those for Piper stand on a library under the GPL. All that they add to the
voice's network is in this file: phonemes come from the program espeak-ng, as they do there.

Usage: voice.py VOICE.onnx, with VOICE.onnx.json beside it.
"""

import http.server
import io
import json
import re
import subprocess
import sys
import threading
import unicodedata
import wave

import numpy
import onnxruntime

PAD, BEGIN, END = "_", "^", "$"


class Voice:
    """A network that makes sound of phonemes."""

    def __init__(self, file):
        with open(f"{file}.json", encoding="utf-8") as described:
            self.config = json.load(described)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.network = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        self.busy = threading.Lock()

    def speak(self, text, speed):
        """16-bit samples."""
        ids = self._ids(text)
        inference = self.config["inference"]
        scales = [inference["noise_scale"], inference["length_scale"] / speed, inference["noise_w"]]
        inputs = {
            "input": numpy.array([ids], numpy.int64),
            "input_lengths": numpy.array([len(ids)], numpy.int64),
            "scales": numpy.array(scales, numpy.float32),
        }
        with self.busy:
            samples = self.network.run(None, inputs)[0].squeeze()
        return (numpy.clip(samples, -1, 1) * 32767).astype("<i2")

    def _ids(self, text):
        known = self.config["phoneme_id_map"]
        ids = list(known[BEGIN]) + list(known[PAD])
        for phoneme in self._phonemes(text):
            # What the voice was not trained with is not said.
            if phoneme in known:
                ids += list(known[phoneme]) + list(known[PAD])
        return ids + list(known[END])

    def _phonemes(self, text):
        """Part by part, because espeak-ng does not tell the signs between them, of which the voice makes pauses."""
        phonemes = ""
        for words, sign in re.findall(r"([^.,;:!?]+)([.,;:!?]*)", text):
            language = self.config["espeak"]["voice"]
            spoken = subprocess.run(
                ["espeak-ng", "-q", "--ipa", "-v", language, words.strip()],
                check=True, capture_output=True, text=True)
            phonemes += " ".join(spoken.stdout.split()) + sign[:1] + " "
        return unicodedata.normalize("NFD", phonemes.strip())


class Requests(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self._answer("application/json", b'{"object": "list", "data": []}')

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        samples = voice.speak(asked["input"], asked.get("speed") or 1.0)
        file = io.BytesIO()
        with wave.open(file, "wb") as sound:
            sound.setnchannels(1)
            sound.setsampwidth(2)
            sound.setframerate(voice.config["audio"]["sample_rate"])
            sound.writeframes(samples.tobytes())
        self._answer("audio/wav", file.getvalue())

    def _answer(self, kind, body):
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except ConnectionError:
            pass  # an early reply was thrown away

    def log_message(self, *_):
        pass


voice = Voice(sys.argv[1])
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Requests)
print(server.server_port, flush=True)
server.serve_forever()
