"""A person's own speech and language services: no keys, no pages beside the three calls. Prints its port."""

import http.server
import json
import sys


class Services(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"] or 0))
        print(self.path, file=sys.stderr, flush=True)
        if self.path == "/v1/audio/transcriptions":
            self.answer("application/json", json.dumps({"text": "hello"}).encode())
        elif self.path == "/v1/audio/speech":
            self.answer("audio/pcm", bytes(48_000))
        elif self.path == "/v1/chat/completions":
            parts = [{"delta": {"content": "Hello."}}, {"delta": {}, "finish_reason": "stop"}]
            events = [json.dumps({"choices": [part]}) for part in parts] + ["[DONE]"]
            self.answer("text/event-stream", "".join(f"data: {event}\n\n" for event in events).encode())
        else:
            self.send_error(404)

    def answer(self, kind, body):
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Services)
print(server.server_port, flush=True)
server.serve_forever()
