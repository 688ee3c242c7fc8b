// Microphones that fail and are unplugged. These functions run in the page, so each stands alone.

/** Init script: the browser's own microphones, until they are taken away. */
export function controlMicrophones() {
  const { mediaDevices } = navigator;
  const [open, list] = ['getUserMedia', 'enumerateDevices'].map((name) => mediaDevices[name].bind(mediaDevices));
  const tracks = [];
  let refusal;
  window.asked = [];
  mediaDevices.getUserMedia = async (constraints) => {
    const { deviceId } = constraints.audio ?? {};
    const device = deviceId?.exact ?? deviceId?.ideal ?? deviceId ?? '';
    window.asked.push(device);
    if (refusal && (refusal.device ?? device) === device) throw new DOMException(refusal.message, refusal.name);
    const stream = await open(constraints);
    tracks.push(...stream.getAudioTracks());
    return stream;
  };
  mediaDevices.enumerateDevices = async () => (refusal?.name === 'NotFoundError' ? [] : list());
  window.listening = () => tracks.filter(({ readyState }) => readyState === 'live').length;
  window.refuseMicrophone = (name, message = '', device = undefined) => {
    refusal = name ? { name, message, device } : undefined;
  };
  window.unplug = () => {
    window.refuseMicrophone('NotFoundError');
    for (const track of tracks.splice(0)) {
      track.stop();
      track.dispatchEvent(new Event('ended'));
    }
    mediaDevices.dispatchEvent(new Event('devicechange'));
  };
  window.plugIn = () => {
    window.refuseMicrophone();
    mediaDevices.dispatchEvent(new Event('devicechange'));
  };
}

/** Init script: no sound until somebody has allowed it. */
export function blockSound() {
  const { play } = HTMLMediaElement.prototype;
  HTMLMediaElement.prototype.play = function () {
    return window.soundAllowed ? play.call(this) : Promise.reject(new DOMException('play() failed', 'NotAllowedError'));
  };
}
