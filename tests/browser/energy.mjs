// What WebRTC counted of the sound in a call. These functions run in the page, so each stands alone.

/** Init script: keeps every connection that the page makes, for the other two. */
export function collectPeerConnections() {
  const connections = [];
  window.RTCPeerConnection = class extends window.RTCPeerConnection {
    constructor(...parameters) {
      super(...parameters);
      connections.push(this);
    }
  };
  window.totalAudioEnergy = async (type) => {
    let energy = 0;
    for (const connection of connections.filter(({ connectionState }) => connectionState !== 'closed')) {
      for (const report of (await connection.getStats()).values()) {
        if (report.type === type && report.kind === 'audio') energy += report.totalAudioEnergy ?? 0;
      }
    }
    return energy;
  };
}

/** Of what the others said. */
export function receivedEnergy() {
  return window.totalAudioEnergy('inbound-rtp');
}

/** Of what the microphone gave. */
export function sentEnergy() {
  return window.totalAudioEnergy('media-source');
}
