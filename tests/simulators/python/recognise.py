"""Speech to text by PocketSphinx over a closed grammar, for the simulated speech service.

Lines of JSON on standard input, each answered by one on standard output:
  {"words": [...]}   the words that are to be recognised -> {"unknown": [...]}, those that nobody can pronounce
  {"grammar": "..."} in the Java Speech Grammar Format   -> {"ready": true}
  {"bytes": n}       followed by n bytes of sound, 16 kHz, mono, 16 bit, little-endian -> {"words": [["...", start, end], ...]},
                     with seconds from the first sample; with "partly": true also of a sentence that is not finished
"""

import ctypes
import json
import os
import re
import select
import signal
import sys

from pocketsphinx import Decoder, get_model_path

# Of linux/prctl.h.
PR_SET_PDEATHSIG = 1
SHORTEST_PART = 3
# What each further word must be worth; with the library's 0.65, «thirty contracts» is heard as «thirty eight contracts».
WORD_INSERTION = 0.2
# The decoder's frames a second.
FRAMES = 100


def pronounce(decoder, word):
    """What the dictionary says, or that of the two words that it is made of (hub spot), or of its letters (crm)."""
    known = decoder.lookup_word(word)
    if known:
        return known
    for cut in range(SHORTEST_PART, len(word) - SHORTEST_PART + 1):
        parts = [decoder.lookup_word(part) for part in (word[:cut], word[cut:])]
        if all(parts):
            return " ".join(parts)
    if word.isalpha() and not re.search("[aeiouy]", word):
        return " ".join(decoder.lookup_word(letter) for letter in word)
    return None


def learn(decoder, words):
    unknown = []
    for word in words:
        sounds = pronounce(decoder, word)
        if sounds is None:
            unknown.append(word)
        elif decoder.lookup_word(word) is None:
            decoder.add_word(word, sounds, True)
    return unknown


def recognise(decoder, sound, partly):
    decoder.start_utt()
    decoder.process_raw(sound, False, True)
    if not partly:
        # From here on only sentences count that are whole in the grammar.
        decoder.end_utt()
    return words(decoder.seg()) if decoder.hyp() else []


def words(parts):
    """Each with its begin and end; silence, breath and the marks of the grammar are in brackets."""
    parts = [part for part in parts if part.word[0] not in "<([+"]
    # A second pronunciation of a word is marked as in «a(2)».
    return [
        [re.sub(r"\(\d+\)", "", part.word), part.start_frame / FRAMES, (part.end_frame + 1) / FRAMES] for part in parts
    ]


def set_up(decoder, request):
    if "words" in request:
        return {"unknown": learn(decoder, request["words"])}
    decoder.add_jsgf_string("answers", request["grammar"])
    decoder.activate_search("answers")
    return {"ready": True}


def end_with(parent):
    """Has the kernel kill this process when its parent dies, however that dies."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def apart(work):
    """Does it in a copy of this process: a decoder keeps traces of what it heard, and each caller is to find it new."""
    parent, copy = os.getpid(), os.fork()
    if copy == 0:
        try:
            end_with(parent)
            work()
            os._exit(0)
        finally:
            os._exit(1)
    wait_for(copy)
    if os.waitpid(copy, 0)[1] != 0:
        sys.exit("the recogniser's copy did not answer")


def wait_for(copy):
    """Until the copy has ended, or standard input has, with its owner. The next sound may be there before the copy's end."""
    ended = os.pidfd_open(copy)
    poll = select.poll()
    poll.register(ended, select.POLLIN)
    poll.register(sys.stdin.fileno(), 0)
    if ended not in [file for file, _ in poll.poll()]:
        os.kill(copy, signal.SIGKILL)
    os.close(ended)


def say(answer):
    print(json.dumps(answer), flush=True)


def main():
    model = get_model_path()
    decoder = Decoder(
        hmm=f"{model}/en-us/en-us",
        dict=f"{model}/en-us/cmudict-en-us.dict",
        lm=None,
        wip=WORD_INSERTION,
        loglevel="ERROR",
    )
    for line in sys.stdin.buffer:
        request = json.loads(line)
        if "bytes" in request:
            sound = sys.stdin.buffer.read(request["bytes"])
            apart(lambda: say({"words": recognise(decoder, sound, request.get("partly", False))}))
        else:
            say(set_up(decoder, request))


main()
