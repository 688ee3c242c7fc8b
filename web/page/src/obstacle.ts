// What keeps this browser, or this address of the page, from placing a call.

/** In words for the visitor; undefined where a call can be placed. */
export function obstacle(): string | undefined {
  if (!window.isSecureContext) {
    // Browsers give a microphone to nobody but these.
    return (
      'A call needs the microphone, and browsers allow that only to pages that are opened over https, or on localhost. ' +
      `Try ${secureAddress()} instead.`
    );
  }
  if (!('mediaDevices' in navigator) || !('getUserMedia' in navigator.mediaDevices) || !('RTCPeerConnection' in window)) {
    return 'This browser does not let pages place calls. Open this page in Chrome, Firefox, Safari or Edge, outside of other apps.';
  }
  return undefined;
}

function secureAddress(): string {
  const { hostname, pathname } = window.location;
  return `https://${hostname}${pathname}`;
}
