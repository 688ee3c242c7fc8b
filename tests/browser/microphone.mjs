// A microphone that says what it is told to. These functions run in the page, so each stands alone.

/** Init script: takes the place of the real microphone; silent until it is told to say something. */
export function replaceMicrophone() {
  let context;
  let microphone;
  navigator.mediaDevices.getUserMedia = async () => {
    // Large buffers: on a busy machine small ones come too late, and words have gaps.
    context ??= new AudioContext({ latencyHint: 'playback' });
    await context.resume();
    microphone = context.createMediaStreamDestination();
    return microphone.stream;
  };
  window.sayIntoMicrophone = async (wav) => {
    const bytes = Uint8Array.from(atob(wav), (character) => character.charCodeAt(0));
    const speech = context.createBufferSource();
    speech.buffer = await context.decodeAudioData(bytes.buffer);
    speech.connect(microphone);
    await new Promise((resolve) => {
      speech.onended = resolve;
      speech.start();
    });
  };
}

/** Says a WAV file, given in base64, to its end. */
export function say(wav) {
  return window.sayIntoMicrophone(wav);
}
